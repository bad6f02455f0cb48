"""What workers tell each other of their rule books, over a real Redis."""

from collections.abc import AsyncIterator

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import worker_key, workers_key
from engine.edges.stream.fellows import GONE_AFTER, NONE, Fellows
from engine.errors import StorageError
from tools.brokers.redis import Redis

GROUP = "shop.workers"


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


def worker(connection: Connection, name: str, version: str, group: str = GROUP) -> Fellows:
    return Fellows(connection, group, name, lambda: version)


async def test_a_worker_without_a_book_among_others_is_warned_of_once(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with_book, without = worker(connection, "a", "f00dcafe99"), worker(connection, "b", NONE)
    await with_book.look()
    assert with_book.different == 1
    assert not caplog.records
    await without.look()
    assert without.different == 2
    await with_book.look()
    await with_book.look()
    assert with_book.books == {"a": "f00dcafe99", "b": NONE}
    assert [r.levelname for r in caplog.records] == ["WARNING", "WARNING"]
    assert "a has f00dcafe, b has none" in caplog.text


async def test_it_is_told_when_all_have_the_same_again(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    versions = {"a": "1", "b": "2"}
    a = Fellows(connection, GROUP, "a", lambda: versions["a"])
    b = Fellows(connection, GROUP, "b", lambda: versions["b"])
    for one in (a, b, a):
        await one.look()
    versions["a"] = "2"
    caplog.clear()
    for one in (a, b):
        await one.look()
    assert (a.different, b.different) == (1, 1)
    assert caplog.text.count("the same rule book again") == 2


async def test_who_leaves_or_says_nothing_any_more_is_forgotten(connection: Connection) -> None:
    a, b, c = (worker(connection, name, name) for name in "abc")
    for one in (a, b, c):
        await one.look()
    assert 0 < await connection.ask("TTL", worker_key(GROUP, "c")) <= GONE_AFTER
    await connection.ask("DEL", worker_key(GROUP, "c"))
    await b.leave()
    await a.look()
    assert a.books == {"a": "a"}
    assert await connection.ask("SMEMBERS", workers_key(GROUP)) == [b"a"]


async def test_another_installation_is_none_of_its_business(connection: Connection) -> None:
    await worker(connection, "a", "1", "other.workers").look()
    here = worker(connection, "b", "2")
    await here.look()
    assert here.books == {"b": "2"}


async def test_while_redis_is_away_what_was_seen_last_stands(
    connection: Connection, redis: Redis
) -> None:
    a, b = worker(connection, "a", "1"), worker(connection, "b", NONE)
    await b.look()
    await a.look()
    redis.stop()
    try:
        with pytest.raises(StorageError):
            await a.look()
        await a.leave()
        assert a.different == 2
    finally:
        redis.start()
