from collections.abc import AsyncIterator

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import mark_key
from engine.edges.redis.marks import BEGINNING, Marks
from engine.errors import DamagedData, StorageError
from tools.brokers.redis import Redis


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


async def test_a_mark_moves_from_where_it_was(connection: Connection) -> None:
    marks = Marks(connection, "events")
    assert await marks.read(3) == BEGINNING
    await marks.move(3, BEGINNING, 10)
    await marks.move(3, 10, 25)
    assert [await marks.read(partition) for partition in (2, 3)] == [BEGINNING, 25]


async def test_a_mark_that_is_not_where_it_was_stays(connection: Connection) -> None:
    marks = Marks(connection, "events")
    await marks.move(0, BEGINNING, 10)
    for stale in (BEGINNING, 9, 11):
        with pytest.raises(StorageError, match="mark of events/0 is not where it was"):
            await marks.move(0, stale, 20)
    assert await marks.read(0) == 10
    await connection.ask("FLUSHALL")
    with pytest.raises(StorageError, match="not where it was"):
        await marks.move(0, 10, 20)


async def test_an_epoch_ends_when_redis_is_lost(connection: Connection, redis: Redis) -> None:
    marks = Marks(connection, "events")
    before = marks.epoch
    await marks.read(0)
    assert marks.epoch == before
    redis.stop()
    redis.start()
    with pytest.raises(StorageError):
        await marks.read(0)
    await connection.up()
    assert marks.epoch == before + 1


async def test_a_damaged_mark_is_told(connection: Connection) -> None:
    await connection.ask("SET", mark_key("events", 0), "far")
    with pytest.raises(DamagedData, match="mark of events/0 is damaged"):
        await Marks(connection, "events").read(0)
