import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.exploration.chance import Chance
from engine.kernels.arrays import ARRAYS
from engine.kernels.loops import loops
from engine.native import IS_COMPILED

COMPILED = loops()

pytestmark = pytest.mark.skipif(
    not IS_COMPILED,
    reason="engine/native/loops.c is not compiled: there is nothing to compare with",
)

SEEDS = st.integers(0, 2**32 - 1)
NO_EVIDENCE = np.empty(0, np.intp), np.empty(0), np.empty(0), np.empty(0)


def same(one: Any, other: Any) -> bool:
    """Whether two arrays, or tuples of arrays, are equal in type, shape and every bit."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def scored(loops: Any, *asked: Any) -> Any:
    propensities = np.full(len(asked[-2]), np.nan)
    loops.score(*asked, propensities)
    return propensities


def filled(loops: Any, slots: int, *asked: Any) -> Any:
    picks = loops.fill(*asked, slots)
    assert all(type(place) is int and type(probability) is float for place, probability in picks)
    return np.array([p for p, _ in picks]), np.array([p for _, p in picks])


@settings(deadline=None)
@given(
    seed=SEEDS,
    columns=st.integers(1, 60),
    known=st.integers(1, 400),
    groups=st.integers(1, 12),
    actions=st.integers(0, 80),
    spread=st.sampled_from([1e-3, 1.0, 100.0]),
)
def test_scores_are_the_same_bits(
    seed: int, columns: int, known: int, groups: int, actions: int, spread: float
) -> None:
    chance = np.random.default_rng(seed)
    book = 100
    asked = (
        chance.permutation(64)[:columns],
        chance.normal(size=columns),
        chance.normal(size=(64, 512)) * spread,
        known,
        chance.integers(0, known, groups + 1),
        chance.integers(1, groups + 1, book),
        chance.integers(0, known, book),
        chance.integers(0, book, actions),
        -1.5,
    )
    propensities = scored(COMPILED, *asked)
    assert same(propensities, scored(ARRAYS, *asked))
    assert ((propensities >= 0.0) & (propensities <= 1.0)).all()


def test_a_score_is_the_sigmoid_of_what_everybody_the_group_and_the_action_add() -> None:
    matrix = np.array([[0.5, 0.25, -1.0], [1.0, 0.0, 2.0]])
    one, none = np.ones(1, np.intp), np.zeros(1, np.intp)
    shared, own = np.array([0, 1]), np.array([2])
    for way in (COMPILED, ARRAYS):
        found = scored(
            way, np.array([0, 1]), np.array([2.0, -1.0]), matrix, 3, shared, one, own, none, -0.5
        )
        everybody, group, action = 2 * 0.5 - 1.0, 2 * 0.25, 2 * -1.0 - 2.0
        logit = -0.5 + everybody + group + action
        assert found.tolist() == pytest.approx([1 / (1 + math.exp(-logit))])


PRIORITIES = st.lists(
    st.one_of(
        st.floats(-10.0, 1e6), st.sampled_from([0.0, -0.0, 1.0, 2.0]), st.floats(0.0, 1e-140)
    ),
    min_size=1,
    max_size=150,
)


@settings(deadline=None)
@given(
    priorities=PRIORITIES,
    slots=st.integers(1, 20),
    gamma=st.one_of(st.floats(0.0, 1e4), st.sampled_from([1e9, 1e18])),
    greedy=st.booleans(),
    state=st.integers(0, 2**64 - 1),
)
def test_choices_and_probabilities_are_the_same_bits(
    priorities: list[float], slots: int, gamma: float, greedy: bool, state: int
) -> None:
    ties = np.random.default_rng(state).permutation(len(priorities))
    slots = min(slots, len(priorities))
    asked = slots, np.array(priorities), ties, gamma, greedy, state, *NO_EVIDENCE
    assert same(filled(COMPILED, *asked), filled(ARRAYS, *asked))


@settings(deadline=None)
@given(
    priorities=PRIORITIES,
    slots=st.integers(1, 20),
    greedy=st.booleans(),
    worth=st.sampled_from([1e-200, 1e-3, 1.0, 1e6, 1e200]),
    state=st.integers(0, 2**64 - 1),
)
def test_choices_by_evidence_are_the_same_bits(
    priorities: list[float], slots: int, greedy: bool, worth: float, state: int
) -> None:
    chance, count = np.random.default_rng(state), len(priorities)
    slots = min(slots, count)
    evidence = (
        chance.permutation(200)[:count],
        chance.random(200) * chance.integers(0, 2, 200),
        worth * chance.random(200),
        np.floor(10.0 ** (6.0 * chance.random(200))) - 1.0,
    )
    ties = chance.permutation(count)
    asked = slots, np.array(priorities), ties, 50.0, greedy, state, *evidence
    assert same(filled(COMPILED, *asked), filled(ARRAYS, *asked))


@given(seed=st.integers(0, 2**64 - 1))
def test_compiled_chance_is_chance(seed: int) -> None:
    equal = np.zeros(1_000)
    chosen, _ = filled(COMPILED, 1, equal, np.arange(1_000), 0.0, False, seed, *NO_EVIDENCE)
    assert chosen.tolist() == [int(Chance(seed).uniform() * 1_000)]
