"""A challenger beside the champion in a running engine, without the wire."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.challenger.shadowing import Missed
from engine.codec import DecisionRecord
from engine.edges.journal.decisions import recorded
from engine.edges.journal.shadows import SHADOWS, missed_by, shadow_of
from engine.edges.rules.plan_file import PLAN, write_plan
from engine.edges.state.names import DECISIONS
from engine.engine import AttuneEngine
from engine.errors import UnknownPlacement
from engine.model import (
    DecisionId,
    EventId,
    IncomingEvent,
    IncomingResponse,
    ProfileUpdate,
)
from engine.replay.books import KeptBooks
from engine.replay.replay import Replay
from engine.rulebook.load import load
from engine.telemetry import Gauge
from tests.builders import NOW, question
from tests.challenger.living import (
    AB,
    ONLY_C,
    PEOPLE,
    World,
    by_everybody,
    cast,
    decide,
    firsts,
    planned,
    shadowing_of,
)
from tests.rulebook.builders import ATTRIBUTES, POLICIES, action

ONCE = {
    "contact_policies": {
        "once": {
            "scope": "all",
            "count": "impression",
            "at_least": 1,
            "within": "1d",
            "pause": "1d",
        }
    }
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write(actions=AB)
    return made


async def until(true: Callable[[], bool]) -> None:
    """Gives way to the loop's other work until something holds."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0)


# --- the share ----------------------------------------------------------------------------------


async def test_on_a_share_each_customer_is_decided_for_by_one_of_the_two(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C)).to_share(0.5, NOW)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        once, twice = by_everybody(engine), by_everybody(engine)
    mine = {who for who, decision in once.items() if decision.holdout == "challenger.autumn"}
    assert 10 < len(mine) < 30
    assert mine == {who for who, decision in twice.items() if decision.holdout}
    assert firsts({who: once[who] for who in mine}) == {"c"}
    assert firsts({who: d for who, d in once.items() if who not in mine}) <= {"a", "b"}
    versions = {decision.rulebook_version for decision in once.values()}
    assert len(versions) == 2


async def test_decisions_of_both_are_replayed_by_the_book_that_made_them(world: World) -> None:
    levers = {"holdouts": {"nobody_asked": {"share": 0.2, "period": "month", "salt": "s"}}}
    world.write(actions=AB, policies=levers | ONCE)
    rules = world.write("autumn", actions=[*ONLY_C, *AB], policies=ONCE | {"all_actions": {}})
    async with world.opened() as engine:
        await engine.challenge(world.challenge(planned(rules).to_share(0.5, NOW)))
        await engine.put(
            [ProfileUpdate(who, NOW, {"consent.marketing": False}) for who in PEOPLE[:9]]
        )
        by_everybody(engine)
        by_everybody(engine)
    replay = Replay(KeptBooks(world.settings.data))
    records = list(recorded(world.settings.data / DECISIONS))
    assert {record.decision.holdout for record in records} == {
        "", "nobody_asked", "challenger.autumn",
    }  # fmt: skip
    assert {replay.replay(record).verdict for record in records} == {"equal"}


async def test_a_placement_the_challenger_lacks_is_the_champions(world: World) -> None:
    world.write(actions=[*AB, IVR])
    short = POLICIES[: POLICIES.index("  ivr.prompt:")]
    plan = planned(world.write("autumn", actions=ONLY_C, policies=short)).to_share(0.5, NOW)
    async with world.opened() as engine:
        assert await engine.challenge(world.challenge(plan)) == ()
        there = by_everybody(engine, "ivr.prompt", channel="ivr")
        assert {d.rulebook_version for d in there.values()} == {engine.book.version}
        assert {d.holdout for d in there.values()} == {"", "challenger.autumn"}


async def test_what_either_offers_counts_for_both(world: World) -> None:
    once = [action(name, contact_policies=["once"]) for name in ("a", "b")]
    world.write(actions=once, policies=ONCE)
    plan = planned(world.write("autumn", actions=[action("a"), action("c")])).to_share(0.5, NOW)
    async with world.opened() as engine:
        before = by_everybody(engine, max_offers=1)
        assert all(not d.placements[0].fallback for d in before.values())
        await engine.challenge(world.challenge(plan))
        assert all(d.placements[0].fallback for d in by_everybody(engine).values())
        await engine.challenge(None)
        assert all(d.placements[0].fallback for d in by_everybody(engine).values())


