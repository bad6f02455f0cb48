"""Triggers end to end in one process: an interaction is recorded, an offer is left for who sends it."""

import asyncio
import sqlite3
from base64 import b64decode
from contextlib import aclosing, closing

import pytest

from engine.edges.state.names import JOURNAL, OFFERS
from engine.engine import Sources, open_engine
from engine.model import (
    DAY,
    MINUTE,
    CustomerId,
    DecisionId,
    EventId,
    EventStatus,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    ProfileUpdate,
    Step,
)
from engine.rulebook.load import load
from engine.settings import Settings
from tests.builders import ADULT, NOW, question
from tests.rulebook.builders import files
from tests.test_engine import write

ANNA = CustomerId("anna")
CALL = {"on": "dropped_call", "placements": ["web.hero"]}


class Circle:
    """Time stands still until a test moves it; seeds count up."""

    def __init__(self):
        self.time = NOW
        self.seeds = 0

    def seed(self):
        self.seeds += 1
        return self.seeds


@pytest.fixture
def circle():
    return Circle()


@pytest.fixture
def settings(tmp_path):
    return Settings(rules=tmp_path / "rules", data=tmp_path / "data", watch=False)


def opened(settings, circle, trigger=CALL, **policies):
    """An engine whose book has the trigger `t`."""
    written = {} if trigger is None else {"triggers": {"t": trigger}}
    write(
        settings.rules,
        files(policies={"outcomes": {"impression": 0, "accept": 1}, **written, **policies}),
    )
    sources = Sources(now=lambda: circle.time, monotonic=lambda: 0.0, seed=circle.seed)
    return open_engine(settings, sources)


def dropped(number, at=NOW, who=ANNA, **attributes):
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return IncomingEvent(EventId(f"e{number}"), who, at, Interaction("dropped_call", "app", named))


async def know(engine, *who, **attributes):
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    await engine.put([ProfileUpdate(one, NOW, ADULT | named) for one in who or (ANNA,)])


async def first(engine, count, position=0):
    """The next messages behind a position, as they come."""
    offers = engine.offers(position)
    async with asyncio.timeout(10), aclosing(offers):
        return [await anext(offers) for _ in range(count)]


async def test_an_interaction_brings_an_offer(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine)
        await engine.record([dropped(1)])
        ((position, message),) = await first(engine, 1)
        record = await engine._state.decision(message.document["decision_id"])
    async with opened(settings, circle) as engine:
        customer = await engine.customer(ANNA)
    assert position == NOW + 1
    assert message.message_id == message.document["message_id"] == "trigger:t:e1"
    assert message.document["trigger"] == "t"
    assert message.document["event_id"] == "e1"
    assert message.document["customer_id"] == ANNA
    assert message.document["channel"] == "web"
    assert message.document["decided_at"].startswith("2026-11-")
    (placed,) = message.document["placements"]
    assert placed["placement"] == "web.hero"
    assert [one["rank"] for one in placed["offers"]] == [1, 2]
    assert {one["action_id"] for one in placed["offers"]} == {"data_5gb", "stay"}
    assert all(one["content"]["headline"] for one in placed["offers"])
    assert record.question.request_id == "trigger:t:e1"
    assert [past.type for past in customer.interactions] == ["dropped_call", "trigger:t"]


async def test_the_offer_can_be_answered_with_its_token(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine)
        await engine.record([dropped(1)])
        ((_, message),) = await first(engine, 1)
        token = b64decode(message.document["token"])
        offer = message.document["placements"][0]["offers"][0]
        body = IncomingResponse(offer["action_id"], token, DecisionId(""), "accept", 0.0)
        (result,) = await engine.record([IncomingEvent(EventId("r1"), ANNA, NOW, body)])
        customer = await engine.customer(ANNA)
    assert result.status is EventStatus.ACCEPTED
    assert [touch.action_id for touch in customer.touches] == [offer["action_id"]]


async def test_who_does_something_is_scored_for_when_there_is_no_time(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine)
        await engine.record([IncomingEvent(EventId("e1"), ANNA, NOW, Interaction("visit", "web"))])
        decider = engine._seating.usual.decider
        async with asyncio.timeout(10):
            while (ANNA, "web") not in decider._last_known:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0)
        decider._score_pace.took(1_000.0)  # the model has been very slow
        late = engine.decide_now(question(), 0.01).decision
    assert [one.step for one in late.degraded] == [Step.PROPENSITY]
    assert "last known" in late.degraded[0].reason


async def test_the_same_event_twice_brings_one_offer(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine)
        await engine.record([dropped(1)])
        await engine.record([dropped(1), dropped(2)])
        found = await first(engine, 2)
    assert [left.message.message_id for left in found] == ["trigger:t:e1", "trigger:t:e2"]


async def test_contact_policies_hold_across_two_triggers_a_moment_apart(settings, circle):
    once = {
        "scope": "all",
        "subject": "customer",
        "count": "impression",
        "at_least": 2,
        "within": "1d",
        "pause": "1d",
    }
    actions = {"contact_policies": {"once": once}, "all_actions": {"contact_policies": ["once"]}}
    async with opened(settings, circle, **actions) as engine:
        await know(engine, ANNA, CustomerId("bert"))
        await engine.record([dropped(1), dropped(2), dropped(3, who=CustomerId("bert"))])
        found = await first(engine, 2)
    assert [left.message.message_id for left in found] == ["trigger:t:e1", "trigger:t:e3"]


