"""A server waits until what it accepted can be read back, within reason."""

from collections.abc import AsyncIterator

import pytest

from engine.edges.kafka.messages import Place
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.marks import Marks
from engine.edges.stream.applied import Applied
from tools.brokers.redis import Redis


@pytest.fixture
async def marks(redis: Redis) -> AsyncIterator[Marks]:
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await connection.ask("FLUSHALL")
    yield Marks(connection, "applied.events")
    await connection.close()


async def test_what_is_applied_is_not_waited_for(marks: Marks) -> None:
    applied = Applied(marks)
    assert await applied.wait()
    await marks.move(0, 0, 8)
    applied.note([Place(0, 7), Place(0, 3)])
    assert await applied.wait()


async def test_workers_that_are_too_slow_are_waited_for_again_once_they_have_caught_up(
    marks: Marks,
) -> None:
    applied = Applied(marks, patience=0.0)
    applied.note([Place(0, 7), Place(1, 0)])
    assert not await applied.wait()
    await marks.move(0, 0, 8)
    assert not await applied.wait()
    await marks.move(1, 0, 1)
    applied.note([Place(0, 7)])
    assert await applied.wait()
    assert marks.highest == {0: 8, 1: 1}
