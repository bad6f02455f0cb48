"""The model learned again says what it said, at every moment of its life."""

from pathlib import Path

import numpy as np
import pytest

from engine.codec import DecisionRecord
from engine.edges.journal.decisions import recorded
from engine.edges.state.names import JOURNAL
from engine.replay.books import KeptBooks
from engine.replay.comparing import Verdict
from engine.replay.taught import taught
from tests.comparison.serving import BOOKS
from tests.replay.living import Life, reload, run_apart, scarce


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A life with a restart and another book in it; to be read only."""
    directory = tmp_path_factory.mktemp("lived")
    life = Life(scarce("telecom", directory / "rules"), directory / "data")

    async def live() -> None:
        async with life.opened() as engine:
            await life.know(engine)
            await life.ask(engine, 60)
        attributes = life.rules / "attributes.yaml"
        attributes.write_text(
            attributes.read_text() + "  customer.pets: {type: int, nullable: true}\n"
        )
        async with life.opened() as engine:
            await life.ask(engine, 60)
            await reload(engine)

    run_apart(live())
    return life


def records(life: Life) -> list[DecisionRecord]:
    return list(recorded(life.data / "decisions.db"))


def test_every_propensity_is_the_same_to_the_last_bit(lived: Life) -> None:
    made = records(lived)
    heard: list[tuple[int, int]] = []
    checks = taught(lived.data, made, KeptBooks(lived.data), lambda *done: heard.append(done))
    assert {check.verdict for check in checks.values()} == {Verdict.EQUAL}
    assert set(checks) == {record.decision.decision_id for record in made}
    assert len({record.decision.rulebook_version for record in made}) == 2
    assert len({record.decision.model_version for record in made}) > 30
    assert [done for done, _ in heard] == list(range(1, len(heard) + 1))


def test_a_propensity_that_was_changed_is_told(lived: Life) -> None:
    made = records(lived)
    changed = next(
        r.decision for r in made if r.decision.contests and r.decision.contests[0].actions.size
    )
    propensities = changed.contests[0].propensities
    assert propensities is not None
    at = changed.contests[0].actions[0]
    propensities[at] = np.nextafter(propensities[at], 1.0)
    checks = taught(lived.data, made, KeptBooks(lived.data), lambda *_: None)
    differing = [name for name, check in checks.items() if check.verdict is Verdict.DIFFERS]
    assert differing == [changed.decision_id]


def test_lessons_the_journal_does_not_hold_cannot_be_told(lived: Life, tmp_path: Path) -> None:
    life = Life(BOOKS / "telecom", tmp_path / "data")

    async def live() -> None:
        async with life.opened() as engine:
            await life.know(engine)

    run_apart(live())
    assert (life.data / JOURNAL).is_file()
    made = records(lived)
    checks = taught(life.data, made[-1:], KeptBooks(lived.data), lambda *_: None)
    [check] = checks.values()
    assert check.verdict is Verdict.UNTOLD
    assert "lessons" in check.detail