@pytest.mark.parametrize("theirs", [7, 500, None])
async def test_no_cap_is_exceeded_across_both(world: World, theirs: int | None) -> None:
    world.write(actions=[action("a", value=9, caps={"total": 12})])
    caps = {} if theirs is None else {"caps": {"total": theirs}}
    plan = planned(world.write("autumn", actions=[action("a", value=9, **caps)]))
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan.to_share(0.5, NOW)))
        made = by_everybody(engine) | by_everybody(engine)
        both = [*made.values()]
    records = [r.decision for r in recorded(world.settings.data / DECISIONS)]
    assert len(records) == 2 * len(PEOPLE)
    offered = [d for d in records if not d.placements[0].fallback]
    assert len(offered) == 12
    assert {d.holdout for d in offered} == {"", "challenger.autumn"}
    assert both


async def test_what_exploration_gave_up_today_is_known_after_a_restart_whoever_decided_last(
    world: World,
) -> None:
    limited = {"policy": "epsilon", "epsilon": 0.9, "give_up_per_day": 1_000}
    world.write(actions=AB, policies={"arbitration": {"exploration": limited}})
    plan = planned(world.write("autumn", actions=AB)).to_share(0.5, NOW)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        made = by_everybody(engine, max_offers=1)
        [mine, *_] = [who for who, decision in made.items() if decision.holdout]
        given_up = given_up_today(engine)
        assert given_up > 0.0
        assert decide(engine, question(customer_id=mine)).given_up_today == given_up
    async with world.opened() as engine:
        assert given_up_today(engine) == given_up
    replay = Replay(KeptBooks(world.settings.data))
    records = recorded(world.settings.data / DECISIONS)
    assert {replay.replay(record).verdict for record in records} == {"equal"}


async def test_a_budget_the_challenger_cannot_keep_keeps_it_out(world: World) -> None:
    cost = {"amount": 100, "currency": "NGN", "cost_each": "customer.age * 0.1"}
    world.write(actions=[action("a", caps={"budget": cost})])
    plan = planned(world.write("autumn", actions=AB)).to_share(0.5, NOW)
    async with world.opened() as engine:
        [why] = await engine.challenge(world.challenge(plan))
        assert "budget.a" in why
        assert {d.holdout for d in by_everybody(engine).values()} == {""}


async def test_a_response_to_either_teaches_the_one_model(world: World) -> None:
    world.write(actions=AB, policies=OUTCOMES)
    rules = world.write("autumn", actions=ONLY_C, policies=OUTCOMES)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(planned(rules).to_share(0.5, NOW)))
        made = by_everybody(engine, max_offers=1)
        events = [
            IncomingEvent(
                EventId(f"e{who}"), who, NOW,
                IncomingResponse(decision.placements[0].offers[0].action_id, b"", decision.decision_id, "accept", 0.0),
            )
            for who, decision in made.items()
        ]  # fmt: skip
        results = await engine.record(events)
        assert {result.status.name for result in results} == {"ACCEPTED"}
        after = by_everybody(engine, max_offers=1)
    assert {d.model_version.rpartition(".")[2] for d in after.values()} == {str(len(PEOPLE))}


# --- in the champion's place --------------------------------------------------------------------


async def test_promoted_it_decides_for_everybody_and_back_restores(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C)).to_share(0.5, NOW)
    async with world.opened() as engine:
        champion = engine.book.version
        await engine.challenge(world.challenge(plan.to_everybody(NOW)))
        after = by_everybody(engine)
        assert firsts(after) == {"c"}
        assert {d.holdout for d in after.values()} == {""}
        assert engine.book.version != champion == engine.champion.version
        assert engine.rulebook_status.accepted == 2
        await engine.challenge(world.challenge(plan))
        assert len({d.rulebook_version for d in by_everybody(engine).values()}) == 2
        assert engine.book.version == champion
        await engine.challenge(None)
        assert {d.rulebook_version for d in by_everybody(engine).values()} == {champion}


async def test_promoted_it_stays_while_the_champion_is_reloaded(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C)).to_everybody(NOW)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        changed = load(world.write(actions=[action("d", group="save")], more=STOP_C)).book
        assert changed is not None
        await engine.adopt(changed, ())
        assert firsts(by_everybody(engine)) == set()
        assert engine.book.version != changed.version == engine.champion.version
        await engine.challenge(None)
        assert firsts(by_everybody(engine)) == {"d"}


