"""The brokers the cluster is tested on keep what they were given over a restart."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection, socket

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis as Client

from tools.brokers import __main__ as brokers
from tools.brokers.kafka import Kafka
from tools.brokers.process import is_alive, is_free, stop
from tools.brokers.redis import Redis


async def test_kafka_keeps_what_all_replicas_acknowledged_over_a_kill(kafka: Kafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait("kept", b"an event", key=b"anna")
    kafka.stop(signal.SIGKILL)
    kafka.start()
    consumer = AIOKafkaConsumer(
        "kept", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    )
    async with consumer:
        message = await consumer.getone()
    assert (message.key, message.value) == (b"anna", b"an event")


async def test_redis_keeps_what_it_was_given_until_it_is_to_forget(redis: Redis) -> None:
    async with Client.from_url(redis.url) as client:
        await client.set("anna", "known")
    redis.stop()
    redis.start()
    async with Client.from_url(redis.url) as client:
        assert await client.get("anna") == b"known"
    redis.stop()
    redis.forget()
    redis.start()
    async with Client.from_url(redis.url) as client:
        assert await client.get("anna") is None


def test_a_server_is_gone_once_it_was_stopped(redis: Redis) -> None:
    pid, port = redis.pid, int(redis.url.rpartition(":")[2])
    assert is_alive(pid)
    assert not is_free(port)
    redis.stop()
    assert not is_alive(pid)
    assert is_free(port)
    redis.start()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where `make brokers` keeps what it starts; ended with the test."""
    monkeypatch.setattr(brokers, "HOME", tmp_path / "brokers")
    monkeypatch.setattr(brokers, "_STATE", tmp_path / "brokers" / "running.json")
    yield tmp_path / "brokers" / "running.json"
    brokers.stop()


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.usefixtures("kafka", "redis")
def test_a_broker_that_has_ended_is_told_and_started_again_with_what_it_kept(
    checkout: Path,
) -> None:
    assert brokers.start()
    before = json.loads(checkout.read_text())
    with reached(before["redis"]["url"]) as redis:
        redis.sendall(b"SET anna known\r\n")
        assert redis.recv(64) == b"+OK\r\n"
    for name in before:
        was = json.loads(checkout.read_text())
        stop(was[name]["pid"], signal.SIGKILL)
        assert not brokers.status()
        assert brokers.start()
        now = json.loads(checkout.read_text())
        assert [other for other in now if now[other] != was[other]] == [name]
        assert now[name]["url"] == was[name]["url"]
    with reached(before["redis"]["url"]) as redis:
        redis.sendall(b"GET anna\r\n")
        assert redis.recv(64) == b"$5\r\nknown\r\n"
    assert brokers.start()


def reached(url: str) -> socket:
    host, port = url.partition("//")[2].split(":")
    return create_connection((host, int(port)))
