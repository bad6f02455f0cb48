from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chance import Chance
from engine.exploration import choose
from engine.loops import loops
from engine.rulebook.book import Exploration

loops()  # compiled now, so that no example's time includes it

SQUARECB = Exploration("squarecb", gamma=10.0)


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
    expected = [draws * np.prod(conditional(priorities, s, SQUARECB.gamma)) for s in slates]
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
            weights = inverse_gap_weights([priorities[i] for i in left], SQUARECB.gamma)
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
