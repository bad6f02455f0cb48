"""Customers in a real Redis: staleness, the swap in one step, what is kept how long."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Change, Keeping, RedisCustomers
from engine.edges.redis.keys import customer_key, events_key
from engine.errors import DamagedData, StorageError
from engine.model import DAY, SECOND, Customer, CustomerId, Event, EventId
from engine.topology import apply
from tests.happenings import interaction, update
from tools.brokers.redis import Redis

ADA = CustomerId("ada")


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 100 * DAY

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


@pytest.fixture
def customers(connection: Connection, clock: Clock) -> RedisCustomers:
    return RedisCustomers(connection, clock, Keeping(fresh=SECOND, at_hand=3))


async def changed(customers: RedisCustomers, event: Event) -> Change:
    """What becomes of Ada by an event, read and not written."""
    held = await customers.read(ADA)
    apply(held.customer, event)
    return Change(held.mark, held.customer, [(event.event_id, event.time)])


async def aged(customers: RedisCustomers, who: str, age: int) -> None:
    held = await customers.read(CustomerId(who))
    apply(held.customer, update(who, age=age, at=age))
    assert await customers.swap(Change(held.mark, held.customer, []))


async def test_what_is_at_hand_is_decided_by_while_it_is_fresh(
    customers: RedisCustomers, clock: Clock
) -> None:
    await aged(customers, "ada", 40)
    await customers.load(ADA)
    await aged(customers, "ada", 41)
    clock.now += SECOND
    known = customers.known(ADA)
    assert known is not None
    assert known.attributes == {"age": 40}
    clock.now += 1
    assert customers.known(ADA) is None
    assert customers.last_known(ADA) == known
    assert (await customers.load(ADA)).attributes == {"age": 41}
    assert customers.known(ADA) != known


async def test_as_many_are_at_hand_as_there_is_room_for(customers: RedisCustomers) -> None:
    for who in "abcabd":
        await customers.load(CustomerId(who))
    assert [who for who in "abcd" if customers.last_known(CustomerId(who))] == ["a", "b", "d"]


async def test_of_two_who_read_the_same_one_writes(customers: RedisCustomers) -> None:
    first = await changed(customers, interaction("e1"))
    second = await changed(customers, interaction("e2"))
    written = [await customers.swap(first), await customers.swap(second)]
    assert written == [True, False]
    assert await customers.swap(await changed(customers, interaction("e2")))
    assert len((await customers.load(ADA)).interactions) == 2


async def test_an_event_is_written_once_whatever_was_read(
    customers: RedisCustomers, clock: Clock
) -> None:
    assert await customers.swap(await changed(customers, interaction("e1", at=clock.now)))
    again = await changed(customers, interaction("e1", at=clock.now + 1))
    assert not await customers.swap(again)
    assert await customers.applied(ADA, [EventId("e1"), EventId("e2")]) == [True, False]


async def test_ids_are_kept_as_long_as_duplicates_are_recognised(
    customers: RedisCustomers, clock: Clock, connection: Connection
) -> None:
    assert await customers.swap(await changed(customers, interaction("old", at=clock.now)))
    clock.now += 8 * DAY
    assert await customers.swap(await changed(customers, interaction("on time", at=clock.now)))
    both = [EventId("old"), EventId("on time")]
    assert await customers.applied(ADA, both) == [True, True]
    clock.now += 1_000
    assert await customers.swap(await changed(customers, interaction("new", at=clock.now)))
    assert await customers.applied(ADA, both) == [False, True]
    lives = await connection.ask("PTTL", events_key(ADA))
    assert 7.9 * 86_400_000 < lives <= 8 * 86_400_000


async def test_a_customer_is_forgotten_long_after_the_last_change(
    customers: RedisCustomers, connection: Connection, clock: Clock
) -> None:
    await aged(customers, "ada", 40)
    assert 399 * 86_400_000 < await connection.ask("PTTL", customer_key(ADA)) <= 400 * 86_400_000
    for_ever = RedisCustomers(connection, clock, Keeping(customer=None))
    await aged(for_ever, "ada", 41)
    assert await connection.ask("PTTL", customer_key(ADA)) == -1


async def test_who_is_to_be_forgotten_leaves_nothing(
    customers: RedisCustomers, connection: Connection
) -> None:
    await customers.swap(await changed(customers, interaction()))
    await customers.load(ADA)
    await customers.forget(ADA)
    assert await connection.ask("DBSIZE") == 0
    assert customers.last_known(ADA) is None


async def test_a_damaged_record_is_told_and_concerns_nobody_else(
    customers: RedisCustomers, connection: Connection
) -> None:
    await aged(customers, "ada", 40)
    await connection.ask("SETRANGE", customer_key(ADA), 12, "x")
    for reading in (customers.load, customers.read):
        with pytest.raises(DamagedData):
            await reading(ADA)
    assert await customers.load(CustomerId("bob")) == Customer(CustomerId("bob"))


async def test_all_keys_of_a_customer_lie_in_one_slot(connection: Connection, redis: Redis) -> None:
    async def slot(key: str) -> int:
        """As the specification of Redis Cluster has it: CRC16 of the hash tag."""
        tag = key[key.index("{") + 1 : key.index("}")]
        assert tag
        crc = 0
        for byte in tag.encode():
            crc ^= byte << 8
            for _ in range(8):
                crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
        return crc % 16384

    for who in ("ada", "", "{", "}", "{}", "a}{b", "naïve"):
        keys = customer_key(CustomerId(who)), events_key(CustomerId(who))
        assert await slot(keys[0]) == await slot(keys[1])


async def test_while_redis_is_away_the_last_known_customer_is_still_there(
    redis: Redis, connection: Connection, customers: RedisCustomers, clock: Clock
) -> None:
    await aged(customers, "ada", 40)
    await customers.load(ADA)
    redis.stop(signal.SIGKILL)
    clock.now += 60 * SECOND
    with pytest.raises(StorageError):
        await customers.load(ADA)
    last = customers.last_known(ADA)
    assert last is not None
    assert last.attributes == {"age": 40}
    redis.start()
    async with asyncio.timeout(20):
        await connection.up()
    assert (await customers.load(ADA)).attributes == {"age": 40}


async def test_scripts_are_sent_again_to_a_redis_that_forgot_them(
    customers: RedisCustomers, connection: Connection
) -> None:
    await connection.ask("SCRIPT", "FLUSH")
    assert await customers.swap(await changed(customers, interaction("e1")))
    await connection.ask("SCRIPT", "FLUSH")
    assert await customers.swap(await changed(customers, interaction("e2")))