async def test_somebody_without_consent_is_not_written_to(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine, consent__marketing=False)
        await know(engine, CustomerId("bert"))
        await engine.record([dropped(1), dropped(2, who=CustomerId("bert"))])
        found = await first(engine, 1)
        anna = await engine.customer(ANNA)
        figures = {one.name: one.read() for one in engine.gauges()}
    assert figures["attune_triggers"] == {"published": 1, "nothing_to_offer": 1, "resting": 0}
    assert [left.message.customer_id for left in found] == ["bert"]
    assert [past.type for past in anna.interactions] == ["dropped_call"]


async def test_it_rests_although_the_note_is_not_applied_yet(settings, circle):
    async with opened(settings, circle, CALL | {"rest": "1d"}) as engine:
        await know(engine)
        await engine.record([dropped(n) for n in range(1, 6)])
        await first(engine, 1)
        circle.time += DAY + MINUTE
        await engine.record([dropped(9, at=circle.time)])
        found = await first(engine, 2)
    assert [left.message.message_id for left in found] == ["trigger:t:e1", "trigger:t:e9"]


async def test_what_the_interaction_says_is_what_the_text_says(settings, circle):
    trigger = CALL | {"when": "telco.data_used_pct >= 80.0"}
    async with opened(settings, circle, trigger) as engine:
        await know(engine, telco__data_used_pct=10.0)
        await engine.record([dropped(1, telco__data_used_pct=20.0)])
        await engine.record([dropped(2, telco__data_used_pct=91.0)])
        ((_, message),) = await first(engine, 1)
    assert message.document["event_id"] == "e2"
    texts = [one["content"]["headline"] for one in message.document["placements"][0]["offers"]]
    assert "You have used 91 %" in texts


async def test_a_reader_goes_on_behind_the_last_message_it_has_sent(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine)
        await engine.record([dropped(1)])
        ((position, _),) = await first(engine, 1)
        reading = asyncio.create_task(first(engine, 1, position))
        await asyncio.sleep(0)
        await engine.record([dropped(2)])
        ((_, message),) = await reading
    assert message.document["event_id"] == "e2"
    async with opened(settings, circle) as engine:
        again = await first(engine, 2)
    assert [left.message.document["event_id"] for left in again] == ["e1", "e2"]


async def test_what_was_accepted_before_the_trigger_was_written_sets_nothing_off(settings, circle):
    async with opened(settings, circle, None) as engine:
        await know(engine)
        await engine.record([dropped(1)])
    async with opened(settings, circle) as engine:
        await engine.record([dropped(2)])
        ((position, message),) = await first(engine, 1)
    assert (position, message.document["event_id"]) == (NOW + 1, "e2")


@pytest.mark.parametrize("from_the_log", [False, True])
async def test_what_could_not_be_left_is_left_by_the_next_start(settings, circle, from_the_log):
    async with opened(settings, circle) as engine:
        await know(engine)
        await engine.record([dropped(1)])
        await first(engine, 1)
        with closing(sqlite3.connect(settings.data / OFFERS)) as other:
            other.execute("ALTER TABLE offers RENAME TO away")
        await engine.record([dropped(2)])
    with closing(sqlite3.connect(settings.data / OFFERS, isolation_level=None)) as other:
        other.execute("ALTER TABLE away RENAME TO offers")
    if from_the_log:
        with closing(sqlite3.connect(settings.data / JOURNAL, isolation_level=None)) as other:
            other.executescript("DELETE FROM customers; DELETE FROM checkpoint;")
    async with opened(settings, circle) as engine:
        found = await first(engine, 2)
    assert [left.message.document["event_id"] for left in found] == ["e1", "e2"]
    assert len({left.message.document["decision_id"] for left in found}) == 2


async def test_what_was_done_and_not_noted_is_not_done_twice(settings, circle):
    async with opened(settings, circle, CALL) as engine:
        await know(engine)
        await engine.record([dropped(1)])
        ((_, message),) = await first(engine, 1)
    with closing(sqlite3.connect(settings.data / OFFERS, isolation_level=None)) as other:
        other.execute("UPDATE reached SET seq = 0")
    async with opened(settings, circle, CALL) as engine:
        await engine.record([dropped(2)])
        found = await first(engine, 2)
    assert [left.message.message_id for left in found] == ["trigger:t:e1", "trigger:t:e2"]
    assert found[0].message == message


async def test_another_book_takes_its_triggers_along(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine)
        other = {"triggers": {"u": {"on": "dropped_call", "placements": ["ivr.prompt"]}}}
        write(settings.rules, files(policies=other))
        await engine.adopt(load(settings.rules).book, ())
        await engine.record([dropped(1)])
        ((_, message),) = await first(engine, 1)
    assert message.document["trigger"] == "u"
    assert message.document["channel"] == "ivr"


async def test_old_messages_are_let_go(settings, circle):
    async with opened(settings, circle, CALL | {"max_age": "1h"}) as engine:
        await know(engine)
        await engine.record([dropped(1)])
        await first(engine, 1)
        circle.time += 8 * DAY
        await engine.record([dropped(2, at=circle.time)])
        ((position, _),) = await first(engine, 1, NOW + 1)
        assert (
            [left.position async for left in engine.offers(0, only_kept=True)]
            == [position]
            == [NOW + 2]
        )
    assert (settings.data / OFFERS).stat().st_mode & 0o077 == 0


async def test_a_file_made_anew_uses_no_position_again(settings, circle):
    async with opened(settings, circle) as engine:
        await know(engine)
        await engine.record([dropped(1), dropped(2)])
        _, (last, _) = await first(engine, 2)
    (settings.data / OFFERS).unlink()
    circle.time += MINUTE
    async with opened(settings, circle) as engine:
        await engine.record([dropped(3)])
        ((position, message),) = await first(engine, 1, last)
    assert (position > last, message.document["event_id"]) == (True, "e3")
