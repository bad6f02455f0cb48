"""Slots filled by lot: the probability told is that of the draw."""

from collections import Counter
from itertools import permutations
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exploration.chance import Chance
from engine.exploration.lots import draw_lots

WEIGHTS = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=12)


def chances(weights: list[float]) -> list[float]:
    """The probability of each candidate for the first slot, as told when it wins."""
    told: dict[int, float] = {}
    for seed in range(3_000):
        [(at, p)] = draw_lots(np.array(weights), 1, Chance(seed))
        assert told.setdefault(at, p) == p
    return [told.get(at, 0.0) for at in range(len(weights))]


@pytest.mark.parametrize("weights", [[1, 1, 1], [3, 2, 1], [5, 5, 1, 0], [0, 0, 0], [7]])
def test_probabilities_add_up_and_are_the_frequencies(weights: list[float]) -> None:
    told = chances(weights)
    assert sum(told) == pytest.approx(1.0)
    count = Counter(draw_lots(np.array(weights), 1, Chance(1_000 + s))[0][0] for s in range(4_000))
    for at, p in enumerate(told):
        assert abs(count[at] / 4_000 - p) <= 4.5 * (p * (1 - p) / 4_000) ** 0.5


def test_two_candidates_by_hand() -> None:
    # The lesser of weights 3 and 1 wins if u1 > 3 u0: a triangle of area 1/6.
    assert chances([3.0, 1.0]) == pytest.approx([5 / 6, 1 / 6])


def test_three_candidates_by_numbers() -> None:
    weights = np.array([4.0, 2.0, 1.0])
    u = (np.arange(200_000) + 0.5) / 200_000
    wanted = [
        float(np.prod([np.minimum(1, u * w / o) for o in np.delete(weights, at)], axis=0).mean())
        for at, w in enumerate(weights)
    ]
    assert chances(weights.tolist()) == pytest.approx(wanted, abs=1e-6)


def test_the_orders_of_a_slate_add_up() -> None:
    weights = np.array([3.0, 2.0, 1.0])
    told: dict[tuple[int, ...], float] = {}
    for seed in range(2_000):
        chosen = draw_lots(weights, 3, Chance(seed))
        told[tuple(at for at, _ in chosen)] = prod(p for _, p in chosen)
    assert set(told) == set(permutations(range(3)))
    assert sum(told.values()) == pytest.approx(1.0)


@given(WEIGHTS, st.integers(0, 20), st.integers(0, 2**64 - 1))
def test_any_weights_fill_the_slots_once_each(weights: list[float], slots: int, seed: int) -> None:
    chosen = draw_lots(np.array(weights), slots, Chance(seed))
    assert len({at for at, _ in chosen}) == len(chosen) == min(slots, len(weights))
    assert all(0.0 < p <= 1.0 for _, p in chosen)
