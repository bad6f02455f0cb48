"""Several servers of a cluster on one port: real processes, called by real gRPC clients."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.edges.kafka.messages import decode_message
from engine.model import Event
from engine.wire import event_pb2, event_pb2_grpc
from tests.cluster.workers import PARTITIONS, Cluster, cluster_on
from tests.service import Service, serving
from tools.brokers.kafka import Kafka
from tools.brokers.process import free_port, is_free
from tools.brokers.redis import Redis

RULES: Final = Path("rules/telecom")
CALLERS: Final = 12
EACH: Final = 40


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


class Caller:
    """One client with a connection of its own, which sends until every event is accepted."""

    def __init__(self, number: int, channel: grpc.Channel) -> None:
        self._number = number
        self._stub = event_pb2_grpc.EventServiceStub(channel)
        self.accepted: list[str] = []
        self.halfway = threading.Event()

    def send(self) -> None:
        for n in range(EACH):
            self._send_until_accepted(f"e{self._number}.{n}")
            if n == EACH // 2:
                self.halfway.set()

    def _send_until_accepted(self, event_id: str) -> None:
        interaction = event_pb2.Interaction(type="call", channel="ivr")
        event = event_pb2.Event(
            event_id=event_id, customer_id=f"c{self._number}", interaction=interaction
        )
        event.time.GetCurrentTime()
        request = event_pb2.RecordEventsRequest(events=[event])
        for _ in range(10):
            try:
                (result,) = self._stub.RecordEvents(
                    request, timeout=20, wait_for_ready=True
                ).results
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                continue
            assert result.status != event_pb2.EventResult.STATUS_REJECTED, result
            self.accepted.append(event_id)
            return
        pytest.fail("no server takes it")


@pytest.fixture
def callers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def connected(stack: ExitStack, address: str) -> list[Caller]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50)]
    return [
        Caller(number, stack.enter_context(grpc.insecure_channel(address, options)))
        for number in range(CALLERS)
    ]


def children(service: Service) -> list[int]:
    pid = service.process.pid
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def figure(at: int, name: str) -> dict[str, float]:
    """A figure of each server, as the parent exports it."""
    with urlopen(f"http://127.0.0.1:{at}/metrics") as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                server = sample.labels["server"]
                found[server] = found.get(server, 0.0) + sample.value
    return found


def folders(data: Path) -> set[str]:
    return {folder.name for folder in data.iterdir()}


async def in_log(cluster: Cluster) -> set[str]:
    found = set()
    for partition in range(PARTITIONS):
        for _, _, value in await cluster.read(cluster.topics.events, partition):
            entry = decode_message(value)
            assert isinstance(entry, Event)
            found.add(str(entry.event_id))
    return found


@contextmanager
def crew(cluster: Cluster, data: Path) -> Iterator[tuple[Service, int]]:
    """Two servers of this cluster on one port, and where the parent exports their figures."""
    metrics = next(port for port in iter(free_port, 0) if is_free(port + 1) and is_free(port + 2))
    options = ["--workers", "2", "--metrics", f"127.0.0.1:{metrics}", "--no-watch"]
    options += ["--stream", f"kafka://{cluster.kafka.bootstrap}", "--state", cluster.redis.url]
    options += ["--name", cluster.topics.installation]
    with serving(RULES, data, *options) as service:
        yield service, metrics


async def both_up(metrics: int) -> None:
    """Waits until both servers are ready (again)."""
    while figure(metrics, "attune_server_up") != {"1": 1.0, "2": 1.0}:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


async def test_callers_are_spread_and_a_killed_server_loses_nothing_it_accepted(
    tmp_path: Path, cluster: Cluster, callers: ExitStack
) -> None:
    with crew(cluster, tmp_path) as (service, metrics):
        calling = connected(callers, service.address)
        with ThreadPoolExecutor(CALLERS) as pool:
            sending = [pool.submit(caller.send) for caller in calling]
            for caller in calling:
                caller.halfway.wait(60)
            assert all(count > 0 for count in figure(metrics, "attune_events_total").values())
            first, *_ = children(service)
            os.kill(first, signal.SIGKILL)
            for each in sending:
                each.result()
        await both_up(metrics)
        assert first not in children(service)
        accepted = {event_id for caller in calling for event_id in caller.accepted}
        assert len(accepted) == CALLERS * EACH
        assert await in_log(cluster) == accepted
        service.process.terminate()
        assert service.process.wait(60) == 0
    assert folders(tmp_path) == {"server-1", "server-2"}


@pytest.mark.soak
async def test_what_a_killed_server_had_spooled_is_sent_once_kafka_is_back(
    tmp_path: Path, cluster: Cluster, callers: ExitStack
) -> None:
    with crew(cluster, tmp_path) as (service, metrics):
        calling = connected(callers, service.address)
        await asyncio.to_thread(cluster.kafka.stop)
        try:
            with ThreadPoolExecutor(CALLERS) as pool:
                list(pool.map(Caller.send, calling))
            spooled = figure(metrics, "attune_spool_records")
            assert all(spooled.values())
            assert sum(spooled.values()) == CALLERS * EACH
            for server in children(service):
                os.kill(server, signal.SIGKILL)
        finally:
            await asyncio.to_thread(cluster.kafka.start)
        await both_up(metrics)
        while sum(figure(metrics, "attune_spool_records").values()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        accepted = {event_id for caller in calling for event_id in caller.accepted}
        assert await in_log(cluster) == accepted
