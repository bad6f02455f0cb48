"""What keeps a group of workers from its log, brought about on a real Kafka: workers get over it themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.stream import app
from engine.edges.stream.worker import Worker, WorkerSettings, at_work
from engine.model import SECOND, CustomerId
from tests.cluster.workers import PARTITIONS, Cluster, cluster_on
from tests.happenings import interaction
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

PATIENCE = 100
ADA = CustomerId("ada")


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@asynccontextmanager
async def working(cluster: Cluster) -> AsyncIterator[Worker]:
    """A worker in this process that has all partitions."""
    where = RedisAddress.parse(cluster.redis.url)
    settings = WorkerSettings(cluster.kafka.bootstrap, where, cluster.topics)
    async with at_work(settings) as worker:
        await seen(worker, lambda: len(worker.vitals.seen.owned) == PARTITIONS + 1)
        yield worker


async def seen(worker: Worker, what: Callable[[], bool]) -> None:
    """Waits until it is so, while the worker works."""
    async with asyncio.timeout(PATIENCE):
        while not what():
            assert not worker.broken.done()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "looked_up_every",
    [
        pytest.param(app._TOPICS_LOOKED_UP_EVERY, id="the leader asks again"),
        pytest.param(300_000, id="the watch joins anew", marks=pytest.mark.soak),
    ],
)
async def test_a_group_divided_by_a_leader_that_was_told_of_no_topics_is_divided_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, looked_up_every: int
) -> None:
    """As a Kafka may answer that has just started: the group was then left without partitions."""
    monkeypatch.setattr(app, "_TOPICS_LOOKED_UP_EVERY", looked_up_every)
    async with working(cluster) as worker:
        consumer = worker.membership._consumer
        assert consumer is not None
        metadata = consumer._client.cluster
        update = metadata.update_metadata

        def update_without_topics(told: Any) -> None:
            told.topics = []
            update(told)

        with monkeypatch.context() as just_started:
            just_started.setattr(metadata, "update_metadata", update_without_topics)
            consumer._loop.call_soon_threadsafe(consumer._client.force_metadata_update)
            await seen(worker, lambda: not consumer.assignment())
        await seen(worker, lambda: len(consumer.assignment()) == PARTITIONS + 1)
        await cluster.send([interaction("e1", at=2 * SECOND)])
        async with asyncio.timeout(PATIENCE):
            await cluster.settled()
    assert len((await cluster.customers.load(ADA)).interactions) == 1
