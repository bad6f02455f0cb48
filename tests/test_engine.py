"""The engine over a real data directory, without the wire."""

import asyncio
import gc
import math
import sqlite3
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.edges.grpc.waits import Attended
from engine.engine import AttuneEngine, Sources, open_engine, teach_aloud
from engine.errors import BrokenRuleBook, RequestConflict, UnknownPlacement
from engine.explain import Telling
from engine.learning.mind import Mind
from engine.model import (
    DAY,
    HOUR,
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
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.load import Loaded, load
from engine.rulebook.snapshot import STOPS
from engine.settings import Settings
from tests.builders import ADULT, NOW, question
from tests.lessons import SCHEMA, lesson
from tests.rulebook.builders import POLICIES, action, book, files

ANNA = CustomerId("anna")
OUTCOMES = {"outcomes": {"impression": 0, "click": 0.2, "accept": 1}}


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
    write(tmp_path / "rules", files(policies=OUTCOMES))
    return Settings(rules=tmp_path / "rules", data=tmp_path / "data")


def write(directory: Path, texts: dict[str, bytes]) -> None:
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)


def opened(settings, circle):
    """An engine on the test's clock; its deadlines are on a clock that stands still too."""
    sources = Sources(now=lambda: circle.time, monotonic=lambda: 0.0, seed=circle.seed)
    return open_engine(settings, sources)


async def know_anna(engine: AttuneEngine) -> None:
    await engine.put([ProfileUpdate(ANNA, NOW, ADULT)])


def responded(answer, outcome, event_id, *, by="token"):
    """The event of an outcome of the first offer."""
    decision, token = answer
    offer = decision.placements[0].offers[0]
    token, decision_id = (token, "") if by == "token" else (b"", decision.decision_id)
    body = IncomingResponse(offer.action_id, token, DecisionId(decision_id), outcome, 0.0)
    return IncomingEvent(EventId(event_id), ANNA, NOW, body)


async def test_a_known_customer_is_decided_for_at_once(settings, circle):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        decision, token = engine.decide_now(question(), 1.0)
    assert not decision.placements[0].fallback
    assert token
    assert decision.decided_at == NOW


async def test_somebody_not_in_memory_is_waited_for(settings, circle):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
    async with opened(settings, circle) as engine:
        assert engine.decide_now(question(), 1.0) is None
        decision, _ = await engine.decide(question(), 1.0)
    assert not decision.placements[0].fallback
    assert decision.degraded == ()


@pytest.mark.parametrize("by", ["token", "decision_id"])
async def test_a_response_changes_the_next_decision(settings, circle, by):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        answer = engine.decide_now(question(), 1.0)
        shown = answer.decision.placements[0].offers[0]
        results = await engine.record([responded(answer, "accept", "e1", by=by)])
        assert [r.status for r in results] == [EventStatus.ACCEPTED]
        again, _ = engine.decide_now(question(), 1.0)
    after = {o.action_id: o.propensity for o in again.placements[0].offers}
    assert after[shown.action_id] > shown.propensity
    assert again.model_version != answer.decision.model_version


async def test_an_event_sent_twice_changes_nothing(settings, circle):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        event = responded(engine.decide_now(question(), 1.0), "accept", "e1")
        await engine.record([event])
        once = engine.decide_now(question(), 1.0).decision.model_version
        results = await engine.record([event, event])
        assert [r.status for r in results] == [EventStatus.DUPLICATE] * 2
        assert engine.decide_now(question(), 1.0).decision.model_version == once


async def test_one_bad_event_does_not_hold_up_the_others(settings, circle):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        answer = engine.decide_now(question(), 1.0)
        good = responded(answer, "click", "e1")
        unheard_of = IncomingResponse(good.body.action_id, b"", DecisionId("d0"), "click", 0.0)
        results = await engine.record(
            [
                IncomingEvent(EventId("e0"), ANNA, NOW, unheard_of),
                good,
                IncomingEvent(EventId("e2"), CustomerId("bert"), NOW, good.body),
            ]
        )
    statuses = [r.status for r in results]
    assert statuses == [EventStatus.REJECTED, EventStatus.ACCEPTED, EventStatus.REJECTED]
    assert "d0" in results[0].reason
    assert "another customer" in results[2].reason


