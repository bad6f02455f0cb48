"""Accepted is in Kafka, or on disk until it is: on a real broker that goes away under load."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from engine.edges.kafka.log import KafkaLog
from engine.edges.kafka.messages import Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.spool import Spool
from engine.edges.kafka.topics import Size, Topics, ensure
from engine.errors import Overloaded, StorageError
from tools.brokers.kafka import Kafka

PARTITIONS = 3


@pytest.fixture
async def topics(kafka: Kafka) -> Topics:
    made = Topics(f"t{uuid4().hex[:8]}")
    await ensure(kafka.bootstrap, made, Size(PARTITIONS))
    return made


@asynccontextmanager
async def opened(kafka: Kafka, data: Path, limit: int = 1 << 20) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(Publisher(kafka.bootstrap, patience=1.0), Spool(data / "spool.db", limit))
    try:
        yield log
    finally:
        await log.close()


async def everything_in(kafka: Kafka, topic: str, partitions: int = PARTITIONS) -> list[Record]:
    """All records of a topic, partition by partition."""
    found = []
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        every = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(every)
        await consumer.seek_to_beginning()
        for partition, end in (await consumer.end_offsets(every)).items():
            while await consumer.position(partition) < end:
                for messages in (await consumer.getmany(partition, timeout_ms=1_000)).values():
                    found += [Record(topic, m.key, m.value) for m in messages]
    return found


def records(topic: str, numbers: range, who: bytes = b"ada") -> list[Record]:
    return [Record(topic, who, b"%d" % number) for number in numbers]


async def test_what_is_appended_is_in_kafka_in_order(
    kafka: Kafka, topics: Topics, tmp_path: Path
) -> None:
    async with opened(kafka, tmp_path) as log:
        await log.append(records(topics.events, range(50)))
        await log.append(records(topics.events, range(50, 100)))
        assert log.backlog == 0
    assert await everything_in(kafka, topics.events) == records(topics.events, range(100))


async def test_topics_are_made_once_and_keep_what_state_is_computed_from(
    kafka: Kafka, topics: Topics
) -> None:
    await ensure(kafka.bootstrap, topics, Size(PARTITIONS + 1))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    described = {
        t["topic"]: t for t in await admin.describe_topics([topics.events, topics.lessons])
    }
    asked = [ConfigResource(ConfigResourceType.TOPIC, topics.weights)]
    settings = {c[0]: c[1] for c in (await admin.describe_configs(asked))[0].resources[0][4]}
    await admin.close()
    assert len(described[topics.events]["partitions"]) == PARTITIONS
    assert len(described[topics.lessons]["partitions"]) == 1
    assert settings["cleanup.policy"] == "compact"


async def test_while_kafka_is_away_events_are_spooled_and_later_sent_in_order(
    kafka: Kafka, topics: Topics, tmp_path: Path
) -> None:
    async with opened(kafka, tmp_path) as log:
        await log.append(records(topics.events, range(10)))
        kafka.stop(signal.SIGKILL)
        try:
            await log.append(records(topics.events, range(10, 20)))
            await log.append(records(topics.events, range(20, 30)))
            assert log.backlog == 20
        finally:
            kafka.start()
        await log.append(records(topics.events, range(30, 40)))
        async with asyncio.timeout(60):
            await log.sent()
        assert log.backlog == 0
        await log.append(records(topics.events, range(40, 50)))
    values = [record.value for record in await everything_in(kafka, topics.events)]
    assert list(dict.fromkeys(values)) == [b"%d" % n for n in range(50)]


async def test_what_is_spooled_survives_a_restart_of_the_server(
    kafka: Kafka, topics: Topics, tmp_path: Path
) -> None:
    kafka.stop()
    try:
        async with opened(kafka, tmp_path) as log:
            await log.append(records(topics.events, range(10)))
    finally:
        kafka.start()
    async with opened(kafka, tmp_path) as log:
        assert log.backlog == 10
        async with asyncio.timeout(60):
            await log.sent()
    found = await everything_in(
        kafka, topics.events
    )  # a Kafka that has just begun may get some twice
    assert list(dict.fromkeys(found)) == records(topics.events, range(10))


async def test_nothing_is_accepted_that_neither_kafka_nor_the_disk_takes(
    kafka: Kafka, topics: Topics, tmp_path: Path
) -> None:
    kafka.stop()
    try:
        async with opened(kafka, tmp_path, limit=10) as log:
            with pytest.raises(Overloaded):
                await log.append(records(topics.events, range(10)))
            assert log.backlog == 0
    finally:
        kafka.start()


async def test_topics_cannot_be_made_where_there_is_no_kafka() -> None:
    with pytest.raises(StorageError, match=r"cannot be created at 127\.0\.0\.1:1"):
        await ensure("127.0.0.1:1", Topics(), Size())
