"""What every store of customers promises, tried on each: the embedded one, and Redis under a worker's fold."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from engine.edges.kafka.messages import Place, Taught
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Keeping, RedisCustomers
from engine.edges.state.embedded import Limits
from engine.edges.state.rebuild import digest
from engine.edges.stream.fold import Placed, RedisFold
from engine.model import (
    DAY,
    Customer,
    CustomerId,
    Event,
    EventId,
    EventStatus,
    ProfileUpdate,
)
from engine.topology import apply
from tests.edges.state.tally import Tally, store_at
from tests.happenings import exposure, interaction, response, update
from tests.test_windows import kept
from tools.brokers.redis import Redis

ACCEPTED, DUPLICATE = EventStatus.ACCEPTED, EventStatus.DUPLICATE
ADA, BOB = CustomerId("ada"), CustomerId("bob")

Entry = Event | ProfileUpdate


class Store(Protocol):
    """What is tried: entries go in, customers come out, lessons are taught on the way."""

    async def append(self, entries: Sequence[Entry]) -> list[EventStatus]: ...
    async def settled(self) -> None: ...
    async def load(self, customer_id: CustomerId) -> Customer: ...
    def known(self, customer_id: CustomerId) -> Customer | None: ...
    def last_known(self, customer_id: CustomerId) -> Customer | None: ...
    async def knows(self, event_id: EventId, customer_id: CustomerId) -> bool: ...


class InRedis:
    """Redis behind the fold of a worker whose log is one partition and never repeats itself."""

    _offsets = count()

    def __init__(self, customers: RedisCustomers, tally: Tally) -> None:
        self._customers = customers
        self._tally = tally
        self._fold = RedisFold(customers, self._teach)
        self.load = customers.load
        self.known = customers.known
        self.last_known = customers.last_known

    async def _teach(self, lessons: Sequence[Taught]) -> None:
        for taught in lessons:
            for lesson in taught.lessons:
                self._tally.teach(lesson)

    async def append(self, entries: Sequence[Entry]) -> list[EventStatus]:
        placed = [Placed(Place(0, next(self._offsets)), entry) for entry in entries]
        applied = await self._fold.apply(placed)
        assert not applied.refused
        return [DUPLICATE if place in applied.repeated else ACCEPTED for place, _ in placed]

    async def settled(self) -> None:
        """What is appended is applied."""

    async def knows(self, event_id: EventId, customer_id: CustomerId) -> bool:
        return (await self._customers.applied(customer_id, [event_id]))[0]


Opened = Callable[[Tally], AbstractAsyncContextManager[Store]]


@pytest.fixture(params=["embedded", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens the store, again with what it kept, as often as a test wants."""
    if request.param == "embedded":
        return lambda tally: store_at(
            tmp_path, tally, Limits(checkpoint_entries=7, checkpoint_seconds=None)
        )
    server: Redis = request.getfixturevalue("redis")
    database = iter(range(16))

    @asynccontextmanager
    async def in_redis(tally: Tally) -> AsyncIterator[Store]:
        connection = await Connection.open(RedisAddress.parse(server.url), patience=20)
        if next(database) == 0:
            await connection.ask("FLUSHALL")
        tally.register({"digest": "s1"})
        try:
            yield InRedis(RedisCustomers(connection, lambda: 0, Keeping()), tally)
        finally:
            await connection.close()

    return in_redis


async def test_what_is_appended_is_applied_and_taught_in_order(opened: Opened) -> None:
    tally = Tally()
    async with opened(tally) as store:
        await store.append([update(age=40), response(outcome="click", reward=0.2)])
        await store.append([response("e2", outcome="accept", reward=1.0)])
        await store.settled()
        customer = await store.load(ADA)
        assert customer.attributes == {"age": 40}
        assert customer.counts == {"click": 1, "accept": 1}
        assert tally.sums == {"bundle": 1.0}


async def test_somebody_unknown_is_a_fresh_customer(opened: Opened) -> None:
    async with opened(Tally()) as store:
        assert store.known(ADA) is None
        assert store.last_known(ADA) is None
        assert await store.load(ADA) == Customer(ADA)


async def test_who_was_loaded_is_known_without_waiting(opened: Opened) -> None:
    async with opened(Tally()) as store:
        await store.append([update(age=40)])
        await store.settled()
        loaded = await store.load(ADA)
        assert store.known(ADA) == store.last_known(ADA) == loaded


