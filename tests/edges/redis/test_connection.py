"""One connection that many share, over a real Redis that goes away and comes back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.keys import INSTALLATION
from engine.errors import InvalidInput, StorageError
from tools.brokers.process import free_port
from tools.brokers.redis import Redis


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    yield opened
    await opened.close()


async def up_again(connection: Connection) -> None:
    async with asyncio.timeout(20):
        await connection.up()


async def test_replies_come_to_whom_they_belong(connection: Connection) -> None:
    calls = [connection.call("ECHO", f"word {n}") for n in range(1_000)]
    assert await asyncio.gather(*calls) == [f"word {n}".encode() for n in range(1_000)]


async def test_what_redis_refuses_is_an_error_and_ends_nothing(connection: Connection) -> None:
    with pytest.raises(StorageError, match="Redis refuses: ERR unknown command"):
        await connection.ask("NOSUCHTHING")
    assert await connection.ask("PING") == b"PONG"


async def test_who_stops_waiting_does_not_shift_the_replies_of_others(
    connection: Connection,
) -> None:
    given_up = connection.call("ECHO", "mine")
    given_up.cancel()
    assert await connection.ask("ECHO", "yours") == b"yours"


async def test_what_is_sent_aside_goes_behind_this_turn_and_before_what_is_asked_next(
    connection: Connection,
) -> None:
    told: list[object] = []
    connection.send_aside(("SET", "aside", "there"), told.append)
    assert await connection.ask("GET", "aside") == b"there"
    last: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    connection.send_aside(("DEL", "aside"), told.append)
    connection.send_aside(("ECHO", "last"), last.set_result)
    assert await last == b"last"
    assert told == [b"OK", 1]


async def test_a_fault_of_one_who_is_told_costs_nobody_else_their_reply(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(_: object) -> None:
        raise KeyError("a fault")

    connection.send(("ECHO", "one"), stumble)
    assert await connection.ask("ECHO", "two") == b"two"
    assert "a reply of Redis led to a fault" in caplog.text


async def test_who_is_told_hears_at_once_that_redis_is_away(
    redis: Redis, connection: Connection
) -> None:
    told: list[object] = []
    redis.stop(signal.SIGKILL)
    try:
        await connection.down()
        connection.send(("PING",), told.append)
        connection.send_aside(("PING",), told.append)
        assert [type(one) for one in told] == [StorageError, StorageError]
    finally:
        redis.start()


async def test_a_password_and_a_database_are_given_at_once(redis: Redis) -> None:
    plain = await Connection.open(RedisAddress.parse(redis.url))
    await plain.ask("ACL", "SETUSER", "attune", "on", ">secret", "~*", "+@all")
    url = redis.url.replace("redis://", "redis://attune:secret@") + "/3"
    known = await Connection.open(RedisAddress.parse(url))
    assert await known.ask("ACL", "WHOAMI") == b"attune"
    assert b"db=3" in await known.ask("CLIENT", "INFO")
    await known.close()
    await plain.ask("ACL", "DELUSER", "attune")
    await plain.close()


async def test_a_server_that_died_fails_calls_at_once_and_is_found_again(
    redis: Redis, connection: Connection
) -> None:
    await connection.ask("SET", "kept", "before")
    redis.stop(signal.SIGKILL)
    with pytest.raises(StorageError, match="cannot be reached"):
        await connection.ask("PING")
    with pytest.raises(StorageError, match="cannot be reached"):
        checked(await connection.call("PING"))
    redis.start()
    await up_again(connection)
    assert await connection.ask("GET", "kept") == b"before"


async def test_a_server_that_hangs_is_taken_for_gone(redis: Redis) -> None:
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=0.5)
    os.kill(redis.pid, signal.SIGSTOP)
    with pytest.raises(StorageError, match="cannot be reached"):
        await connection.ask("PING")
    os.kill(redis.pid, signal.SIGCONT)
    await up_again(connection)
    await connection.close()


async def test_one_may_begin_before_redis_is_there(tmp_path_factory, redis: Redis) -> None:
    port = free_port()
    connection = await Connection.open(RedisAddress("127.0.0.1", port))
    assert not connection.is_up
    late = Redis(tmp_path_factory.mktemp("late"), port)
    late.start()
    await up_again(connection)
    assert await connection.ask("PING") == b"PONG"
    await connection.close()
    late.stop()


@pytest.mark.parametrize("url", ["http://x", "redis://", "redis://x/one", "127.0.0.1:6379"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="write redis://HOST:PORT"):
        RedisAddress.parse(url)


def test_a_password_is_never_shown() -> None:
    address = RedisAddress.parse("redis://:p%40ss@host")
    assert address.password == "p@ss"
    assert "ss" not in f"{address} {address!r}".replace("redis", "").replace("Address", "")


@pytest.fixture
async def ours(redis: Redis) -> AsyncIterator[Connection]:
    """The connection of an installation that has begun in an empty Redis."""
    address = RedisAddress.parse(redis.url)
    plain = await Connection.open(address)
    await plain.ask("FLUSHALL")
    await plain.close()
    opened = await Connection.open(address, patience=20, installation="ours")
    yield opened
    await opened.close()


async def test_a_redis_is_the_installations_that_came_first_and_only_its(
    ours: Connection, redis: Redis
) -> None:
    again = await Connection.open(ours.address, installation="ours")
    assert again.is_up
    await again.close()
    with pytest.raises(InvalidInput, match="holds the customers of the installation 'ours', this"):
        await Connection.open(ours.address, installation="theirs")
    other = await Connection.open(RedisAddress.parse(f"{redis.url}/1"), installation="theirs")
    assert other.is_up
    await other.close()


async def test_of_installations_that_begin_together_one_has_it(
    ours: Connection, redis: Redis
) -> None:
    await ours.ask("FLUSHALL")
    opening = [Connection.open(ours.address, installation=name) for name in "abcdefgh"]
    opened = await asyncio.gather(*opening, return_exceptions=True)
    (first,) = [each for each in opened if isinstance(each, Connection)]
    assert sum(isinstance(each, InvalidInput) for each in opened) == len(opening) - 1
    await first.close()


async def test_a_redis_that_is_another_installations_once_it_is_back_counts_as_away(
    ours: Connection, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis.stop(signal.SIGKILL)
    await ours.down()
    late = await Connection.open(ours.address, installation="late")
    assert not late.is_up
    redis.start()
    await up_again(ours)
    async with asyncio.timeout(20):
        while "this is 'late'" not in caplog.text:  # noqa: ASYNC110 - nobody is told of what is logged
            await asyncio.sleep(0.01)
    with pytest.raises(StorageError):
        await late.ask("PING")
    await ours.ask("DEL", INSTALLATION)
    await up_again(late)
    assert await late.ask("GET", INSTALLATION) == b"late"
    await late.close()


async def test_whose_redis_it_is_is_only_read_where_it_takes_no_writes(ours: Connection) -> None:
    await ours.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        again = await Connection.open(ours.address, installation="ours")
        assert again.is_up
        await again.close()
    finally:
        await ours.ask("CONFIG", "SET", "maxmemory", "0")
