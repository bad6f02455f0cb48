"""A challenger on a real service: one command each way, also over kill -9 in between."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.edges.rules.plan_file import PLAN
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.rulebook_pb2 import Challenger
from tests.challenger.living import AB, ONLY_C, World
from tests.rulebook.builders import POLICIES, action
from tests.service import Service, serving
from tests.test_journey import PEOPLE, put_everybody

PATIENCE = 60.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write(actions=AB)
    made.write("autumn", actions=ONLY_C)
    return made


@contextmanager
def served(world: World) -> Iterator[Service]:
    with serving(world.settings.rules, world.settings.data) as service:
        yield service


def run(world: World, *arguments: object) -> Result:
    words = ["challenger", *map(str, arguments), "--data", str(world.settings.data)]
    return CliRunner().invoke(application(["challenger"]), words)


def does(world: World, *arguments: object) -> str:
    said = run(world, *arguments)
    assert said.exit_code == 0, said.output
    return said.output


def start(world: World, *options: object) -> str:
    return does(world, "start", world.path / "autumn", "--name", "autumn", *options)


def asked(service: Service) -> list[DecideResponse]:
    return [
        service.decisions.Decide(
            DecideRequest(customer_id=who, placements=["web.hero"]), timeout=30
        )
        for who in PEOPLE
    ]


def firsts(answers: list[DecideResponse]) -> set[str]:
    return {a.placements[0].offers[0].action_id for a in answers if not a.placements[0].fallback}


def soon(service: Service, true: Callable[[list[DecideResponse]], bool]) -> list[DecideResponse]:
    """What everybody is answered once that is so."""
    begun = time.monotonic()
    while True:
        answers = asked(service)
        if true(answers):
            return answers
        assert time.monotonic() - begun < PATIENCE, answers[0]


def test_there_and_back_on_a_running_service(world: World) -> None:
    with served(world) as service:
        put_everybody(service)
        version = service.rulebook.active_version
        assert "unseen" in start(world, "--sample", "1")
        assert firsts(asked(service)) <= {"a", "b"}
        does(world, "share", "0.6")
        some = soon(service, lambda answers: any(a.holdout for a in answers))
        told = service.rulebook.challenger
        assert (told.name, told.part, told.share) == ("autumn", Challenger.PART_SHARE, 0.6)
        assert {a.rulebook_version for a in some if a.holdout} == {told.version}
        assert {a.holdout for a in some} == {"", "challenger.autumn"}
        assert {a.rulebook_version == version for a in some} == {True, False}
        assert "back" in does(world, "promote")
        soon(service, lambda answers: firsts(answers) == {"c"})
        assert service.rulebook.active_version == told.version != version
        assert service.rulebook.challenger.part == Challenger.PART_REPLACED
        assert run(world, "stop").exit_code == 1
        does(world, "back")
        soon(service, lambda answers: len({a.holdout for a in answers}) == 2)
        does(world, "back")
        soon(service, lambda answers: not any(a.holdout for a in answers))
        assert "alone" in does(world, "back")
        assert service.rulebook.active_version == version
        assert run(world, "back").exit_code == 1
        soon(service, lambda _: not service.rulebook.HasField("challenger"))


def test_every_step_survives_the_death_of_the_service(world: World) -> None:
    with served(world) as service:
        put_everybody(service)
        start(world, "--share", "0.6")
        service.kill()
    with served(world) as service:
        before = asked(service)
        mine = [a.holdout for a in before]
        assert set(mine) == {"", "challenger.autumn"}
        service.kill()
    does(world, "promote")
    with served(world) as service:
        assert firsts(asked(service)) == {"c"}
        does(world, "back")
        service.kill()
    with served(world) as service:
        assert [a.holdout for a in asked(service)] == mine
        does(world, "stop")
        service.kill()
    with served(world) as service:
        assert firsts(asked(service)) <= {"a", "b"}
    assert not (world.settings.data / PLAN).exists()


def test_a_promotion_made_permanent_can_be_ended(world: World) -> None:
    with served(world) as service:
        put_everybody(service)
        start(world, "--share", "0.6")
        does(world, "promote")
        soon(service, lambda answers: firsts(answers) == {"c"})
        promoted = service.rulebook.active_version
        world.write(actions=ONLY_C)
        ended = time.monotonic() + PATIENCE
        while run(world, "stop").exit_code:
            assert time.monotonic() < ended
        assert firsts(asked(service)) == {"c"}
        assert service.rulebook.active_version == promoted


def test_what_cannot_be_planned_changes_nothing(world: World) -> None:
    with served(world) as service:
        put_everybody(service)
    data = world.settings.data
    for words in (["back"], ["share", "0.1"], ["promote"], ["stop"]):
        said = run(world, *words)
        assert said.exit_code == 1
        assert "there is no challenger" in said.output
    (world.path / "autumn" / "policies.yaml").write_text("issues: [")
    broken = run(world, "start", world.path / "autumn", "--name", "autumn")
    assert broken.exit_code == 1
    assert "policies.yaml:1" in broken.output
    assert not (data / PLAN).exists()
    short = POLICIES[: POLICIES.index("  ivr.prompt:")]
    world.write("autumn", actions=[action("c")], policies=short)
    assert "no placement ivr.prompt" in start(world)
    assert run(world, "start", world.path / "autumn", "--name", "other").exit_code == 1
    lacking = run(world, "promote")
    assert lacking.exit_code == 1
    assert "ivr.prompt" in lacking.output
    assert run(world, "share", "7").exit_code == 1


def test_what_the_challenger_no_longer_asks_is_told_before_it_decides(world: World) -> None:
    with served(world):
        pass
    world.write("autumn", actions=AB, policies={"all_actions": {}})
    assert "no longer asked: " in start(world)
