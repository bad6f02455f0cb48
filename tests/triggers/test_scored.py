"""What the model said of a customer travels in short, and stands in where there is no time to ask it."""

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.errors import DamagedData
from engine.model import ActionId, DecisionId, Step
from engine.triggers.scored import MOST, Scored
from tests.builders import NOW, customer, decide, decider, question
from tests.rulebook.builders import book
from tests.test_decide import GREEDY, shown

ACTIONS = [ActionId(f"a{n}") for n in range(2 * MOST)]


@given_any(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=2 * MOST))
def test_the_likeliest_are_told_and_the_others_are_none_the_likelier(propensities):
    actions = ACTIONS[: len(propensities)]
    said = Scored.of("web", NOW, "m1", actions, np.array(propensities))
    assert Scored.decode(said.encode()) == said
    over = said.over(actions)
    assert over is not None
    assert over.max() == max(propensities)
    ranked = sorted(propensities, reverse=True)[:MOST]
    assert [p for _, p in said.best] == ranked
    assert sorted(over, reverse=True)[: len(ranked)] == ranked
    assert over.min() == ranked[-1]


def test_what_cannot_be_told_is_left_out():
    said = Scored.of("web", NOW, "m1", ACTIONS[:3], np.array([0.2, np.nan, 0.4]))
    assert said.best == (("a2", 0.4), ("a0", 0.2))
    over = said.over([ActionId("a1"), ActionId("new")])
    assert over is not None
    assert over.tolist() == [0.2, 0.2]
    assert Scored("web", NOW, "m1", ()).over(ACTIONS) is None


@pytest.mark.parametrize("written", [b"", b"7", b"[]", b'["web",1,"m",[["a"]]]'])
def test_other_bytes_say_nothing(written):
    with pytest.raises(DamagedData):
        Scored.decode(written)


def test_a_decision_without_time_goes_by_what_was_said_elsewhere():
    by = decider(book(policies=GREEDY), [0.0001, 0.9])
    by._score_pace.took(1_000.0)  # the model has been very slow
    said = Scored("web", NOW, "m1", ((ActionId("data_5gb"), 0.9), (ActionId("stay"), 0.0001)))
    budget = Budget(0.01, lambda: 0.0)
    given = Circumstances(DecisionId("d1"), customer(), NOW, 1, budget, scored=lambda: said)
    late = by.decide(question(), given)
    assert shown(late) == ["data_5gb", "stay"]
    assert [one.step for one in late.degraded] == [Step.PROPENSITY]
    assert "last known" in late.degraded[0].reason


def test_a_score_is_the_last_known_from_then_on():
    by = decider(book(policies=GREEDY), [0.9, 0.0001])
    decided = decide(by.book, by=by)
    again = decider(book(policies=GREEDY), [0.9, 0.0001])
    assert again.score(customer(), "web", NOW).tolist() == [0.9, 0.0001]
    again._score_pace.took(1_000.0)
    assert shown(decide(again.book, left=0.01, by=again)) == shown(decided)
