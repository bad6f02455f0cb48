"""A decision explained, with its shadow, and whose customer it was."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.challenger.plan import Plan
from engine.cli import application
from engine.model import Decision, ProfileUpdate
from tests.builders import ADULT, NOW
from tests.challenger.living import AB, ONLY_C, PEOPLE, World, by_everybody, cast, planned


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write(actions=AB)
    return made


async def lived(world: World, plan: Plan) -> list[Decision]:
    async with world.opened() as engine:
        await engine.challenge(world.challenge(plan))
        await engine.put([ProfileUpdate(PEOPLE[0], NOW, ADULT)])
        made = by_everybody(engine)
        if plan.share == 0.0:
            cast(engine)
    return list(made.values())


def explained(world: World, decision: Decision) -> str:
    words = ["explain", decision.decision_id, "--data", str(world.settings.data)]
    said = CliRunner().invoke(application(["explain"]), words)
    assert said.exit_code == 0, said.output
    return said.output


async def test_the_shadow_of_a_decision_is_told_with_it(world: World) -> None:
    [decision, *_] = await lived(world, planned(world.write("autumn", actions=ONLY_C)))
    said = explained(world, decision)
    assert "Unseen, the challenger autumn" in said
    assert "would have shown in web.hero: c" in said


async def test_whose_customer_it_was_is_told(world: World) -> None:
    rules = world.write("autumn", actions=ONLY_C, policies={"all_actions": {}})
    made = await lived(world, planned(rules).to_share(0.5, NOW))
    mine = next(decision for decision in made if decision.holdout)
    assert "For a customer of the challenger autumn" in explained(world, mine)
    other = next(decision for decision in made if not decision.holdout)
    assert "challenger" not in explained(world, other)


async def test_what_the_champion_kept_back_is_told(world: World) -> None:
    world.write(actions=AB, more={"stop.yaml": '{"stopped": [{"issue": "grow"}]}'})
    rules = world.write("autumn", actions=ONLY_C)
    made = await lived(world, planned(rules).to_share(0.5, NOW))
    mine = next(decision for decision in made if decision.holdout)
    assert mine.placements[0].fallback
    assert "stopped for the champion" in explained(world, mine)
