"""Workers that are started and stopped, flooded, and left without Redis or Kafka at the wrong moment."""

import asyncio
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.edges.kafka.messages import Record
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.stream.letters import decode_dead_letter
from engine.model import SECOND, CustomerId
from tests.cluster.traffic import traffic
from tests.cluster.workers import Cluster, cluster_on
from tests.edges.state.tally import Tally, store_at
from tests.happenings import interaction
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

PATIENCE = 100
WHO = 150
ROOT = Path(__file__).parents[2]
ADA = CustomerId("ada")


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@pytest.fixture
async def workers() -> AsyncIterator[list["subprocess.Popen[str]"]]:
    """Those a test starts; ended with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for worker in started:
        with worker:
            worker.kill()


async def test_what_a_worker_began_before_it_was_asked_to_stop_is_not_done_again(
    cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    log = [interaction(f"e{n}", f"c{n % WHO}", at=n * SECOND) for n in range(1, 4_001)]
    await cluster.send(log)
    ended: list[tuple[int, ...]] = []
    for _ in range(2):
        workers.append(cluster.worker())
        await asyncio.to_thread(_said, workers[-1], "follows")
        async with asyncio.timeout(PATIENCE):
            await (cluster.settled() if ended else cluster.begun())
        workers[-1].terminate()
        assert await asyncio.to_thread(workers[-1].wait) == 0
        ended.append(_told_at_the_end(workers[-1]))
    assert ended[0][0] < len(log)
    assert [sum(told) for told in zip(*ended, strict=True)] == [len(log), 0, 0]


async def test_what_redis_lost_while_no_worker_ran_is_made_up_although_nothing_comes(
    cluster: Cluster, workers: list["subprocess.Popen[str]"], redis: Redis
) -> None:
    workers.append(cluster.worker())
    await cluster.send(traffic(300, seed=4, now=time.time_ns() // 1_000))
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    workers[0].terminate()
    assert await asyncio.to_thread(workers[0].wait) == 0
    redis.stop(signal.SIGKILL)
    redis.forget()
    redis.start()
    workers.append(cluster.worker())
    customers, _ = await cluster.folded()
    async with asyncio.timeout(PATIENCE):
        await cluster.reached()
        while await cluster.differing(customers):
            pass


@pytest.mark.soak
async def test_workers_are_replaced_one_after_the_other_while_events_come(
    cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    log = traffic(3_000, seed=6, now=time.time_ns() // 1_000)
    workers += [cluster.worker(), cluster.worker()]
    for at in range(3):
        await asyncio.to_thread(_said, workers[at], "follows")
        await cluster.send(log[at * 1_000 : (at + 1) * 1_000])
        workers[at].terminate()
        assert await asyncio.to_thread(workers[at].wait) == 0
        workers.append(cluster.worker())
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    customers, _ = await cluster.folded()
    assert not await cluster.differing(customers)
    assert not await cluster.read(cluster.topics.dead_letters)


async def test_a_flood_of_what_nobody_can_read_holds_up_nothing(
    cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    poison = [Record(cluster.topics.events, b"ada", b"\xff" * 2_000) for _ in range(5_000)]
    workers.append(cluster.worker())
    await cluster.publisher.publish(poison)
    await cluster.send([interaction("e1", at=2 * SECOND)])
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    assert len((await cluster.customers.load(ADA)).interactions) == 1
    dead = await cluster.read(cluster.topics.dead_letters)
    places = [decode_dead_letter(value).place.offset for _, _, value in dead]
    assert places == list(range(5_000))


async def test_a_worker_that_is_started_while_kafka_is_away_waits_and_says_so(
    cluster: Cluster, workers: list["subprocess.Popen[str]"], kafka: Kafka
) -> None:
    await cluster.send([interaction("e1", at=2 * SECOND)])
    kafka.stop()
    workers.append(cluster.worker("--metrics", "127.0.0.1:0"))
    where = re.findall(r"(http://.*)/metrics", _said(workers[0], "tells how it is"))[0]
    assert "waits, the topics cannot be created" in _said(workers[0], "waits")
    assert await asyncio.to_thread(_asked, f"{where}/live") == 200
    assert await asyncio.to_thread(_asked, f"{where}/ready") == 503
    kafka.start()
    async with asyncio.timeout(PATIENCE):
        await asyncio.to_thread(_said, workers[0], "follows")
        await cluster.settled()
        while await asyncio.to_thread(_asked, f"{where}/ready") != 200:
            pass
    assert len((await cluster.customers.load(ADA)).interactions) == 1


async def test_a_worker_that_waits_for_kafka_ends_when_it_is_asked_to(
    cluster: Cluster, workers: list["subprocess.Popen[str]"], kafka: Kafka
) -> None:
    kafka.stop()
    try:
        workers.append(cluster.worker())
        _said(workers[0], "waits")
        workers[0].terminate()
        assert await asyncio.to_thread(workers[0].wait) == 0
        _said(workers[0], "ended before it could begin")
    finally:
        kafka.start()


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_who_waits_for_the_token_key_ends_when_it_is_asked_to(
    cluster: Cluster, tmp_path: Path, command: str
) -> None:
    words = [sys.executable, "-m", "engine", command, "--rules", "rules/telecom"]
    words += ["--data", str(tmp_path / "data"), "--name", cluster.topics.installation]
    words += ["--stream", f"kafka://{cluster.kafka.bootstrap}", "--state", "redis://127.0.0.1:1"]
    assert await asyncio.to_thread(_ended, words, "no key to seal tokens by") == 0


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
async def test_who_finds_another_installations_redis_refuses_to_begin(
    cluster: Cluster, tmp_path: Path, command: str
) -> None:
    async with store_at(tmp_path / "migrate", Tally()) as store:
        await store.append([interaction("e1", at=SECOND)])
    address = RedisAddress.parse(cluster.redis.url)
    await (await Connection.open(address, installation="another")).close()
    words = [sys.executable, "-m", "engine", command, "--data", str(tmp_path / command)]
    words += ["--stream", f"kafka://{cluster.kafka.bootstrap}", "--state", cluster.redis.url]
    words += ["--name", cluster.topics.installation]
    ran = await asyncio.to_thread(
        subprocess.run, words, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "holds the customers of the installation 'another'" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not await cluster.read(cluster.topics.events)


def _ended(words: list[str], saying: str) -> int:
    """How a process ends that is asked to once it says this."""
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any(saying in line for line in process.stderr)
            process.terminate()
            return process.wait(20)
        finally:
            process.kill()


def _asked(url: str) -> int:
    """The status of the answer."""
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _told_at_the_end(worker: "subprocess.Popen[str]") -> tuple[int, ...]:
    """What became of entries: applied, known already, set aside."""
    assert worker.stdout is not None
    (told,) = re.findall(r"ended: (\d+) .*, (\d+) .*, (\d+) ", worker.stdout.read())
    return tuple(map(int, told))


def _said(worker: "subprocess.Popen[str]", what: str) -> str:
    """The next line the worker says, with this in it."""
    assert worker.stdout is not None
    line = worker.stdout.readline()
    assert what in line
    return line
