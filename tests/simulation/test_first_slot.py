from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.exploration.chance import Chance
from engine.exploration.choice import choose, shares
from engine.exploration.exposures import Experience
from engine.learning.evidence import Evidence
from engine.model import Contest, Decision, PlacementId
from engine.rulebook.book import Exploration
from engine.rulebook.trial import Trials
from engine.simulation.first_slot import DoubtOf, first_slot
from engine.simulation.replay import Replay
from tests.builders import customer, decide
from tests.rulebook.builders import action, book

HERO = PlacementId("web.hero")


@given(
    arrays(np.float64, st.integers(1, 8), elements=st.floats(-1.0, 100.0)),
    st.floats(0.1, 500.0),
    st.integers(0, 2**32),
)
def test_the_shares_are_the_probabilities_that_choices_report(
    priorities: np.ndarray, gamma: float, seed: int
) -> None:
    policy = Exploration("squarecb", gamma=gamma)
    found = shares(priorities, policy)
    [(at, probability)] = choose(priorities, 1, policy, chance=Chance(seed))
    assert found[at] == pytest.approx(probability)
    assert found.sum() == pytest.approx(1.0)


def experience_of(made: Decision) -> DoubtOf:
    """What a decision went by, as its grounds have it."""
    assert made.grounds is not None
    exposures = made.grounds.venture.exposures
    assert exposures is not None

    def of(contest: Contest) -> Experience:
        assert contest.propensities is not None
        worth = contest.context * contest.value * contest.lever
        return Experience(contest.propensities, worth, exposures)

    return of


def test_the_first_offer_of_a_decision_has_the_probability_it_says() -> None:
    three = book(actions=[action("a", value=1), action("b", value=2), action("c", value=3)])
    for seed in range(20):
        made = decide(three, seed=seed)
        shares = first_slot(made, HERO, three, 0, experience_of(made))
        first = made.placements[0].offers[0]
        assert shares[first.action_id] == pytest.approx(first.probability)
        assert sum(shares.values()) == pytest.approx(1.0)


def test_with_growth_exploration_shrinks_as_lessons_come_in() -> None:
    growing = book(
        actions=[action("a", value=1), action("b", value=2)],
    )
    arbitration = replace(
        growing.arbitration, exploration=Exploration("squarecb", gamma=10.0, growth=1.0)
    )
    growing = replace(growing, arbitration=arbitration)
    made = decide(growing)
    young, old = (first_slot(made, HERO, growing, lessons) for lessons in (0, 9_000))
    assert young["a"] == pytest.approx(1 / (2 + 10 * 0.5))  # type: ignore[index]  # a name is an id
    assert old["a"] == pytest.approx(1 / (2 + 100 * 0.5))  # type: ignore[index]


def test_the_mandatory_leave_nothing_to_chance() -> None:
    told = book(actions=[action("notice", **{"class": "mandatory"}), action("b")])
    assert first_slot(decide(told), HERO, told, 0) == {"notice": 1.0}


def test_greedy_leaves_nothing_to_chance() -> None:
    best = book(actions=[action("a", value=1), action("b", value=2)])
    arbitration = replace(best.arbitration, exploration=Exploration("greedy"))
    best = replace(best, arbitration=arbitration)
    assert first_slot(decide(best), HERO, best, 0) == {"b": 1.0}


def test_where_nothing_fits_nothing_is_chosen() -> None:
    strict = book(actions=[action("a", eligible_when={"old": "customer.age > 100"})])
    made = decide(strict, who=customer(customer_age=40))
    assert first_slot(made, HERO, strict, 0) == {}
    assert first_slot(made, PlacementId("nowhere"), strict, 0) == {}


@pytest.mark.parametrize("policy", ["epsilon", "thompson"])
def test_every_policy_is_known_in_the_first_slot(policy: str) -> None:
    three = book(
        actions=[action("a", value=1), action("b", value=2), action("c", value=3)],
        policies={"arbitration": {"exploration": {"policy": policy}}},
    )
    replay = Replay(three, {}, Evidence())
    for seed in range(10):
        made = decide(three, seed=seed)
        found = first_slot(made, HERO, three, lessons=0, doubt_of=replay.doubt)
        first = made.placements[0].offers[0]
        assert found[first.action_id] == pytest.approx(first.probability)
        assert sum(found.values()) == pytest.approx(1.0)


def test_where_nothing_was_to_be_tried_out_nothing_is_left_to_chance() -> None:
    exploration = {"policy": "thompson", "none_when": "customer.age > 30"}
    calm = book(
        actions=[action("a", value=1), action("b", value=2)],
        policies={"arbitration": {"exploration": exploration}},
    )
    assert first_slot(decide(calm), HERO, calm, 0) == {"b": 1.0}


@pytest.mark.parametrize("exploration", [{"policy": "squarecb", "gamma": 2}, {"policy": "epsilon"}])
def test_offering_nothing_has_its_share_of_the_first_slot(exploration: dict[str, Any]) -> None:
    measured = {"outcome": "churned", "within": "30d", "better": "absent"}
    saving = book(
        actions=[action("a", value=2, measured=measured), action("b")],
        policies={
            "arbitration": {"exploration": exploration},
            "holdouts": {"h": {"share": 0.1, "period": "week", "salt": 1, "action": "a"}},
        },
    )
    saving = replace(saving, trials=Trials())
    seen = set()
    for seed in range(200):
        made = decide(saving, seed=seed)
        found = first_slot(made, HERO, saving, lessons=0)
        assert 0.0 < 1.0 - sum(found.values()) < 0.5
        placed = made.placements[0]
        seen.add(placed.fallback)
        if not placed.fallback:
            first = placed.offers[0]
            assert found[first.action_id] == pytest.approx(first.probability)
    assert seen == {True, False}
