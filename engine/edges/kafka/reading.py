"""Reads a stretch of one partition, outside of any consumer group."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from engine.edges.kafka.address import Bootstrap, client
from engine.edges.kafka.producer import LARGEST
from engine.errors import StorageError


class Read(NamedTuple):
    """A record as it was read."""

    offset: int
    key: bytes
    value: bytes


async def stretch(
    bootstrap: Bootstrap, topic: str, partition: int, start: int, end: int | None = None
) -> AsyncGenerator[Read, None]:
    """The records from `start` to before `end`, or to what is the end when reading begins.

    What retention or compaction has removed is left out.

    Raises:
        StorageError: Kafka is away, or refuses.
    """
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(**client(bootstrap), max_partition_fetch_bytes=LARGEST)
    try:
        await consumer.start()
        consumer.assign([place])
        first = (await consumer.beginning_offsets([place]))[place]
        last = (await consumer.end_offsets([place]))[place]
        end = last if end is None else min(end, last)
        consumer.seek(place, max(first, start))
        while await consumer.position(place) < end:
            for messages in (await consumer.getmany(place, timeout_ms=1_000)).values():
                for message in messages:
                    if message.offset < end:
                        yield Read(message.offset, message.key or b"", message.value or b"")
    except (KafkaError, OSError) as error:
        raise StorageError(f"{topic} cannot be read from Kafka at {bootstrap}: {error}") from error
    finally:
        await consumer.stop()


async def ends(bootstrap: Bootstrap, topic: str) -> dict[int, int]:
    """By partition of a topic the offset behind its last record.

    Raises:
        StorageError: Kafka is away, refuses, or has no such topic.
    """
    consumer = AIOKafkaConsumer(topic, **client(bootstrap))
    try:
        await consumer.start()
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise StorageError(f"Kafka at {bootstrap} knows no topic {topic}")
        places = [TopicPartition(topic, partition) for partition in partitions]
        found = await consumer.end_offsets(places)
    except (KafkaError, OSError) as error:
        raise StorageError(f"{topic} cannot be read from Kafka at {bootstrap}: {error}") from error
    finally:
        await consumer.stop()
    return {place.partition: end for place, end in found.items()}
