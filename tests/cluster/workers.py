"""Worker processes of a test, and what a cluster holds once they have done their work."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.codec import SchemaNote
from engine.edges.kafka.messages import (
    Place,
    Record,
    Taught,
    customer_key,
    decode_message,
    decode_taught,
    encode_message,
)
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import Read, stretch
from engine.edges.kafka.topics import Size, Topics, ensure
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import RedisCustomers
from engine.edges.redis.keys import customer_key as redis_key
from engine.edges.redis.keys import round_key
from engine.edges.redis.marks import Marks
from engine.edges.stream.inbox import MODEL
from engine.edges.stream.learning import Pupil
from engine.edges.stream.rounds import encode_walked
from engine.edges.stream.weights import Weights, newest
from engine.errors import StorageError
from engine.model import Customer, CustomerId, Event, EventId, Lesson, ProfileUpdate
from engine.topology import take_in
from engine.triggers.daily import Walked
from tests.lessons import SCHEMA
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

PARTITIONS = 4


class Cluster:
    """An installation of its own on the brokers of the test run."""

    def __init__(self, kafka: Kafka, redis: Redis, connection: Connection) -> None:
        self.kafka, self.redis = kafka, redis
        self.topics = Topics(f"t{uuid4().hex[:8]}")
        self.publisher = Publisher(kafka.bootstrap, patience=20)
        self.customers = RedisCustomers(connection, lambda: 0)
        self._connection = connection
        self._started: list[subprocess.Popen[str]] = []

    async def heard_before(self, trigger: str) -> None:
        """Makes it look as if a daily trigger had been heard before today, and not today."""
        long_ago = encode_walked(Walked(date(2026, 1, 1), None))
        for partition in range(PARTITIONS):
            key = round_key(self.topics.events, partition, trigger)
            await self._connection.ask("SET", key, long_ago)

    def worker(self, *words: str) -> "subprocess.Popen[str]":
        """A worker in a process of its own; killed with the cluster if it still runs then."""
        command = [sys.executable, "-m", "engine", "worker", "--name", self.topics.installation]
        command += ["--stream", f"kafka://{self.kafka.bootstrap}", "--state", self.redis.url]
        worker = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True)
        self._started.append(worker)
        return worker

    def dismiss(self) -> None:
        """Kills the workers that still run."""
        for worker in self._started:
            with worker:
                worker.kill()

    async def send(self, entries: Sequence[Event | ProfileUpdate]) -> None:
        """Has them in the log, in this order."""
        topic = self.topics.events
        for at in range(0, len(entries), 500):
            await self.publisher.publish(
                [
                    Record(topic, customer_key(entry.customer_id), encode_message(entry))
                    for entry in entries[at : at + 500]
                ]
            )

    async def read(self, topic: str, partition: int = 0) -> list[Read]:
        """All records of a partition."""
        return [read async for read in stretch(self.kafka.bootstrap, topic, partition, 0)]

    async def begun(self) -> None:
        """Waits until workers have committed something of the log of events."""
        async with self._asking(self._workers) as consumer:
            while not any([await consumer.committed(at) for at in self._followed[:PARTITIONS]]):
                pass

    async def settled(self) -> None:
        """Waits until workers have committed everything in the log, and all that follows from it."""
        async with self._asking(self._workers) as consumer:
            for at in self._followed:
                await _reached(consumer, at)

    async def read_by(self, group: str) -> None:
        """Waits until another group of readers has committed everything in the log."""
        async with self._asking(group) as consumer:
            for at in self._followed[:PARTITIONS]:
                await _reached(consumer, at)

    async def lag(self) -> int:
        """Records of events and lessons that workers have not committed."""
        async with self._asking(self._workers) as consumer:
            return sum([await _behind(consumer, at) for at in self._followed])

    @property
    def _workers(self) -> str:
        return f"{self.topics.installation}.workers"

    @property
    def _followed(self) -> list[TopicPartition]:
        """What workers follow: all of the log, then the lessons."""
        events = [TopicPartition(self.topics.events, n) for n in range(PARTITIONS)]
        return [*events, TopicPartition(self.topics.lessons, 0)]

    @asynccontextmanager
    async def _asking(self, group: str) -> AsyncIterator[AIOKafkaConsumer]:
        """Who may ask what a group has committed, without being of it."""
        async with AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap, group_id=group, enable_auto_commit=False
        ) as consumer:
            consumer.assign(self._followed)
            yield consumer

    async def folded(self) -> tuple[dict[CustomerId, Customer], list[Taught]]:
        """What one process makes of the log."""
        customers: dict[CustomerId, Customer] = {}
        lessons: list[Taught] = []
        for partition in range(PARTITIONS):
            for offset, _, value in await self.read(self.topics.events, partition):
                entry = decode_message(value)
                who = entry.customer_id
                found = take_in(customers.setdefault(who, Customer(who)), entry)
                if found:
                    lessons.append(Taught(Place(partition, offset), found))
        return customers, lessons

    async def marked(self) -> list[int]:
        """How many entries of each partition Redis notes as applied."""
        marks = Marks(self._connection, self.topics.events)
        return [await marks.read(partition) for partition in range(PARTITIONS)]

    async def made_up(self, marked: Sequence[int]) -> None:
        """Waits until Redis is reached and has again what it had."""
        while True:
            await self._connection.up()
            with suppress(StorageError):
                if all(now >= then for now, then in zip(await self.marked(), marked, strict=True)):
                    return
            await asyncio.sleep(0.05)

    async def flush(self) -> None:
        """Has the running Redis forget everything."""
        await self._connection.ask("FLUSHALL")

    async def reached(self) -> None:
        """Waits until Redis is reached (again)."""
        await self._connection.up()

    async def applied(self, log: Sequence[Event | ProfileUpdate]) -> set[EventId]:
        """Those of these events that Redis knows."""
        events = [entry for entry in log if isinstance(entry, Event)]
        return {
            event.event_id
            for event in events
            if (await self.customers.applied(event.customer_id, [event.event_id]))[0]
        }

    async def damage(self, customer_id: CustomerId) -> None:
        """Has the customer's record make no sense."""
        await self._connection.ask("SET", redis_key(customer_id), "nonsense")

    async def differing(self, customers: Mapping[CustomerId, Customer]) -> list[CustomerId]:
        """Those Redis has otherwise."""
        return [who for who in customers if await self.customers.load(who) != customers[who]]

    async def taught(self) -> tuple[Pupil, list[Taught]]:
        """What a pupil makes of the lessons in their order, and those it learned from."""
        pupil, learned = Pupil(), []
        for offset, _, value in await self.read(self.topics.lessons):
            before = dict(pupil.latest)
            pupil.take(offset, value)
            if pupil.latest != before:
                lesson = decode_taught(value)
                assert isinstance(lesson, Taught)
                learned.append(lesson)
        return pupil, learned

    async def weights(self) -> Weights | None:
        """Those published last."""
        return await newest(stretch(self.kafka.bootstrap, self.topics.weights, 0, 0), MODEL)


