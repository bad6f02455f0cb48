"""The consumer group of the workers: where they begin once everything before is done already."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, for_code

from engine.edges.kafka.address import Bootstrap, client
from engine.edges.kafka.topics import Topics
from engine.errors import StorageError

_PATIENCE: Final = 30.0
_AGAIN: Final = 0.25


async def at_work(bootstrap: Bootstrap, topics: Topics) -> int:
    """How many workers are in the group now.

    Raises:
        StorageError: Kafka cannot be reached, or does not tell.
    """
    admin = AIOKafkaAdminClient(**client(bootstrap))
    try:
        await admin.start()
        answer = await _described(admin, topics.workers)
    except (KafkaError, OSError, TimeoutError) as error:
        raise StorageError(f"Kafka at {bootstrap} does not tell of workers: {error!r}") from error
    finally:
        await admin.close()
    ((code, _, _, _, _, members, *_),) = answer.groups
    if code:
        raise StorageError(f"Kafka does not tell of workers: {for_code(code).__name__}")
    return len(members)


async def _described(admin: AIOKafkaAdminClient, group: str) -> Any:
    """What Kafka tells of a group, once it has made the place where it keeps groups."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                (answer,) = await admin.describe_consumer_groups([group])
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(_AGAIN)
            else:
                return answer


async def begin_at(bootstrap: Bootstrap, topics: Topics, ends: Mapping[int, int]) -> None:
    """Has workers take up the events from these offsets on.

    Raises:
        StorageError: Kafka refuses, for instance because a worker has started meanwhile.
    """
    offsets = {TopicPartition(topics.events, partition): end for partition, end in ends.items()}
    consumer = AIOKafkaConsumer(
        **client(bootstrap), group_id=topics.workers, enable_auto_commit=False
    )
    try:
        await consumer.start()
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    except (KafkaError, OSError) as error:
        raise StorageError(f"the workers' place in the log cannot be set: {error!r}") from error
    finally:
        await consumer.stop()