async def test_what_lacks_a_placement_does_not_replace_the_champion(world: World) -> None:
    short = POLICIES[: POLICIES.index("  ivr.prompt:")]
    plan = planned(world.write("autumn", actions=ONLY_C, policies=short)).to_everybody(NOW)
    async with world.opened() as engine:
        [why] = await engine.challenge(world.challenge(plan))
        assert "ivr.prompt" in why
        assert firsts(by_everybody(engine)) <= {"a", "b"}


async def test_what_lacks_an_attribute_callers_may_send_does_not_replace_the_champion(
    world: World,
) -> None:
    without = ATTRIBUTES.replace("  request.reason: {type: string, nullable: true}\n", "")
    plan = planned(world.write("autumn", actions=ONLY_C, attributes=without))
    async with world.opened() as engine:
        assert await engine.challenge(world.challenge(plan.to_share(0.5, NOW))) == ()
        [why] = await engine.challenge(world.challenge(plan.to_everybody(NOW)))
        assert "attribute request.reason (string)" in why


async def test_an_unknown_placement_is_unknown_to_either(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C)).to_share(0.5, NOW)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        for who in PEOPLE[:10]:
            with pytest.raises(UnknownPlacement):
                await engine.decide(question("web.nowhere", customer_id=who), 1.0)


async def test_reloads_of_either_leave_the_other_as_it_is(world: World) -> None:
    rules = world.write("autumn", actions=ONLY_C)
    plan = planned(rules).to_share(0.5, NOW)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        changed = load(world.write(actions=[action("d")])).book
        assert changed is not None
        await engine.adopt(changed, ())
        assert firsts(by_everybody(engine)) == {"c", "d"}
        world.write("autumn", actions=[action("e")])
        await engine.challenge(world.challenge(plan))
        assert firsts(by_everybody(engine)) == {"d", "e"}


# --- the shadow ---------------------------------------------------------------------------------


async def test_a_shadow_sees_the_same_and_changes_nothing(world: World) -> None:
    world.write(
        actions=[action("a", contact_policies=["once"], caps={"total": 1_000})], policies=ONCE
    )
    same = world.write("autumn", actions=[action("a", contact_policies=["once"])], policies=ONCE)
    plan = planned(same)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        made = by_everybody(engine)
        assert cast(engine) == len(PEOPLE)
        lessons = made[PEOPLE[0]].model_version
        assert decide(engine, question(customer_id=PEOPLE[0])).model_version == lessons
        assert len(engine._pending) == len(PEOPLE)
    shadows = {shadow.record.decision.decision_id: shadow for shadow in world.shadows(plan)}
    for decision in made.values():
        unseen = shadows[decision.decision_id].record.decision
        assert unseen.placements == decision.placements
        assert unseen.seed == decision.seed
        assert unseen.rulebook_version != decision.rulebook_version
    records = list(recorded(world.settings.data / DECISIONS))
    assert len(records) == len(PEOPLE) + 1
    assert {record.decision.rulebook_version for record in records} == {
        made[PEOPLE[0]].rulebook_version
    }
    replay = Replay(KeptBooks(world.settings.data))
    verdicts = {replay.replay(shadow.record).verdict for shadow in shadows.values()}
    assert verdicts == {"equal"}


async def test_a_sample_is_a_share_of_decisions_and_no_dry_run_has_a_shadow(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C), sample=0.2)
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        by_everybody(engine, dry_run=True)
        assert not shadowing_of(engine)._waiting
        for _ in range(5):
            by_everybody(engine)
        picked = len(shadowing_of(engine)._waiting)
        assert 20 <= picked <= 60
        assert cast(engine) == picked
        await engine.challenge(None)
    assert len(world.shadows(plan)) == picked


async def test_what_changed_meanwhile_and_what_is_too_much_has_no_shadow(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C))
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        shadowing = shadowing_of(engine)
        decide(engine, question(customer_id=PEOPLE[0]))
        someone = engine._state.known(PEOPLE[0])
        assert someone is not None
        someone.revision += 1
        assert cast(engine) == 0
        assert shadowing.missed == {Missed.OVERTAKEN: 1}
        for _ in range(7):
            by_everybody(engine)
        assert shadowing.missed[Missed.SHED] == 7 * len(PEOPLE) - 256
    assert missed_by(world.settings.data / SHADOWS, "autumn", NOW) == {
        Missed.OVERTAKEN: 1,
        Missed.SHED: 24,
    }


async def test_a_challenger_that_fails_harms_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C))
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        shadowing = shadowing_of(engine)
        monkeypatch.setattr(shadowing._decider, "_knowledge", None)
        assert firsts(by_everybody(engine)) <= {"a", "b"}
        assert cast(engine) == 0
        assert shadowing.missed == {Missed.FAILED: len(PEOPLE)}