async def test_what_was_learned_and_recorded_survives_a_restart(settings, circle):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        answer = engine.decide_now(question(), 1.0)
        await engine.record(
            [
                responded(answer, "impression", "e1"),
                responded(answer, "accept", "e2", by="decision_id"),
                IncomingEvent(EventId("e3"), ANNA, NOW, Interaction("visit", "web")),
            ]
        )
        before, _ = engine.decide_now(question(), 1.0)
        customer = await engine.customer(ANNA)
    async with opened(settings, circle) as engine:
        assert await engine.customer(ANNA) == customer
        circle.seeds -= 1
        after, _ = engine.decide_now(question(), 1.0)
        assert after.placements == before.placements
        assert after.model_version == before.model_version
        late = responded(answer, "click", "e4", by="decision_id")
        assert (await engine.record([late]))[0].status is EventStatus.ACCEPTED


async def test_nobody_has_heard_of_somebody_unknown(settings, circle):
    async with opened(settings, circle) as engine:
        assert await engine.customer(CustomerId("nobody")) is None
        decision, _ = await engine.decide(question(customer_id=CustomerId("nobody")), 1.0)
    assert decision.placements[0].fallback


async def test_the_same_request_brings_the_same_decision(settings, circle):
    asked = question(request_id="r1")
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        first = engine.decide_now(asked, 1.0)
        assert engine.decide_now(asked, 1.0) is None
        again = await engine.decide(asked, 1.0)
        assert again.decision.placements == first.decision.placements
        engine.keep("r1", b"reply")
        assert engine.decide_now(asked, 1.0) == b"reply"
        assert await engine.decide(asked, 1.0) == b"reply"
        with pytest.raises(RequestConflict):
            engine.decide_now(question(request_id="r1", max_offers=1), 1.0)
        circle.time += 5 * MINUTE + 1
        assert engine.decide_now(asked, 1.0).decision.decision_id != first.decision.decision_id


async def test_the_same_request_brings_the_same_decision_after_a_restart(settings, circle):
    asked = question(request_id="r1")
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        first = engine.decide_now(asked, 1.0)
    async with opened(settings, circle) as engine:
        assert engine.decide_now(asked, 1.0) is None
        again = await engine.decide(asked, 1.0)
        assert again.decision == first.decision
        event = responded(again, "click", "e1")
        assert (await engine.record([event]))[0].status is EventStatus.ACCEPTED
        with pytest.raises(RequestConflict):
            await engine.decide(question(request_id="r1", max_offers=1), 1.0)


async def test_the_same_request_twice_at_once_is_one_decision(settings, circle):
    asked = question(request_id="r1")
    async with opened(settings, circle) as engine:
        await know_anna(engine)
    async with opened(settings, circle) as engine:
        first, second = await asyncio.gather(engine.decide(asked, 1.0), engine.decide(asked, 1.0))
    assert first.decision.decision_id == second.decision.decision_id


async def test_a_dry_run_leaves_no_trace(settings, circle):
    asked = question(request_id="r1", dry_run=True, interaction=Interaction("visit"))
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        decision, token = engine.decide_now(asked, 1.0)
        assert token == b""
        reported = IncomingEvent(
            EventId("e1"),
            ANNA,
            NOW,
            IncomingResponse(
                decision.placements[0].offers[0].action_id, b"", decision.decision_id, "click", 0.0
            ),
        )
        assert (await engine.record([reported]))[0].status is EventStatus.REJECTED
        assert not (await engine.customer(ANNA)).interactions
        engine.decide_now(question(request_id="r1"), 1.0)


async def test_an_interaction_in_the_same_call_is_recorded_once(settings, circle):
    asked = question(request_id="r1", interaction=Interaction("visit", "web"))
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        engine.decide_now(asked, 1.0)
        engine.decide_now(asked, 1.0)
    async with opened(settings, circle) as engine:
        customer = await engine.customer(ANNA)
    assert [(past.type, past.channel) for past in customer.interactions] == [("visit", "web")]


