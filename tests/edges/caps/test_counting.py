"""What a worker counts, in a real Redis: each offer once, in the accounts of the book that offered it."""

import time
from collections.abc import AsyncIterator

import pytest

from engine.caps.catalogue import catalogue
from engine.caps.periods import span_of
from engine.edges.caps.counting import Counting
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps import RedisAccounts
from engine.edges.redis.caps_catalogue import VALID, CapsCatalogue
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import account_keys, caps_of_key
from engine.model import (
    DAY,
    ActionId,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    Exposure,
    PlacementId,
    Response,
)
from engine.rulebook.cap import Period
from tests.rulebook.builders import action, book
from tools.brokers.redis import Redis

ANNA = CustomerId("anna")
HERO = PlacementId("web.hero")
BUDGET = {"amount": 500, "currency": "EUR", "cost_each": 12.5, "per": "month"}
BOOK = book(actions=[action("a", caps={"per_day": 100, "budget": BUDGET}), action("free")])


class Desk:
    """A worker's counting, and a look at the accounts."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.passed = 0
        self.written = CapsCatalogue(connection, self.now)
        accounts = RedisAccounts(connection, "worker", self.now, lambda: self.passed)
        self.counting = Counting(accounts, self.written)

    def now(self) -> int:
        return time.time_ns() // 1_000 + self.passed

    def response(
        self, number: int, outcome: str = "impression", action_id: str = "a", at: int | None = None
    ) -> Event:
        decided_at = self.now() if at is None else at
        exposure = Exposure(
            DecisionId(f"d{number}"), ActionId(action_id), "", "web", HERO, decided_at,
            1.0, 0.1, "", None,
        )  # fmt: skip
        response = Response(exposure, outcome, 0.0, None)
        return Event(EventId(f"{number}-{outcome}"), ANNA, decided_at, response)

    async def shown(self, cap: str, period: Period, at: int | None = None) -> int | None:
        start = span_of(period, self.now() if at is None else at, "UTC").start
        told = await self.connection.ask("HGET", account_keys(cap, start)[0], "shown")
        return None if told is None else int(told)


@pytest.fixture
async def desk(redis: Redis) -> AsyncIterator[Desk]:
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await connection.ask("FLUSHALL")
    made = Desk(connection)
    await made.written.write(catalogue(BOOK))
    yield made
    await connection.close()


async def test_an_offer_counts_once_in_all_its_accounts_whatever_is_told_of_it(desk: Desk) -> None:
    for outcome in ("impression", "click", "accept"):
        await desk.counting.count([desk.response(1, outcome)])
    both = [desk.response(2), desk.response(2, "click")]
    await desk.counting.count([*both, desk.response(3, "not_delivered")])
    await desk.counting.count(both)
    assert await desk.shown("a/offers/day", Period.DAY) == 2
    assert await desk.shown("a/EUR/month", Period.MONTH) == 2 * 125_000


async def test_what_is_under_no_cap_is_in_no_account(desk: Desk) -> None:
    await desk.counting.count([desk.response(1, action_id="free"), desk.response(2, action_id="x")])
    assert await desk.connection.ask("KEYS", "attune:cap:*") == []


async def test_it_counts_in_the_period_it_was_offered_in_unless_that_was_over_long_ago(
    desk: Desk,
) -> None:
    yesterday, long_ago = desk.now() - DAY, desk.now() - 5 * DAY
    await desk.counting.count([desk.response(1, at=yesterday), desk.response(2, at=long_ago)])
    assert await desk.shown("a/offers/day", Period.DAY) is None
    assert await desk.shown("a/offers/day", Period.DAY, yesterday) == 1
    assert await desk.shown("a/offers/day", Period.DAY, long_ago) is None


async def test_a_book_that_no_server_has_any_more_does_not_count_for_ever(desk: Desk) -> None:
    desk.passed = VALID + DAY
    await desk.counting.count([desk.response(1)])
    assert await desk.shown("a/offers/day", Period.DAY) is None


async def test_a_damaged_line_of_the_catalogue_holds_up_nothing(desk: Desk) -> None:
    await desk.connection.ask("HSET", caps_of_key(ActionId("a")), "a/offers/day", "{")
    await desk.counting.count([desk.response(1)])
    assert await desk.shown("a/offers/day", Period.DAY) is None
    assert await desk.shown("a/EUR/month", Period.MONTH) == 125_000
