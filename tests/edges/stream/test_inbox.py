"""How much an inbox holds; what it does with letters is tried on real brokers in tests/cluster."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import pytest

from engine.codec import Entry
from engine.edges.kafka.messages import Place
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import Read
from engine.edges.kafka.topics import Topics
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import RedisCustomers
from engine.edges.redis.marks import Marks
from engine.edges.stream.inbox import Inbox
from engine.edges.stream.letters import Letter


async def nothing(_partition: int, _start: int, _end: int) -> AsyncGenerator[Read, None]:
    """Nothing is read again."""
    none: tuple[Read, ...] = ()
    for read in none:
        yield read


async def uncounted(_entries: Sequence[Entry]) -> None:
    """Nobody counts."""


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """One that nobody empties; it reaches no broker."""
    connection = Connection(RedisAddress("127.0.0.1", 1))
    customers = RedisCustomers(connection, lambda: 0)
    marks, publisher = Marks(connection, "t.events"), Publisher("127.0.0.1:1")
    yield Inbox(customers, marks, publisher, Topics("t"), nothing, uncounted)
    await publisher.close()
    await connection.close()


def letter(size: int) -> Letter:
    return Letter("t.events", Place(0, 0), b"ada", bytes(size), lambda: None)


async def taken(inbox: Inbox, of: Letter) -> bool:
    """Whether a letter is taken at once."""
    putting = asyncio.create_task(inbox.put(of))
    await asyncio.wait([putting], timeout=0)
    await asyncio.sleep(0)
    if putting.done():
        return True
    putting.cancel()
    return False


@pytest.mark.parametrize(("size", "room"), [(0, 2_000), (1 << 20, 64), (100 << 20, 1)])
async def test_it_holds_so_many_letters_and_so_many_bytes(
    inbox: Inbox, size: int, room: int
) -> None:
    one = letter(size)
    for _ in range(room):
        assert await taken(inbox, one)
    assert not await taken(inbox, one)


async def test_once_it_is_to_finish_it_takes_nothing_more(inbox: Inbox) -> None:
    await inbox.finish()
    assert not await taken(inbox, letter(1))
