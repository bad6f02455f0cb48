"""An inbox over a Redis that is emptied at the worst moment, without anybody losing the connection."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

from engine.codec import Entry
from engine.edges.kafka.messages import Place, Taught, decode_taught
from engine.edges.kafka.reading import stretch
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Asked, RedisCustomers
from engine.edges.redis.marks import Marks
from engine.edges.stream.inbox import Inbox
from engine.edges.stream.letters import Letter
from engine.model import CustomerId, EventId, TrainingExample
from tests.cluster.checker import check_lessons
from tests.cluster.workers import PARTITIONS, Cluster, cluster_on
from tests.happenings import exposure, response
from tests.lessons import raw_features
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

ADA = CustomerId("ada")


class Emptied(RedisCustomers):
    """Customers in a Redis that is emptied just before the next customer is read, once it is to be."""

    emptied_next = False

    def ask(self, customer_id: CustomerId, events: Sequence[EventId]) -> Asked:
        if self.emptied_next:
            self.emptied_next = False
            self._connection.call("FLUSHALL")
        return super().ask(customer_id, events)


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    made = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    yield made
    await made.close()


async def nobody(entries: Sequence[Entry]) -> None:
    """Counts nothing."""


async def test_a_redis_emptied_between_two_reads_of_a_batch_teaches_nothing_else(
    cluster: Cluster, connection: Connection
) -> None:
    to = exposure(at=2_000_000, features=raw_features(random.Random(1)))
    log = [
        response("e1", to=to, outcome="click", reward=0.2, at=3_000_000),
        response("e2", to=to, outcome="accept", reward=1.0, at=4_000_000),
    ]
    customers = Emptied(connection, lambda: 0)
    reread = partial(stretch, cluster.kafka.bootstrap, cluster.topics.events)
    marks = Marks(connection, cluster.topics.events)
    inbox = Inbox(customers, marks, cluster.publisher, cluster.topics, reread, nobody)
    running = asyncio.create_task(inbox.run())
    try:
        for entry in log:
            await cluster.send([entry])
            done = asyncio.Event()
            await inbox.put(await newest(cluster, done))
            await done.wait()
            customers.emptied_next = True
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert (await cluster.customers.load(ADA)).touches[0].taught == 1.0
    latest, lessons = -1, []
    for _, _, value in await cluster.read(cluster.topics.lessons):
        taught = decode_taught(value)
        if isinstance(taught, Taught) and taught.place.offset > latest:
            latest = taught.place.offset
            lessons += [one for one in taught.lessons if isinstance(one, TrainingExample)]
    assert check_lessons(lessons, {(to.decision_id, to.action_id): 1.0}) == []


async def newest(cluster: Cluster, done: asyncio.Event) -> Letter:
    """The one that was sent last, of the only customer."""
    topic = cluster.topics.events
    letters = [
        Letter(topic, Place(partition, offset), key, value, done.set)
        for partition in range(PARTITIONS)
        for offset, key, value in await cluster.read(topic, partition)
    ]
    return max(letters, key=lambda letter: letter.place.offset)
