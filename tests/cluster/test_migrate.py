"""An embedded installation moves to a real Kafka and a real Redis, and goes on there."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.edges.kafka.messages import customer_key, decode_message
from engine.edges.kafka.partitions import partition_of
from engine.edges.kafka.topics import Size
from engine.edges.redis.address import RedisAddress
from engine.edges.state.embedded import Embedded
from engine.edges.state.rebuild import Rebuilt, rebuild
from engine.edges.stream.learning import Pupil
from engine.errors import StorageError
from engine.learning.mind import Mind
from engine.migration.log import Topic
from engine.migration.migrate import Moved, NotMovable, Steps, Target, migrate
from engine.migration.source import opened
from engine.model import Event, EventId, ProfileUpdate
from tests.cluster.test_worker import workers
from tests.cluster.traffic import traffic
from tests.cluster.workers import PARTITIONS, Cluster, cluster_on
from tests.lessons import SCHEMA
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

__all__ = ["workers"]

NOW = time.time_ns() // 1_000
DAY = traffic(3_000, seed=1, now=NOW)
LATER = [
    replace(entry, event_id=EventId(f"later.{entry.event_id}"))
    if isinstance(entry, Event)
    else entry
    for entry in traffic(400, seed=2, now=NOW)
]


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


async def accepted(data: Path, log: Sequence[Event | ProfileUpdate]) -> None:
    """An embedded installation that has accepted this and learned from it."""
    mind = Mind()
    store = await Embedded.open(
        data,
        teach=mind.teach,
        register=mind.register,
        snapshot=mind.snapshot,
        restore=mind.restore,
        clock=lambda: time.time_ns() // 1_000,
    )
    await store.note_schema(SCHEMA.digest, SCHEMA.to_dict())
    for at in range(0, len(log), 100):
        await store.append(log[at : at + 100])
        await store.settled()
    await store.close()


@contextmanager
def unseen(what: str, total: int) -> Iterator[Callable[[int], object]]:
    yield lambda done: None


class Cut(Exception):
    """A migration is broken off here."""


def cut_in(work: str) -> Steps:
    """Breaks off within this piece of work, once some of it is done."""

    @contextmanager
    def steps(what: str, total: int) -> Iterator[Callable[[int], object]]:
        def tell(done: int) -> None:
            if what == work:
                raise Cut

        yield tell

    return steps


async def move(data: Path, cluster: Cluster, steps: Steps = unseen) -> Moved:
    target = Target(
        cluster.kafka.bootstrap,
        RedisAddress.parse(cluster.redis.url),
        cluster.topics,
        Size(PARTITIONS),
    )
    async with opened(data) as source:
        return await migrate(source, target, steps)


def known(data: Path) -> tuple[Rebuilt, Mind]:
    """What the log of the embedded installation makes, read from its beginning."""
    mind = Mind()
    return rebuild(data, teach=mind.teach, register=mind.register), mind


async def in_topic(cluster: Cluster) -> int:
    """How many records the topic of events holds."""
    places = [TopicPartition(cluster.topics.events, n) for n in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=cluster.kafka.bootstrap) as consumer:
        consumer.assign(places)
        return sum((await consumer.end_offsets(places)).values())


async def test_all_of_it_moves_and_workers_go_on_from_there(
    tmp_path: Path, cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    await accepted(tmp_path, DAY)
    before, mind = known(tmp_path)
    moved = await move(tmp_path, cluster)
    assert moved.entries == moved.sent == await in_topic(cluster)
    assert moved.customers == len(before.customers)
    assert moved.lessons == mind.learner.version > 500
    assert await cluster.applied(DAY) == {
        entry.event_id for entry in DAY if isinstance(entry, Event)
    }
    await as_before(cluster, before, mind)
    assert await move(tmp_path, cluster) == Moved(already=True, lessons=moved.lessons)

    workers.append(cluster.worker())
    repeated = [entry for entry in DAY if isinstance(entry, Event)][:300]
    await cluster.send([*LATER, *repeated])
    await cluster.settled()
    after, _ = await cluster.folded()
    assert await cluster.differing(after) == []
    pupil = Pupil()
    for offset, _, value in await cluster.read(cluster.topics.lessons):
        pupil.take(offset, value)
    weights = await cluster.weights()
    assert weights is not None
    assert weights.snapshot == pupil.mind.snapshot()
    assert pupil.mind.learner.version > moved.lessons


async def test_a_customer_stays_in_the_partition_that_servers_write_to(cluster: Cluster) -> None:
    await cluster.send(LATER)
    for partition in range(PARTITIONS):
        for _, _, value in await cluster.read(cluster.topics.events, partition):
            key = customer_key(decode_message(value).customer_id)
            assert partition_of(key, list(range(PARTITIONS)), None) == partition


@pytest.mark.parametrize("work", ["the log", "customers"])
async def test_a_move_that_was_broken_off_goes_on_and_does_nothing_twice(
    tmp_path: Path, cluster: Cluster, work: str
) -> None:
    await accepted(tmp_path, DAY)
    before, mind = known(tmp_path)
    with pytest.raises(Cut):
        await move(tmp_path, cluster, cut_in(work))
    cut_off = await in_topic(cluster)
    moved = await move(tmp_path, cluster)
    assert not moved.already
    assert moved.entries == await in_topic(cluster) == before.seq - 1
    assert moved.sent == moved.entries - cut_off
    assert cut_off > 500
    await as_before(cluster, before, mind)


async def test_a_move_that_was_killed_goes_on(tmp_path: Path, cluster: Cluster) -> None:
    await accepted(tmp_path, traffic(10_000, seed=3, now=NOW))
    before, mind = known(tmp_path)
    command = [sys.executable, "-m", "engine", "migrate", "--data", str(tmp_path)]
    command += ["--stream", f"kafka://{cluster.kafka.bootstrap}", "--state", cluster.redis.url]
    command += ["--name", cluster.topics.installation, "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as killed:  # noqa: ASYNC220
        while not await in_topic(cluster):  # noqa: ASYNC110  # another process, which tells nobody
            await asyncio.sleep(0.01)
        killed.kill()
    ran = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["entries"] == await in_topic(cluster) == before.seq - 1
    await as_before(cluster, before, mind)


async def as_before(cluster: Cluster, before: Rebuilt, mind: Mind) -> None:
    """Fails unless the cluster knows every customer, and has learned, as the installation did."""
    assert await cluster.differing(before.customers) == []
    weights = await cluster.weights()
    assert weights is not None
    assert weights.snapshot == mind.snapshot()


async def test_a_cluster_that_others_use_is_refused(tmp_path: Path, cluster: Cluster) -> None:
    await accepted(tmp_path, LATER)
    await cluster.send(LATER[:1])
    with pytest.raises(StorageError, match="does not come from this installation"):
        await move(tmp_path, cluster)
    assert await cluster.weights() is None


async def test_what_others_write_into_the_log_that_moves_is_noticed(
    tmp_path: Path, cluster: Cluster
) -> None:
    log = list(enumerate(LATER, 1))
    topic = await Topic.open(cluster.kafka.bootstrap, cluster.topics, "c0ffee")
    try:
        await topic.send(log[:200])
        await cluster.send(LATER[:1])
        await topic.send(log[200:])
        with pytest.raises(StorageError, match="does not come from this installation"):
            topic.verify()
    finally:
        await topic.close()


async def test_another_installation_is_refused_and_so_is_what_came_after_the_move(
    tmp_path: Path, cluster: Cluster
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    await accepted(one, LATER[:50])
    await move(one, cluster)
    await accepted(other, DAY[:50])
    with pytest.raises(NotMovable, match="another installation has moved"):
        await move(other, cluster)
    await accepted(one, DAY[:7])
    with pytest.raises(NotMovable, match="after it had moved"):
        await move(one, cluster)


async def test_workers_at_work_are_to_be_stopped_first(
    tmp_path: Path, cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    await accepted(tmp_path, LATER[:50])
    workers.append(cluster.worker())
    await cluster.send(LATER[:1])
    await cluster.settled()
    with pytest.raises(NotMovable, match="1 of the cluster's workers"):
        await move(tmp_path, cluster)


def said(data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """What the command says where no cluster is needed, nor is there one."""
    command = [sys.executable, "-m", "engine", "migrate", "--data", str(data)]
    command += ["--stream", "kafka://127.0.0.1:1", "--state", "redis://127.0.0.1:1", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_what_is_no_data_directory_is_one_clear_line(tmp_path: Path) -> None:
    ran = said(tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"attune: there is no journal.db in {tmp_path}")


async def test_what_there_is_to_be_moved_is_told_without_a_cluster(tmp_path: Path) -> None:
    await accepted(tmp_path, LATER)
    before, mind = known(tmp_path)
    figures = json.loads(said(tmp_path, "--dry-run", "--format", "json").stdout)
    assert figures["dry_run"]
    assert figures["entries"] == before.seq - 1
    assert figures["customers"] == len(before.customers)
    assert figures["lessons"] == mind.learner.version
    told = said(tmp_path, "--dry-run").stdout
    assert told.startswith(f"To be moved: {before.seq - 1:,} events and profile updates, ")

    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
        journal.execute("UPDATE entries SET body = x'ff' WHERE seq = 5")
        journal.commit()
    told = said(tmp_path, "--dry-run").stdout
    assert told.startswith(f"To be moved: {before.seq - 2:,} events and profile updates, ")
    assert "1 entry nobody can read any more will stay behind." in told


async def test_a_directory_that_a_service_uses_is_refused(tmp_path: Path) -> None:
    await accepted(tmp_path, LATER[:20])
    async with opened(tmp_path):
        ran = said(tmp_path)
    assert ran.returncode == 1
    assert "is in use by process" in ran.stderr