async def test_a_profile_that_cannot_be_read_in_time_is_done_without(settings, circle):
    asked = question(context=ADULT)
    async with opened(settings, circle) as engine:
        decision, _ = await engine.decide(asked, 0.001_5)  # no time for the disk, but for rules
    assert [d.step for d in decision.degraded] == [Step.PROFILE]
    assert not decision.placements[0].fallback


async def test_who_has_no_time_does_not_take_the_profiles_from_those_who_have(settings, circle):
    async with opened(settings, circle) as engine:
        for n in range(20):
            hurried = question(customer_id=CustomerId(f"hurried-{n}"), context=ADULT)
            decision, _ = await engine.decide(hurried, 0.001_5)
            assert [d.step for d in decision.degraded] == [Step.PROFILE]
        decision, _ = await engine.decide(question(context=ADULT), 10.0)
    assert decision.degraded == ()


async def test_a_book_with_mistakes_is_not_served(settings, circle):
    (settings.rules / "actions/all.yaml").write_text("actions: [{id: a, titel: x}]")
    with pytest.raises(BrokenRuleBook, match="titel"):
        async with opened(settings, circle):
            pass
    assert not settings.data.exists()


@pytest.mark.parametrize("by", ["token", "decision_id"])
async def test_an_accepted_event_is_a_duplicate_also_when_it_can_no_longer_be_joined(
    settings, circle, by
):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        answer = engine.decide_now(question(), 1.0)
        event = responded(answer, "click", "e1", by=by)
        assert [r.status for r in await engine.record([event])] == [EventStatus.ACCEPTED]
    for name in ("decisions.db", "token.key"):
        (settings.data / name).unlink()
    async with opened(settings, circle) as engine:
        other = responded(answer, "click", "e2", by=by)
        statuses = [r.status for r in await engine.record([event, other])]
    assert statuses == [EventStatus.DUPLICATE, EventStatus.REJECTED]


async def test_ids_are_remembered_for_as_long_as_events_may_be_late(settings, circle):
    settings = replace(settings, lateness=30 * 86_400.0)
    visit = IncomingEvent(EventId("e1"), ANNA, NOW, Interaction("visit", "web"))
    async with opened(settings, circle) as engine:
        await engine.record([visit])
    circle.time += 29 * DAY
    async with opened(settings, circle) as engine:
        later = IncomingEvent(EventId("e2"), ANNA, circle.time, Interaction("visit", "web"))
        await engine.record([later])
    async with opened(settings, circle) as engine:
        assert [r.status for r in await engine.record([visit])] == [EventStatus.DUPLICATE]


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_later_put_wins_also_after_a_clock_that_was_ahead(settings, circle, restarted):
    async with opened(settings, circle) as engine:
        await engine.put([ProfileUpdate(ANNA, NOW + HOUR, {"customer.age": 30})])
        if not restarted:
            await engine.put([ProfileUpdate(ANNA, NOW, {"customer.age": 31})])
    async with opened(settings, circle) as engine:
        if restarted:
            await engine.put([ProfileUpdate(ANNA, NOW, {"customer.age": 31})])
        assert (await engine.customer(ANNA)).attributes == {"customer.age": 31}


async def test_a_damaged_customer_is_decided_for_without_a_profile_and_nobody_else(
    settings, circle
):
    bert = CustomerId("bert")
    async with opened(settings, circle) as engine:
        await engine.put([ProfileUpdate(who, NOW, ADULT) for who in (ANNA, bert)])
    with closing(sqlite3.connect(settings.data / "journal.db", isolation_level=None)) as database:
        database.execute("UPDATE customers SET body = x'00' WHERE customer_id = 'anna'")
        database.execute("UPDATE entries SET body = x'00' WHERE instr(body, 'anna')")
    async with opened(settings, circle) as engine:
        for _ in range(5):
            decision, _ = await engine.decide(question(context=ADULT), 1.0)
            assert [d.step for d in decision.degraded] == [Step.PROFILE]
            assert "damaged" in decision.degraded[0].reason
        await engine.put([ProfileUpdate(ANNA, NOW, ADULT), ProfileUpdate(bert, NOW + 1, ADULT)])
        decision, _ = await engine.decide(question(customer_id=bert), 1.0)
        assert decision.degraded == ()
        assert not decision.placements[0].fallback


