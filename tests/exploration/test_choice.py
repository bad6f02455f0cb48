import math
from collections import Counter
from functools import cache
from itertools import permutations
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exploration.chance import Chance
from engine.exploration.choice import choose, shares
from engine.exploration.exposures import Experience
from engine.exploration.thompson import Doubt, Tables
from engine.kernels.loops import loops
from engine.rulebook.book import Exploration

loops()  # compiled now, so that no example's time includes it

GAMMA = 10.0
SQUARECB = Exploration("squarecb", gamma=GAMMA)


def inverse_gap_weights(priorities: list[float], gamma: float) -> list[float]:
    """The distribution as its definition says, without a thought for speed."""
    best = max(priorities)
    at = priorities.index(best)
    gaps = [(best - p) / best if best > 1e-150 else 0.0 for p in priorities]
    weights = [1 / (len(priorities) + gamma * gap) for gap in gaps]
    weights[at] = 1 - sum(w for i, w in enumerate(weights) if i != at)
    return weights


def conditional(priorities: list[float], slate: tuple[int, ...], gamma: float) -> list[float]:
    """The probability of each choice of a slate, given those before it."""
    left = list(range(len(priorities)))
    chances = []
    for choice in slate:
        weights = inverse_gap_weights([priorities[i] for i in left], gamma)
        chances.append(weights[left.index(choice)])
        left.remove(choice)
    return chances


PRIORITIES = st.lists(
    st.one_of(st.floats(0, 1e6), st.sampled_from([0.0, 1.0, 2.0]), st.floats(0, 1e-3)),
    min_size=1,
    max_size=7,
)


@given(
    priorities=PRIORITIES,
    slots=st.integers(1, 8),
    gamma=st.floats(0, 1e4),
    seed=st.integers(0, 2**64 - 1),
)
def test_each_probability_is_the_one_the_definition_gives(
    priorities: list[float], slots: int, gamma: float, seed: int
) -> None:
    chosen = choose(
        np.array(priorities), slots, Exploration("squarecb", gamma=gamma), chance=Chance(seed)
    )
    slate = tuple(position for position, _ in chosen)
    assert len(set(slate)) == len(slate) == min(slots, len(priorities))
    assert [p for _, p in chosen] == pytest.approx(conditional(priorities, slate, gamma), abs=1e-9)
    assert all(0.0 < p <= 1.0 + 1e-12 for _, p in chosen)


