"""A lookup reads a customer with all that lies beside them, in one go, on a real Redis."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from engine.contact.pending import Returned
from engine.contact.shared import SharedPending
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Change, RedisCustomers
from engine.edges.redis.keys import customer_key, offers_key
from engine.edges.redis.offers import RecentOffers
from engine.edges.redis.scores import LastScores
from engine.edges.state.port import Found
from engine.edges.stream.lookup import Lookup, Stores
from engine.errors import DamagedData, StorageError
from engine.model import HOUR, ActionId, Customer, CustomerId, DecisionId, ProfileUpdate
from engine.topology import apply
from engine.triggers.scored import Scored
from tools.brokers.redis import Redis

ADA = CustomerId("ada")
SCORED = Scored("web", 1, "m", ((ActionId("a"), 0.5),))
RETURNED = Returned(DecisionId("d1"), 1, ADA, None, "web", (ActionId("a"),))


@pytest.fixture
async def stores(redis: Redis) -> AsyncIterator[Stores]:
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await connection.ask("FLUSHALL")
    aside = Aside(connection)
    pending = SharedPending()
    pending.assume_shown = HOUR
    yield Stores(
        connection,
        RedisCustomers(connection, lambda: 2),
        RecentOffers(connection, aside),
        pending,
        LastScores(aside),
        lambda: 2,
    )
    await connection.close()


async def found(stores: Stores) -> Found:
    coming: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
    Lookup(stores, ADA, coming.set_result).begin()
    return await coming


async def known(stores: Stores, **attributes: int) -> None:
    """Has Redis know the customer so."""
    held = await stores.customers.read(ADA)
    apply(held.customer, ProfileUpdate(ADA, 1, attributes))
    assert await stores.customers.swap(Change(held.mark, held.customer, []))


async def test_a_customer_nobody_has_heard_of_is_a_fresh_one(stores: Stores) -> None:
    assert await found(stores) == Customer(ADA)


async def test_what_was_offered_and_said_comes_with_the_customer(stores: Stores) -> None:
    await known(stores, age=40)
    stores.offers.note(RETURNED, HOUR)
    stores.scores.note(ADA, SCORED)
    customer = await found(stores)
    assert isinstance(customer, Customer)
    assert customer.attributes == {"age": 40}
    assert stores.pending.of(ADA, 2) == (RETURNED,)
    assert stores.scores.of(ADA) == SCORED


async def test_a_customer_is_the_same_object_for_as_long_as_they_are_the_same(
    stores: Stores,
) -> None:
    await known(stores, age=40)
    first = await found(stores)
    assert await found(stores) is first
    await known(stores, age=41)
    then = await found(stores)
    assert isinstance(then, Customer)
    assert then.attributes == {"age": 41}


@pytest.mark.parametrize("key", [customer_key(ADA), offers_key(ADA)])
async def test_damage_is_told_and_not_raised(stores: Stores, key: str) -> None:
    command = "RPUSH" if key == offers_key(ADA) else "SET"
    await stores.connection.ask(command, key, b"nonsense that is long enough")
    assert isinstance(await found(stores), DamagedData)


async def test_while_redis_is_away_that_is_told_at_once(stores: Stores, redis: Redis) -> None:
    redis.stop(signal.SIGKILL)
    try:
        await stores.connection.down()
        told: list[Found] = []
        Lookup(stores, ADA, told.append).begin()
        assert [type(one) for one in told] == [StorageError]
    finally:
        redis.start()


async def test_all_of_it_leaves_in_one_go(stores: Stores) -> None:
    """What is asked of Redis in one turn arrives there together."""

    async def reads() -> int:
        said: bytes = await stores.connection.ask("INFO", "stats")
        (line,) = [one for one in said.splitlines() if one.startswith(b"total_reads_processed")]
        return int(line.partition(b":")[2])

    before = await reads()
    await asyncio.gather(found(stores), found(stores), found(stores))
    assert await reads() - before == 2  # one for the three, one for what tells it