# --- another book takes over ------------------------------------------------------------------------

RAISED = action("raise", value=9)
SEES_LESS = {"models": {"default": {"features": ["customer.segment"]}}} | OUTCOMES


async def test_a_decision_under_way_keeps_the_book_it_began_with(settings, circle):
    """The customer is still read from disk when the other book takes over."""
    async with opened(settings, circle) as engine:
        await know_anna(engine)
    async with opened(settings, circle) as engine:
        before = engine.book
        waiting = asyncio.ensure_future(engine.decide(question(), 1.0))
        await asyncio.sleep(0)
        await engine.adopt(book(actions=[RAISED]), ())
        decision, _ = await waiting
        assert engine.decide_now(question(), 1.0).decision.rulebook_version == engine.book.version
    assert decision.rulebook_version == before.version
    assert decision.placements[0].offers[0].action_id != "raise"


async def test_a_placement_that_is_gone_is_refused_not_a_fault(settings, circle):
    only_ivr = (
        POLICIES[: POLICIES.index("  web.hero:")] + POLICIES[POLICIES.index("  ivr.prompt:") :]
    )
    prompt = {"id": "a.ivr", "placement": "ivr.prompt", "texts": {"prompt": "Press one."}}
    async with opened(settings, circle) as engine:
        await engine.adopt(book(policies=only_ivr, actions=[action("a", treatments=[prompt])]), ())
        with pytest.raises(UnknownPlacement, match=r"web\.hero"):
            await engine.decide(question(), 1.0)


async def test_the_book_that_was_replaced_is_gone_without_a_garbage_collector(settings, circle):
    gc.disable()
    try:
        async with opened(settings, circle) as engine:
            await know_anna(engine)
            engine.decide_now(question(), 1.0)
            functions = weakref.ref(engine.book.conditions_of)
            await engine.adopt(book(actions=[RAISED]), ())
            assert functions() is None
            assert engine.decide_now(question(), 1.0).decision.placements[0].offers
    finally:
        gc.enable()


@pytest.mark.parametrize("by", ["token", "decision_id"])
async def test_a_response_to_a_decision_of_an_earlier_book_is_learned(settings, circle, by):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        answer = engine.decide_now(question(), 1.0)
        await engine.adopt(book(actions=[RAISED], policies=OUTCOMES), ())
        before = engine.decide_now(question(), 1.0).decision.model_version
        results = await engine.record([responded(answer, "accept", "e1", by=by)])
        after = engine.decide_now(question(), 1.0).decision.model_version
    assert [r.status for r in results] == [EventStatus.ACCEPTED]
    assert after != before


async def test_a_repeated_request_brings_the_decision_of_the_earlier_book(settings, circle):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        first = engine.decide_now(question(request_id="r1"), 1.0)
        await engine.adopt(book(actions=[RAISED]), ())
        again = await engine.decide(question(request_id="r1"), 1.0)
    assert again.decision.decision_id == first.decision.decision_id


async def test_what_a_new_book_lets_be_learned_survives_a_restart(settings, circle):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        await engine.adopt(book(policies=SEES_LESS), ())
        answer = engine.decide_now(question(), 1.0)
        await engine.record([responded(answer, "accept", "e1")])
        learned = engine.decide_now(question(), 1.0).decision.model_version
    async with opened(settings, circle) as engine:
        assert (await engine.decide(question(), 1.0)).decision.model_version == learned


async def test_whatever_goes_wrong_in_loading_is_reported_and_the_book_in_force_goes_on(settings):
    attempts, tried = [], asyncio.Event()

    async def compiled(rules, *, at_once=False):
        attempts.append(rules)
        if len(attempts) == 1:
            return load(rules)
        tried.set()
        raise RuntimeError("something nobody thought of")

    async with open_engine(settings, compiled=compiled) as engine:
        before = engine.book.version
        engine.reload_soon()
        await tried.wait()
        await soon(lambda: bool(engine.rulebook_status.last_load_error))
        (mistake,) = engine.rulebook_status.last_load_error
        assert engine.rulebook_status.refused == 1
        assert engine.book.version == before
    assert mistake.message == "the book could not be put in force: something nobody thought of"


