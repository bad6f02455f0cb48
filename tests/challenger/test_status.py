"""What shadows and customers say of a challenger, from a data directory where rates are known."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine.challenger.plan import Plan
from engine.challenger.status import Status, status_of
from engine.cli import application
from engine.edges.rules.plan_file import PLAN, write_plan
from engine.engine import AttuneEngine
from engine.experiments.results import results
from engine.model import (
    SECOND,
    CustomerId,
    Decision,
    EventId,
    IncomingEvent,
    IncomingResponse,
    ProfileUpdate,
)
from tests.builders import ADULT, NOW, question
from tests.challenger.living import World, cast, decide, planned
from tests.rulebook.builders import action

RATES = {"dear": 0.1, "wanted": 0.6, "new": 0.3}
DEAR = [action("dear", value=1, lever=900), action("wanted", value=1)]
WANTED = [action("dear", value=1), action("wanted", value=1, lever=900)]
POLICIES: dict[str, Any] = {
    "arbitration": {"priority": "V * L", "exploration": {"policy": "epsilon", "epsilon": 0.4}},
    "outcomes": {"impression": 0, "accept": 1},
}
CUSTOMERS = [CustomerId(f"p{number}") for number in range(1_200)]


async def answered(engine: AttuneEngine, made: list[Decision], seed: int = 7) -> None:
    """Every first offer is seen, and taken as often as its rate says."""
    chance = Random(seed)
    events = []
    for decision in made:
        offer = decision.placements[0].offers[0]
        said = "accept" if chance.random() < RATES[offer.action_id] else "impression"
        body = IncomingResponse(offer.action_id, b"", decision.decision_id, said, 0.0)
        name = EventId(f"{decision.decision_id}")
        events.append(IncomingEvent(name, decision.customer_id, decision.decided_at, body))
    await engine.record(events)


async def lived(world: World, plan: Plan, *, share: bool = False) -> None:
    """One decision for everybody, with shadows or on a share, and what became of it."""
    async with world.opened() as engine:
        await engine.put([ProfileUpdate(who, NOW, ADULT) for who in CUSTOMERS])
        await engine.challenge(world.challenge(plan))
        made = []
        for who in CUSTOMERS:
            world.time += SECOND
            made.append(decide(engine, question(customer_id=who, max_offers=1)))
            if not share and len(made) % 100 == 0:
                cast(engine)
        await answered(engine, made)
    write_plan(world.settings.data, plan)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write(actions=DEAR, policies=POLICIES)
    return made


def run(*arguments: object) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(application(words[:1]), words)


def found(world: World) -> Status:
    return status_of(world.settings.data, 10_000)


async def test_shadows_tell_how_the_two_differ_and_what_the_challenger_would_earn(
    world: World,
) -> None:
    rules = world.write("autumn", actions=WANTED, policies=POLICIES)
    await lived(world, planned(rules))
    said = found(world).shadows
    assert said is not None
    assert said.shadows == said.placements == len(CUSTOMERS)
    assert said.left_out == {}
    assert 0.2 < said.agreed / said.placements < 0.5
    assert {o.action_id: o.challenger > o.champion for o in said.offers} == {
        "dear": False,
        "wanted": True,
    }
    assert sum(o.champion for o in said.offers) == len(CUSTOMERS)
    assert said.champion is not None
    assert said.challenger is not None
    assert said.champion.propensity == said.challenger.propensity
    assert said.acceptance is not None
    assert not said.acceptance.refusals
    low, high = said.acceptance.headline.bootstrap
    assert low < 0.8 * RATES["wanted"] + 0.2 * RATES["dear"] < high
    assert said.acceptance.difference.clear
    told = run("challenger", "status", "--data", world.settings.data)
    assert told.exit_code == 0
    assert "Acceptance, estimated from 1,200 offers seen" in told.output
    assert "clearly more" in told.output
    assert "time to decide, p99, ms" in told.output


async def test_what_the_champion_never_shows_is_not_guessed_at(world: World) -> None:
    rules = world.write("autumn", actions=[action("new", value=1)], policies=POLICIES)
    await lived(world, planned(rules))
    said = found(world).shadows
    assert said is not None
    assert said.agreed == 0
    assert said.acceptance is not None
    assert said.acceptance.refusals
    told = run("challenger", "status", "--data", world.settings.data).output
    assert "What it would earn cannot be told" in told
    assert "new" in told
    assert "gone" in told


async def test_shadows_of_an_earlier_edition_of_the_challenger_are_left_out(world: World) -> None:
    rules = world.write("autumn", actions=WANTED, policies=POLICIES)
    await lived(world, planned(rules))
    world.write("autumn", actions=[*WANTED, action("new")], policies=POLICIES)
    said = found(world).shadows
    assert said is not None
    assert said.shadows == 0
    assert list(said.left_out.values()) == [len(CUSTOMERS)]
    assert run("challenger", "status", "--data", world.settings.data).exit_code == 0


async def test_on_a_share_both_are_compared_by_what_they_earned(world: World) -> None:
    rules = world.write("autumn", actions=WANTED, policies=POLICIES)
    await lived(world, planned(rules).to_share(0.4, NOW - 10 * SECOND), share=True)
    trial = found(world).trial
    assert trial is not None
    champion, challenger = trial.outcomes
    assert (champion.name, challenger.name) == ("usual", "challenger.autumn")
    assert champion.customers + challenger.customers >= len(CUSTOMERS) - 10
    assert not trial.mismatch.alarm
    lift = challenger.acceptance.lift
    assert lift is not None
    assert lift.high < 0
    assert lift.low < 0.6 * (RATES["dear"] - RATES["wanted"]) < lift.high
    [same] = [t for t in results(world.settings.data).trials if t.name == "challenger.autumn"]
    assert same == trial
    assert (
        "usual against challenger.autumn"
        in run("experiments", "--data", world.settings.data).output
    )


async def test_a_promotion_ends_what_is_compared(world: World) -> None:
    rules = world.write("autumn", actions=WANTED, policies=POLICIES)
    plan = planned(rules).to_share(0.4, NOW - 10 * SECOND)
    await lived(world, plan, share=True)
    before = found(world).trial
    write_plan(world.settings.data, plan.to_everybody(world.time + 1))
    assert found(world).trial == before
    write_plan(world.settings.data, plan.to_everybody(NOW))
    ended = found(world).trial
    assert ended is not None
    assert [outcome.customers for outcome in ended.outcomes] == [0, 0]


async def test_a_share_other_than_planned_raises_the_alarm(world: World) -> None:
    rules = world.write("autumn", actions=WANTED, policies=POLICIES)
    plan = planned(rules).to_share(0.2, NOW - 10 * SECOND)
    await lived(world, plan, share=True)
    write_plan(world.settings.data, plan.to_share(0.4, NOW - 10 * SECOND))
    trial = found(world).trial
    assert trial is not None
    assert trial.mismatch.alarm


async def test_status_as_json_and_without_a_challenger(world: World) -> None:
    async with world.opened():
        pass
    data = world.settings.data
    none = json.loads(run("challenger", "status", "--data", data, "--format", "json").output)
    assert none == {"name": None, "part": "off"}
    assert "There is no challenger" in run("challenger", "status", "--data", data).output
    rules = world.write("autumn", actions=WANTED, policies=POLICIES)
    write_plan(data, planned(rules, sample=0.5))
    said = json.loads(run("challenger", "status", "--data", data, "--format", "json").output)
    assert (said["name"], said["part"], said["sample"]) == ("autumn", "shadow", 0.5)
    assert said["refused"] == []
    (rules / "policies.yaml").write_text("issues: [")
    broken = run("challenger", "status", "--data", data).output
    assert "ALARM, not by its latest files" in broken
    assert "policies.yaml:1" in broken
    (data / PLAN).write_text("{")
    damaged = run("challenger", "status", "--data", data)
    assert damaged.exit_code == 1
    assert "makes no sense" in damaged.output