@asynccontextmanager
async def cluster_on(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    """An installation with its topics and the schema of `tests.lessons`."""
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await connection.ask("FLUSHALL")
    cluster = Cluster(kafka, redis, connection)
    try:
        await ensure(kafka.bootstrap, cluster.topics, Size(PARTITIONS))
        note = encode_message(SchemaNote(SCHEMA.digest, SCHEMA.to_dict()))
        await cluster.publisher.publish([Record(cluster.topics.lessons, MODEL, note)])
        yield cluster
    finally:
        cluster.dismiss()
        await cluster.publisher.close()
        await connection.close()


async def _reached(consumer: AIOKafkaConsumer, at: TopicPartition) -> None:
    """Waits until everything at this place is committed."""
    while await _behind(consumer, at):  # noqa: ASYNC110 - Kafka tells nobody of commits
        await asyncio.sleep(0.2)


async def _behind(consumer: AIOKafkaConsumer, at: TopicPartition) -> int:
    """Records at this place that are not committed."""
    end: int = (await consumer.end_offsets([at]))[at]
    return end - (await consumer.committed(at) or 0)


def follows(worker: "subprocess.Popen[str]") -> None:
    """Waits until the worker says that it follows the log."""
    assert worker.stdout is not None
    assert "follows" in worker.stdout.readline()


def examples(lessons: Iterable[Taught]) -> list[Lesson]:
    """The examples in an order that does not depend on who was quicker."""
    return [
        lesson
        for taught in sorted(lessons, key=lambda taught: taught.place)
        for lesson in taught.lessons
    ]
