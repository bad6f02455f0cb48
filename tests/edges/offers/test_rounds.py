"""Daily triggers end to end in one process: its time comes, and all whom it concerns are offered something."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from engine.edges.state.names import DECISIONS, OFFERS
from engine.model import DAY, HOUR, MINUTE, SECOND, CustomerId, EventStatus
from engine.triggers import rounds
from tests.builders import question
from tests.edges.offers.test_reaching import circle, dropped, first, know, opened, settings

__all__ = ["circle", "settings"]  # fixtures

NINE = {
    "every": "day",
    "at": "09:00",
    "timezone": "UTC",
    "when": "telco.data_used_pct >= 80.0",
    "placements": ["web.hero"],
}
EIGHT_O_CLOCK = round(datetime(2026, 11, 21, 8, tzinfo=UTC).timestamp()) * SECOND
MANY = [CustomerId(f"c{n:03}") for n in range(600)]


@pytest.fixture(autouse=True)
def at_eight(circle, monkeypatch):
    circle.time = EIGHT_O_CLOCK
    monkeypatch.setattr(rounds, "TICK", 0.01)


def names(found):
    return [left.message.message_id for left in found]


def for_all(*who, day="2026-11-21"):
    return [f"trigger:t:{day}:{one}" for one in who]


async def noted(settings, day):
    """Waits until the round of the day is over."""
    async with asyncio.timeout(20):
        while rows(settings, "SELECT day, behind FROM rounds") != [(day, None)]:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.005)


def rows(settings, query, file=OFFERS):
    with closing(sqlite3.connect(settings.data / file)) as reader:
        return reader.execute(query).fetchall()


async def test_when_its_time_comes_all_whom_it_concerns_are_offered_something(settings, circle):
    async with opened(settings, circle, NINE) as engine:
        await noted(settings, "2026-11-20")
        await know(engine, CustomerId("bert"), CustomerId("anna"), telco__data_used_pct=90.0)
        await know(engine, CustomerId("carl"), telco__data_used_pct=10.0)
        await know(engine, CustomerId("dora"))
        circle.time += HOUR
        found = await first(engine, 2)
        await noted(settings, "2026-11-21")
        only = [left async for left in engine.offers(0, only_kept=True)]
        anna = await engine.customer(CustomerId("anna"))
    assert names(found) == for_all("anna", "bert")
    assert only == found
    assert found[0].message.document["event_id"] == "2026-11-21:anna"
    assert [past.type for past in anna.interactions] == ["trigger:t"]


async def test_each_day_anew(settings, circle):
    async with opened(settings, circle, NINE) as engine:
        await noted(settings, "2026-11-20")
        await know(engine, telco__data_used_pct=90.0)
        for day in range(3):
            circle.time = EIGHT_O_CLOCK + HOUR + day * DAY
            await first(engine, day + 1)
            await noted(settings, f"2026-11-{21 + day}")
        found = await first(engine, 3)
    assert names(found) == [f"trigger:t:2026-11-{day}:anna" for day in (21, 22, 23)]


async def test_one_that_was_not_heard_before_begins_with_the_next_time(settings, circle):
    circle.time += 2 * HOUR
    async with opened(settings, circle, NINE) as engine:
        await know(engine, telco__data_used_pct=90.0)
        await noted(settings, "2026-11-21")
        circle.time += DAY
        assert names(await first(engine, 1)) == for_all("anna", day="2026-11-22")


@pytest.mark.parametrize(("passed", "made_up"), [(3 * HOUR, True), (14 * HOUR, False)])
async def test_who_was_away_at_the_time_makes_up_for_it_for_a_while(
    settings,
    circle,
    passed,
    made_up,
):
    async with opened(settings, circle, NINE) as engine:
        await know(engine, telco__data_used_pct=90.0)
        await noted(settings, "2026-11-20")
    circle.time += passed
    async with opened(settings, circle, NINE) as engine:
        if not made_up:
            circle.time = EIGHT_O_CLOCK + DAY + HOUR
        found = await first(engine, 1)
    assert names(found) == for_all("anna", day="2026-11-21" if made_up else "2026-11-22")


async def test_all_have_their_turn_once_however_often_it_is_broken_off(settings, circle):
    async with opened(settings, circle, NINE) as engine:
        await noted(settings, "2026-11-20")
        await know(engine, *MANY, telco__data_used_pct=90.0)
        await know(engine, CustomerId("zoe"), telco__data_used_pct=10.0)
    circle.time += HOUR
    breaks = (1, 100, 300, 550)
    for reached in breaks:
        async with opened(settings, circle, NINE) as engine:
            await first(engine, reached)
        circle.time += 10 * MINUTE  # longer than request ids are remembered
    async with opened(settings, circle, NINE) as engine:
        await noted(settings, "2026-11-21")
        found = [left async for left in engine.offers(0, only_kept=True)]
        last = await engine.customer(MANY[-1])
    assert sorted(names(found)) == for_all(*MANY)
    ((decided,),) = rows(settings, "SELECT count(*) FROM decisions", DECISIONS)
    assert 600 <= decided < 600 + 10 * len(breaks)  # ten at a time are decided before they are left
    assert [past.type for past in last.interactions] == ["trigger:t"]


async def test_what_could_not_be_left_is_left_when_that_is_possible_again(settings, circle):
    async with opened(settings, circle, NINE) as engine:
        await noted(settings, "2026-11-20")
        await know(engine, *MANY[:3], telco__data_used_pct=90.0)
        with closing(sqlite3.connect(settings.data / OFFERS)) as other:
            other.execute("ALTER TABLE offers RENAME TO away")
        circle.time += HOUR
        async with asyncio.timeout(10):
            while not rows(settings, "SELECT 1 FROM decisions LIMIT 1", DECISIONS):  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.005)
        with closing(sqlite3.connect(settings.data / OFFERS, isolation_level=None)) as other:
            other.execute("ALTER TABLE away RENAME TO offers")
        found = await first(engine, 3)
    assert names(found) == for_all(*MANY[:3])


async def test_events_and_decisions_go_on_meanwhile(settings, circle):
    both = {"t": NINE, "u": {"on": "dropped_call", "placements": ["web.hero"]}}
    async with opened(settings, circle, None, triggers=both) as engine:
        await noted(settings, "2026-11-20")
        await know(engine, *MANY, telco__data_used_pct=90.0)
        await know(engine, telco__data_used_pct=10.0)
        circle.time += HOUR
        await first(engine, 1)
        (result,) = await engine.record([dropped(1, at=circle.time)])
        answer = await engine.decide(question(), 1.0)
        found = await first(engine, len(MANY) + 1)
    assert result.status is EventStatus.ACCEPTED
    assert answer.decision.customer_id == "anna"
    assert "trigger:u:e1" in names(found)[: len(MANY)]