async def soon(seen: Callable[[], bool]) -> None:
    """Waits until it is so; fails if it never is."""
    async with asyncio.timeout(60):
        for _ in iter(seen, True):
            await asyncio.sleep(0)


async def test_a_start_and_an_emergency_stop_do_not_wait_and_other_changes_stand_back(settings):
    asked, loads = [], asyncio.Semaphore(0)

    async def compiled(rules, *, at_once=False):
        asked.append(at_once)
        loads.release()
        return load(rules)

    async with open_engine(replace(settings, watch=False), compiled=compiled) as engine:
        await loads.acquire()
        for change in [None, "stopped: []", None, "stopped: []\n"]:
            if change:
                (settings.rules / STOPS).write_text(change)
            engine.reload_soon()
            await loads.acquire()
    assert asked == [True, False, True, False, True]


async def test_who_stops_something_does_not_wait_for_a_book_that_is_being_compiled(settings):
    begun, ended = asyncio.Semaphore(0), asyncio.Event()

    async def compiled(rules, *, at_once=False):
        if at_once:
            return load(rules)
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with open_engine(replace(settings, watch=False), compiled=compiled) as engine:
        before = engine.book.version
        engine.reload_soon()
        await begun.acquire()
        write(settings.rules, files(policies=OUTCOMES, actions=[]))
        engine.reload_soon()
        await soon(lambda: not engine.reload_wanted.is_set())
        assert not ended.is_set()
        (settings.rules / STOPS).write_text("stopped: []")
        engine.reload_soon()
        await soon(lambda: engine.book.version != before)
        assert ended.is_set()
        now = load(settings.rules).book
        assert now is not None
        assert engine.book.version == now.version


async def test_the_same_files_loaded_again_clear_what_was_said_of_others(settings):
    broken = Diagnostic("policies.yaml", 1, 1, "a mistake")
    found, loads = [load(settings.rules), Loaded(None, (broken,))], asyncio.Semaphore(0)

    async def compiled(rules, *, at_once=False):
        loads.release()
        return found.pop(0) if found else load(rules)

    async with open_engine(settings, compiled=compiled) as engine:
        await loads.acquire()
        engine.reload_soon()
        await loads.acquire()
        await soon(lambda: engine.rulebook_status.last_load_error == (broken,))
        since = engine.rulebook_status.active_since
        engine.reload_soon()
        await loads.acquire()
        await soon(lambda: not engine.rulebook_status.last_load_error)
        assert engine.rulebook_status.active_since == since


# --- the model ---------------------------------------------------------------------------------------


def test_that_the_world_has_changed_is_logged_once():
    mind = Mind()
    mind.register(SCHEMA.to_dict())
    with capture_logs() as logs:
        for n in range(3_000):
            teach_aloud(mind, lesson(reward=float(n >= 2_500)))
    (told,) = [entry for entry in logs if entry["event"] == "model.drifted"]
    assert told["log_level"] == "warning"
    assert 2_500 < told["lesson"] < 2_600


async def test_how_well_the_model_foresees_can_be_watched(settings, circle):
    write(settings.rules, files())
    async with opened(settings, circle) as engine:
        gauges = {gauge.name: gauge for gauge in engine.gauges()}
        assert gauges["attune_model_drifts_total"].read() == 0.0
        assert math.isnan(gauges["attune_model_calibration_error"].read())


# --- exploration ------------------------------------------------------------------------------------


def wild(most):
    exploration = {"policy": "squarecb", "gamma": 0, "give_up_per_day": most}
    two = [action("a", value=50), action("b", value=10)]
    return files(actions=two, policies={"arbitration": {"exploration": exploration}})


async def test_what_was_given_up_today_is_known_after_a_restart(settings, circle):
    write(settings.rules, wild(1_000))
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        made = [(await engine.decide(question(max_offers=1), 1.0)).decision for _ in range(20)]
        given_up = made[-1].given_up_today
        assert given_up > 0.0
    async with opened(settings, circle) as engine:
        gauges = {gauge.name: gauge for gauge in engine.gauges()}
        assert gauges["attune_exploration_given_up"].read() == given_up
        next_one = (await engine.decide(question(max_offers=1), 1.0)).decision
        assert next_one.given_up_today == given_up + next_one.given_up


