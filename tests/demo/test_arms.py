from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.demo.arms import Arm, arm_of, rearbitrated, write_book
from engine.exploration.chance import Chance
from engine.exploration.choice import choose
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from engine.rulebook.trial import Trials
from tests.demo.conftest import TELECOM


def variant(arm: Arm, tmp_path: Path) -> RuleBook:
    loaded = load(write_book(arm, TELECOM, tmp_path))
    assert loaded.book is not None, loaded.diagnostics
    return loaded.book


def test_the_learned_arm_plays_by_the_very_book(tmp_path: Path, book: RuleBook) -> None:
    learned = variant(Arm.LEARNED, tmp_path)
    assert learned.source == book.source
    assert learned.arbitration.exploration == book.arbitration.exploration
    assert learned.arbitration.factors == book.arbitration.factors
    assert book.trials.holdouts
    assert learned.trials == Trials(timezone=book.trials.timezone)
    assert book.measured
    assert not learned.measured


def test_rules_alone_take_the_dearest_and_ask_no_model(tmp_path: Path) -> None:
    arbitration = variant(Arm.RULES_ONLY, tmp_path).arbitration
    assert arbitration.factors == frozenset("CVL")
    assert arbitration.exploration.policy == "greedy"
    assert arbitration.thresholds == ()


def test_chance_alone_gives_everybody_the_same(tmp_path: Path) -> None:
    arbitration = variant(Arm.RANDOM, tmp_path).arbitration
    assert arbitration.thresholds == ()
    assert arbitration.exploration.none_when is None
    priorities = np.array([250.0, 40.0, 3.0, 0.0])
    for seed in range(50):
        ((_, probability),) = choose(priorities, 1, arbitration.exploration, chance=Chance(seed))
        assert probability == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("arm", Arm)
def test_nothing_else_in_the_book_changes(arm: Arm, tmp_path: Path, book: RuleBook) -> None:
    changed = variant(arm, tmp_path)
    assert [a.action_id for a in changed.actions] == [a.action_id for a in book.actions]
    assert [(c.code, c.text) for c in changed.conditions if c.test != "none_when"] == [
        (c.code, c.text) for c in book.conditions if c.test != "none_when"
    ]
    assert changed.outcomes == book.outcomes
    assert changed.model == book.model
    assert [a.lever for a in changed.actions] == [a.lever for a in book.actions]
    assert len(changed.arbitration.context_weights) == len(book.arbitration.context_weights)


def test_words_that_yaml_1_1_would_change_stay_words() -> None:
    text = "a: {on: drop, off: no, share: 0.02, e: €5}\nb: 21:30\nc:\n- '21:00'\n"
    changed = rearbitrated(text, {"exploration": {"policy": "greedy"}})
    assert changed == text + "arbitration: {exploration: {policy: greedy}}\n"


def test_customers_are_parted_in_thirds_and_stay_where_they_are() -> None:
    arms = [arm_of(f"sim-{i:05d}", 1) for i in range(6_000)]
    assert arms == [arm_of(f"sim-{i:05d}", 1) for i in range(6_000)]
    assert all(abs(count - 2_000) < 150 for count in Counter(arms).values())
    assert arms != [arm_of(f"sim-{i:05d}", 2) for i in range(6_000)]