async def test_a_shadow_is_found_by_its_decision(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C))
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        decision = decide(engine, question(customer_id=PEOPLE[0]))
        assert cast(engine) == 1
    path = world.settings.data / SHADOWS
    found = shadow_of(path, decision.decision_id)
    assert found is not None
    assert found.name == "autumn"
    assert isinstance(found.record, DecisionRecord)
    assert shadow_of(path, DecisionId("unheard of")) is None


# --- the plan in the data directory -------------------------------------------------------------


async def test_the_plan_is_followed_from_the_first_decision_on(world: World) -> None:
    plan = planned(world.write("autumn", actions=ONLY_C)).to_everybody(NOW)
    async with world.opened() as engine:
        before = engine.book.version
    write_plan(world.settings.data, plan)
    async with world.opened() as engine:
        assert firsts(by_everybody(engine)) == {"c"}
        write_plan(world.settings.data, plan.back())
        await until(lambda: engine.book.version == before)
        write_plan(world.settings.data, None)
        await until(lambda: engine._seating.seats.challenge is None)


@pytest.mark.parametrize("broken", ["plan", "rules"])
async def test_what_cannot_be_read_does_not_decide_and_raises_the_alarm(
    world: World, broken: str
) -> None:
    rules = world.write("autumn", actions=ONLY_C)
    async with world.opened() as engine:
        champion = engine.book.version
    write_plan(world.settings.data, planned(rules).to_everybody(NOW))
    if broken == "plan":
        (world.settings.data / PLAN).write_text("{")
    else:
        (rules / "policies.yaml").write_text("issues: [")
    async with world.opened() as engine:
        assert engine.book.version == champion
        assert alarm(engine) > 0
        write_plan(
            world.settings.data, planned(world.write("winter", actions=ONLY_C)).to_everybody(NOW)
        )
        await until(lambda: engine.book.version != champion)
        await until(lambda: alarm(engine) == 0)


async def test_what_breaks_later_goes_on_as_it_was(world: World) -> None:
    rules = world.write("autumn", actions=ONLY_C)
    async with world.opened():
        pass
    plan = planned(rules).to_share(0.5, NOW)
    write_plan(world.settings.data, plan)
    async with world.opened() as engine:
        assert firsts(by_everybody(engine)) >= {"c"}
        (rules / "policies.yaml").write_text("issues: [")
        engine.reload_soon()
        await until(lambda: alarm(engine) > 0)
        assert firsts(by_everybody(engine)) >= {"c"}
        write_plan(world.settings.data, plan.to_everybody(NOW))
        await until(lambda: firsts(by_everybody(engine)) == {"c"})
        (world.settings.data / PLAN).write_text("{")
        engine.challenge_wanted.set()
        await until(lambda: not engine.challenge_wanted.is_set())
        assert firsts(by_everybody(engine)) == {"c"}


async def test_a_stop_takes_effect_whatever_else_is_broken_in_the_challengers_files(
    world: World,
) -> None:
    rules = world.write("autumn", actions=ONLY_C)
    async with world.opened():
        pass
    write_plan(world.settings.data, planned(rules).to_everybody(NOW))
    async with world.opened() as engine:
        assert firsts(by_everybody(engine)) == {"c"}
        (rules / "policies.yaml").write_text("issues: [")
        (rules / "stop.yaml").write_text("stopped: [{action: c}]")
        engine.reload_soon()
        await until(lambda: firsts(by_everybody(engine)) == set())
        await until(lambda: alarm(engine) > 0)


def alarm(engine: AttuneEngine) -> float:
    return figure(engine, "attune_challenger_refused")


def given_up_today(engine: AttuneEngine) -> float:
    return figure(engine, "attune_exploration_given_up")


def figure(engine: AttuneEngine, name: str) -> float:
    [gauge] = [g for g in engine.gauges() if g.name == name]
    assert isinstance(gauge, Gauge)
    return gauge.read()


OUTCOMES = {"outcomes": {"impression": 0, "accept": 1}}
STOP_C = {"stop.yaml": '{"stopped": [{"issue": "grow"}]}'}
IVR = {
    "id": "call", "title": "Call", "group": "save", "value": 10,
    "treatments": [{"id": "call.ivr", "placement": "ivr.prompt", "texts": {"prompt": "Stay"}}],
}  # fmt: skip