async def test_a_duplicate_changes_nothing_also_after_a_restart(opened: Opened) -> None:
    tally = Tally()
    async with opened(tally) as store:
        assert await store.append([response(), interaction("e2")]) == [ACCEPTED] * 2
    async with opened(tally) as store:
        again = [response(), interaction("e3"), interaction("e3")]
        assert await store.append(again) == [DUPLICATE, ACCEPTED, DUPLICATE]
        await store.settled()
        assert len((await store.load(ADA)).interactions) == 2
        assert (await store.load(ADA)).counts == {"impression": 1}
        assert tally.sums == {"bundle": 0.0}


async def test_an_event_is_known_once_it_was_accepted(opened: Opened) -> None:
    async with opened(Tally()) as store:
        await store.append([interaction("e1")])
        assert await store.knows(EventId("e1"), ADA)
        assert not await store.knows(EventId("e2"), ADA)


async def test_customers_are_kept_apart(opened: Opened) -> None:
    async with opened(Tally()) as store:
        await store.append([update("ada", age=40), update("bob", age=50), update("a{d}a", age=60)])
        await store.settled()
        ages = [
            (await store.load(CustomerId(who))).attributes["age"] for who in ("ada", "bob", "a{d}a")
        ]
        assert ages == [40, 50, 60]


async def test_everything_about_a_customer_comes_back_as_it_went_in(opened: Opened) -> None:
    values = {
        "nothing": None,
        "flag": True,
        "whole": 2**63 - 1,
        "half": 0.5,
        "boundless": float("inf"),
        "word": "naïve {ada}",
        "words": ("a", "b"),
        "nested": {"$": {"deep": (1, 2.0)}},
    }
    told = ProfileUpdate(ADA, 3 * DAY, values)
    expected = Customer(ADA)
    apply(expected, told)
    async with opened(Tally()) as store:
        await store.append([told])
    async with opened(Tally()) as store:
        assert await store.load(ADA) == expected


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_with_any_duplication_ends_in_the_same_customers(
    opened: Opened, seed: int
) -> None:
    chance = random.Random(seed)
    events = [told(n, f"c{n % 5}") for n in range(90)]
    expected = {CustomerId(f"c{n}"): Customer(CustomerId(f"c{n}")) for n in range(5)}
    for event in events:
        apply(expected[event.customer_id], event)
    shuffled = events + chance.sample(events, 30)
    chance.shuffle(shuffled)
    async with opened(Tally()) as store:
        while shuffled:
            size = chance.randrange(1, 20)
            await store.append(shuffled[:size])
            del shuffled[:size]
        await store.settled()
        kept = [await store.load(customer_id) for customer_id in expected]
    assert kept == list(expected.values())
    assert digest(kept) == digest(expected_at_revisions(expected, kept))


def expected_at_revisions(
    expected: dict[CustomerId, Customer], kept: list[Customer]
) -> list[Customer]:
    """The expected customers; how often they were changed depends on the order."""
    for customer in kept:
        expected[customer.customer_id].revision = customer.revision
    return list(expected.values())


def told(number: int, who: str) -> Event:
    """Impressions, clicks, accepts of a few offers, and calls."""
    if number % 4 == 3:
        return interaction(f"e{number}", who, at=number)
    outcome, reward = (("impression", 0.0), ("click", 0.2), ("accept", 1.0))[number % 4]
    offer = exposure(f"d{number // 12}.{who}", at=number // 12)
    return response(f"e{number}", who, outcome=outcome, reward=reward, at=number, to=offer)


async def test_windows_read_the_same_whatever_came_late_twice_or_out_of_order(
    opened: Opened,
) -> None:
    """Batches of 200 interactions of two customers, of which each comes twice, at random."""
    rng = random.Random(7)
    events = [
        interaction(
            f"e{n}",
            who,
            at=rng.randrange(9 * DAY),
            what=rng.choice(["call", "paid", "visit"]),
            amount=rng.randrange(-500, 500) / 100,
            topic=rng.choice(["bill", "fault", "travel"]),
        )
        for n, who in enumerate(["ada", "bob"] * 100)
    ]
    expected = {who: Customer(who) for who in (ADA, BOB)}
    for event in events:
        apply(expected[event.customer_id], event)
    twice = events * 2
    rng.shuffle(twice)
    async with opened(Tally()) as store:
        for start in range(0, len(twice), 23):
            await store.append(twice[start : start + 23])
    async with opened(Tally()) as store:
        for who, customer in expected.items():
            stored = await store.load(who)
            assert stored.interactions == customer.interactions
            for now in range(DAY, 10 * DAY, DAY // 2):
                assert kept(stored, now) == kept(customer, now)