async def test_where_it_cannot_be_read_nothing_more_is_given_up_today(settings, circle):
    write(settings.rules, wild(1_000))
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        await engine.decide(question(max_offers=1), 1.0)
    with closing(sqlite3.connect(settings.data / "decisions.db")) as database, database:
        database.execute("UPDATE blocks SET body = x'00'")
    async with opened(settings, circle) as engine:
        made = [(await engine.decide(question(max_offers=1), 1.0)).decision for _ in range(20)]
        assert {one.placements[0].offers[0].action_id for one in made} == {"a"}
        circle.time += DAY
        made = [(await engine.decide(question(max_offers=1), 1.0)).decision for _ in range(20)]
        assert {one.placements[0].offers[0].action_id for one in made} == {"a", "b"}


async def test_what_was_learned_elsewhere_decides_from_one_moment_on_also_by_the_next_book(
    settings, circle
):
    async with opened(settings, circle) as engine:
        await know_anna(engine)
        before, _ = await engine.decide(question(), 1.0)
        learned = Mind()
        learned.register(SCHEMA.to_dict())
        offer = before.placements[0].offers[0]
        for _ in range(60):
            learned.teach(lesson(action=offer.action_id, group=offer.group))
        await engine.take_up(learned)
        after, token = await engine.decide(question(), 1.0)
        assert after.model_version.endswith(".60")
        assert after.placements[0].offers[0].propensity > offer.propensity
        assert token
        await engine.adopt(book(actions=[RAISED], policies=OUTCOMES), ())
        assert (await engine.decide(question(), 1.0))[0].model_version.endswith(".60")
        elsewhere = Mind()
        await engine.take_up(elsewhere)
        assert (await engine.decide(question(), 1.0))[0].model_version.endswith(".0")


async def test_what_was_learned_before_is_gone_without_a_garbage_collector(settings, circle):
    gc.disable()
    try:
        async with opened(settings, circle) as engine:
            await know_anna(engine)
            learned = Mind()
            before = weakref.ref(learned.learner)
            await engine.take_up(learned)
            engine.decide_now(question(), 1.0)
            del learned
            await engine.take_up(Mind())
            for _ in range(1_000):  # the thread that built the first decider may let go of it late
                if before() is None:
                    break
                await asyncio.to_thread(int)
            assert before() is None
    finally:
        gc.enable()


async def test_stories_are_told_one_after_the_other_so_that_a_turn_has_one_slice(
    settings, circle, monkeypatch
):
    told = []

    def tell_some(telling, _):
        told.append(telling)
        return len([each for each in told if each is telling]) == 5

    monkeypatch.setattr(Telling, "tell_some", tell_some)
    async with opened(settings, circle) as engine:
        asking = [engine.decide(question(explain=True), 1.0) for _ in range(4)]
        answers = await asyncio.gather(*asking)
    assert all(answer.decision.trace is not None for answer in answers)
    assert [told[at] for at in range(0, 20, 5) for _ in range(5)] == told


async def test_nothing_stays_of_a_story_nobody_waits_for_any_more(settings, circle, monkeypatch):
    stories, begin, begun = [], Telling.__init__, asyncio.Event()

    def noted(telling, *given):
        begin(telling, *given)
        stories.append(weakref.ref(telling))
        if len(stories) == 3:
            begun.set()

    monkeypatch.setattr(Telling, "__init__", noted)
    monkeypatch.setattr(Telling, "tell_some", lambda telling, _: next(telling._steps, None))
    async with opened(settings, circle) as engine:
        waits = [Attended(partial(engine.decide, question(explain=True), 1.0)) for _ in range(3)]
        for wait in waits:
            wait.begin(print)
        await begun.wait()
        await turns(9)
        gc.disable()
        try:
            for wait in waits:
                wait.leave()
            await turns(9)
            assert [story() for story in stories] == [None] * 3
        finally:
            gc.enable()


async def turns(number):
    for _ in range(number):
        await asyncio.sleep(0)