@pytest.mark.parametrize(
    "priorities", [[3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [5.0, 4.99, 0.1, 0.1]]
)
@pytest.mark.parametrize("slots", [1, 2])
def test_slates_come_as_often_as_their_probabilities_say(
    priorities: list[float], slots: int
) -> None:
    draws = 20_000
    seen: Counter[tuple[int, ...]] = Counter()
    for seed in range(draws):
        chosen = choose(np.array(priorities), slots, SQUARECB, chance=Chance(seed * 7919))
        seen[tuple(position for position, _ in chosen)] += 1
    slates = list(permutations(range(len(priorities)), slots))
    expected = [draws * np.prod(conditional(priorities, s, GAMMA)) for s in slates]
    assert sum(expected) == pytest.approx(draws)
    squares = sum((seen[s] - e) ** 2 / e for s, e in zip(slates, expected, strict=True))
    freedom = len(slates) - 1
    assert squares < freedom + 4 * (2 * freedom) ** 0.5


def test_on_long_slates_the_best_left_is_taken_as_often_as_its_probabilities_say() -> None:
    priorities = np.linspace(1.0, 0.2, 50).tolist()
    draws, slots = 3_000, 5
    surplus, variance = np.zeros(slots), np.zeros(slots)
    for seed in range(draws):
        slate = choose(np.array(priorities), slots, SQUARECB, chance=Chance(seed))
        left = list(range(50))
        for slot, (position, probability) in enumerate(slate):
            weights = inverse_gap_weights([priorities[i] for i in left], GAMMA)
            assert probability == pytest.approx(weights[left.index(position)], abs=1e-12)
            surplus[slot] += (position == left[0]) - weights[0]
            variance[slot] += weights[0] * (1 - weights[0])
            left.remove(position)
    assert (abs(surplus) < 4 * np.sqrt(variance)).all()


def test_greedy_takes_the_best_first_and_is_sure_of_it() -> None:
    priorities = np.array([1.0, 3.0, 2.0])
    for policy, greedy in (("greedy", False), ("squarecb", True)):
        chosen = choose(priorities, 3, Exploration(policy), chance=Chance(1), greedy=greedy)
        assert chosen == [(1, 1.0), (2, 1.0), (0, 1.0)]


def test_greedy_takes_of_equals_the_first() -> None:
    chosen = choose(np.array([1.0, 2.0, 2.0, 2.0]), 2, Exploration("greedy"), chance=Chance(1))
    assert [position for position, _ in chosen] == [1, 2]


def test_who_stands_alone_is_chosen_for_sure() -> None:
    assert choose(np.array([0.3]), 4, SQUARECB, chance=Chance(5)) == [(0, 1.0)]


def test_from_nobody_nobody_is_chosen() -> None:
    assert choose(np.array([]), 2, SQUARECB, chance=Chance(5)) == []
    assert choose(np.array([1.0]), 0, SQUARECB, chance=Chance(5)) == []


def test_without_gamma_all_are_equally_likely() -> None:
    chosen = choose(np.array([9.0, 1.0, 0.0, 5.0]), 3, Exploration(gamma=0.0), chance=Chance(2))
    assert [p for _, p in chosen] == pytest.approx([1 / 4, 1 / 3, 1 / 2])


def test_with_experience_it_explores_less() -> None:
    growing = Exploration("squarecb", gamma=10.0, growth=0.5)

    def sureness(lessons: int) -> float:
        priorities = np.array([1.0, 0.5])
        best = [
            probability
            for seed in range(50)
            for position, probability in choose(
                priorities, 1, growing, chance=Chance(seed), lessons=lessons
            )
            if position == 0
        ]
        return best[0]

    assert sureness(0) == pytest.approx(1 - 1 / (2 + 10 * 0.5))
    assert sureness(3_000) == pytest.approx(1 - 1 / (2 + 20 * 0.5))


@given(
    priorities=st.lists(st.one_of(st.just(0.0), st.floats(1e-100, 1e6)), min_size=1, max_size=7),
    scale=st.sampled_from([0.25, 2.0, 1024.0]),
    seed=st.integers(0, 1_000),
)
def test_only_relations_between_priorities_matter(
    priorities: list[float], scale: float, seed: int
) -> None:
    here = choose(np.array(priorities), 3, SQUARECB, chance=Chance(seed))
    there = choose(np.array(priorities) * scale, 3, SQUARECB, chance=Chance(seed))
    assert [p for p, _ in there] == [p for p, _ in here]


def test_priorities_below_zero_count_as_zero() -> None:
    below = choose(np.array([1.0, -5.0, 0.5]), 3, SQUARECB, chance=Chance(11))
    zero = choose(np.array([1.0, 0.0, 0.5]), 3, SQUARECB, chance=Chance(11))
    assert below == zero


@given(
    priorities=st.lists(st.sampled_from([0.0, 1e-320, 1e-200, 1e-9, 1.0, 1e100]), min_size=2),
    seed=st.integers(0, 1_000),
)
def test_priorities_of_any_magnitude_are_safe(priorities: list[float], seed: int) -> None:
    chosen = choose(np.array(priorities), 4, SQUARECB, chance=Chance(seed))
    assert all(0.0 < probability <= 1.0 + 1e-9 for _, probability in chosen)


def test_the_same_seed_chooses_alike_and_the_input_stays() -> None:
    priorities = np.array([0.3, 0.9, 0.1, 0.9])
    before = priorities.copy()
    one = choose(priorities, 3, SQUARECB, chance=Chance(42))
    two = choose(priorities, 3, SQUARECB, chance=Chance(42))
    assert one == two
    assert (priorities == before).all()


# --- all policies -------------------------------------------------------------------------------


class Lot(NamedTuple):
    """Candidates under one policy."""

    priorities: list[float]
    slots: int
    policy: Exploration
    seen: tuple[tuple[float, float], ...] = ()

    def slate(self, seed: int) -> list[tuple[int, float]]:
        """What one seed chooses."""
        return choose(
            np.array(self.priorities),
            self.slots,
            self.policy,
            chance=Chance(seed),
            actions=np.arange(len(self.priorities)),
            doubt=self.doubt,
        )

    @property
    def is_slow(self) -> bool:
        """Whether a draw takes a good part of a millisecond."""
        return self.policy.policy == "thompson"

    @property
    def doubt(self) -> Doubt | Experience | None:
        """How sure the priorities are, each of a worth of 10; None if the policy does not ask."""
        if not self.seen:
            return None
        if self.policy.policy == "squarecb":
            return experience(self.priorities, [float(sum(seen)) for seen in self.seen])
        return _doubt(tuple(self.priorities), self.seen)


def experience(priorities: list[float], exposures: list[float], worth: float = 10.0) -> Experience:
    """Of priorities that are each worth `worth` times a propensity."""
    known = np.array(priorities)
    return Experience(known / worth, np.full(len(known), worth), np.array(exposures))


@cache
def _doubt(priorities: tuple[float, ...], seen: tuple[tuple[float, float], ...]) -> Doubt:
    tables = Tables(len(seen))
    for index, (positives, negatives) in enumerate(seen):
        tables.note(index, positives, negatives)
    return Doubt(np.array(priorities) / 10.0, np.full(len(seen), 10.0), tables)


LOTS = [
    Lot([3.0, 1.0, 2.0, 0.0], 2, SQUARECB),
    Lot([5.0, 4.99, 0.1, 0.1, 0.0], 3, SQUARECB),
    Lot([3.0, 1.0, 2.0, 0.5], 2, Exploration("squarecb"), ((2, 5), (0, 0), (10, 40), (0, 3))),
    Lot([1.0, 0.9, 0.1], 3, Exploration("squarecb"), ((100, 900), (9, 91), (0, 0))),
    Lot([3.0, 1.0, 2.0, 0.0], 2, Exploration("epsilon", epsilon=0.3)),
    Lot([1.0, 1.0, 2.0, 0.5, 0.0], 3, Exploration("epsilon", epsilon=0.05)),
    Lot([3.0, 1.0, 2.0, 0.5], 2, Exploration("thompson"), ((2, 5), (0, 0), (10, 40), (0, 3))),
    Lot([1.0, 0.9, 0.1], 3, Exploration("thompson"), ((100, 900), (9, 91), (0, 0))),
]


def assert_slates_come_as_often_as_they_say(lot: Lot, draws: int) -> None:
    """By chi-squared over the slates; those that hardly ever come are taken together."""
    seen: Counter[tuple[int, ...]] = Counter()
    said: dict[tuple[int, ...], float] = {}
    for seed in range(draws):
        chosen = lot.slate(seed * 7919)
        slate = tuple(position for position, _ in chosen)
        seen[slate] += 1
        probability = math.prod(probability for _, probability in chosen)
        assert said.setdefault(slate, probability) == probability
    often = [slate for slate, probability in said.items() if probability * draws >= 10.0]
    rest = 1.0 - sum(said[slate] for slate in often), draws - sum(seen[slate] for slate in often)
    cells = [(said[slate], seen[slate]) for slate in often]
    cells += [rest] if rest[0] * draws >= 10.0 else []
    squares = sum((came - draws * p) ** 2 / (draws * p) for p, came in cells)
    freedom = len(cells) - 1
    assert squares < freedom + 5 * (2 * freedom) ** 0.5
    assert sum(said.values()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("lot", LOTS)
def test_under_each_policy_slates_come_as_often_as_they_say(lot: Lot) -> None:
    assert_slates_come_as_often_as_they_say(lot, 4_000 if lot.is_slow else 60_000)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("lot", LOTS)
def test_over_millions_of_draws_slates_come_as_often_as_they_say(lot: Lot) -> None:
    assert_slates_come_as_often_as_they_say(lot, 1_000_000 if lot.is_slow else 4_000_000)


@pytest.mark.parametrize("lot", LOTS)
def test_the_first_slot_has_its_share_under_each_policy(lot: Lot) -> None:
    found = shares(
        np.array(lot.priorities),
        lot.policy,
        actions=np.arange(len(lot.priorities)),
        doubt=lot.doubt,
    )
    assert found.sum() == pytest.approx(1.0)
    for seed in range(50):
        position, probability = lot.slate(seed)[0]
        assert found[position] == pytest.approx(probability, abs=1e-12)


def test_epsilon_shares_what_it_tries_out_among_all_that_are_left() -> None:
    policy = Exploration("epsilon", epsilon=0.3)
    assert shares(np.array([1.0, 9.0, 2.0]), policy) == pytest.approx([0.1, 0.8, 0.1])
    assert shares(np.array([9.0, 9.0]), policy, ties=np.array([1, 0])).argmax() == 1


def test_epsilon_shrinks_with_experience() -> None:
    policy = Exploration("epsilon", epsilon=0.4, growth=0.5)
    assert shares(np.array([1.0, 2.0]), policy, lessons=3_000) == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize("policy", ["epsilon", "thompson"])
def test_who_is_not_to_be_experimented_on_gets_the_best_under_any_policy(policy: str) -> None:
    chosen = choose(
        np.array([1.0, 3.0, 2.0]), 3, Exploration(policy), chance=Chance(1), greedy=True
    )
    assert chosen == [(1, 1.0), (2, 1.0), (0, 1.0)]


def test_without_anything_to_doubt_thompson_takes_the_best() -> None:
    chosen = choose(np.array([1.0, 3.0]), 1, Exploration("thompson"), chance=Chance(1))
    assert chosen == [(1, 1.0)]


# --- inverse-gap weighting by evidence ------------------------------------------------------------

BY_EVIDENCE = Exploration("squarecb")


def evident_weights(priorities: list[float], exposures: list[float], worth: float) -> list[float]:
    """The distribution as its definition says: 1/(K(1 + 5z²)), z the gap in standard errors."""
    best = max(priorities)
    at = priorities.index(best)
    errors = [
        worth * math.sqrt(p / worth * (1 - p / worth) / (1 + n))
        for p, n in zip(priorities, exposures, strict=True)
    ]
    weights = []
    for priority, error in zip(priorities, errors, strict=True):
        squared = (best - priority) ** 2 / (error**2 + errors[at] ** 2) if priority < best else 0.0
        weights.append(1 / (len(priorities) * (1 + 5 * squared)))
    weights[at] = 1 - sum(w for i, w in enumerate(weights) if i != at)
    return weights


@given(
    candidates=st.lists(
        st.tuples(st.floats(0.01, 0.99), st.integers(0, 100_000)), min_size=1, max_size=7
    ),
    worth=st.sampled_from([0.01, 1.0, 250.0]),
    seed=st.integers(0, 2**64 - 1),
)
def test_by_evidence_each_probability_is_the_one_the_definition_gives(
    candidates: list[tuple[float, int]], worth: float, seed: int
) -> None:
    priorities = [p * worth for p, _ in candidates]
    exposures = [float(n) for _, n in candidates]
    expected = evident_weights(priorities, exposures, worth)
    seen = experience(priorities, exposures, worth)
    everybody = np.arange(len(priorities))
    found = shares(np.array(priorities), BY_EVIDENCE, actions=everybody, doubt=seen)
    assert found == pytest.approx(expected, abs=1e-9)
    [(position, probability)] = choose(
        np.array(priorities), 1, BY_EVIDENCE, chance=Chance(seed), actions=everybody, doubt=seen
    )
    assert probability == pytest.approx(expected[position], abs=1e-9)


def first_shares(priorities: list[float], exposures: list[float]) -> list[float]:
    found = shares(
        np.array(priorities),
        BY_EVIDENCE,
        actions=np.arange(len(priorities)),
        doubt=experience(priorities, exposures, 1.0),
    )
    return [float(share) for share in found]


def test_the_more_was_seen_of_what_is_worse_the_less_it_is_tried() -> None:
    young, old, ancient = (first_shares([0.05, 0.03], [n, n])[1] for n in (10.0, 1e3, 1e5))
    assert 0.3 < young < 0.5
    assert young > old > ancient > 0.0
    assert ancient < 0.002


def test_among_many_candidates_that_are_surely_worse_the_best_is_still_shown() -> None:
    many = first_shares([0.05] + [0.01] * 499, [10_000.0] * 500)
    assert many[0] > 0.99


def test_who_is_new_is_tried_whatever_the_others_have_been_through() -> None:
    known, new = first_shares([0.05, 0.03, 0.03], [1e5, 1e5, 0.0])[1:]
    assert new > 0.2
    assert new > 100 * known


def test_without_experience_gamma_is_50() -> None:
    assert shares(np.array([1.0, 0.5]), BY_EVIDENCE) == pytest.approx([1 - 1 / 27, 1 / 27])


def test_a_gamma_that_is_given_holds_whatever_was_seen() -> None:
    seen = experience([1.0, 0.5], [0.0, 0.0])
    found = shares(np.array([1.0, 0.5]), SQUARECB, actions=np.arange(2), doubt=seen)
    assert found == pytest.approx([1 - 1 / 7, 1 / 7])
