from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.experts.arrays import ARRAYS
from engine.experts.loops import ExpertLoops
from engine.experts.panel import COARSE, FINE

pytest.importorskip("numba", reason="without numba there is nothing to compare with")
from engine.experts.compiled import COMPILED

SEEDS = st.integers(0, 2**32 - 1)
SPREADS = st.sampled_from([1e-3, 1.0, 30.0])
RULES = np.array((*FINE, *COARSE))
EXPERTS, KEEN = len(RULES), len(FINE)


def lines(chance: Any, count: int, experts: int) -> Any:
    """Weights and precisions as learning leaves them."""
    drawn = chance.normal(size=(count, experts)), chance.uniform(10, 900, size=(count, experts))
    return np.ascontiguousarray(np.hstack(drawn))


@settings(deadline=None)
@given(SEEDS, SPREADS, st.integers(1, 40), st.integers(0, 30), st.integers(1, 3))
def test_opinions_are_the_same_bits(
    seed: int, spread: float, columns: int, details: int, rows: int
) -> None:
    chance = np.random.default_rng(seed)
    asked = (
        chance.permutation(50)[:columns],
        chance.normal(size=columns) * spread,
        chance.permutation(64)[:rows],
        chance.normal(size=(50, 64)),
        chance.permutation(40)[:details],
        chance.uniform(0.5, 5),
        lines(chance, 50, EXPERTS),
        lines(chance, 40, KEEN),
    )
    heard = []
    for loops in (COMPILED, ARRAYS):
        heard.append(np.full(EXPERTS + 2, np.nan))
        loops.opine(*asked, heard[-1])
    assert heard[0].tobytes() == heard[1].tobytes()


@settings(deadline=None)
@given(SEEDS, SPREADS, st.integers(1, 40), st.integers(0, 30), st.booleans())
def test_steps_are_the_same_bits(
    seed: int, spread: float, columns: int, details: int, is_correction: bool
) -> None:
    def learned(loops: ExpertLoops) -> bytes:
        chance = np.random.default_rng(seed)
        coarse, fine = lines(chance, 50, EXPERTS), lines(chance, 40, KEEN)
        loops.teach(
            chance.permutation(50)[:columns],
            chance.normal(size=columns) * spread,
            chance.permutation(40)[:details],
            chance.uniform(0.5, 5),
            RULES,
            chance.normal(size=EXPERTS),
            np.zeros(EXPERTS) if is_correction else chance.uniform(1e-3, 0.25, size=EXPERTS),
            coarse,
            fine,
        )
        return bytes(coarse.tobytes() + fine.tobytes())

    assert learned(COMPILED) == learned(ARRAYS)


@settings(deadline=None)
@given(SEEDS, SPREADS, st.integers(1, 60), st.floats(0, 1))
def test_trust_and_stacks_are_the_same_bits(
    seed: int, spread: float, lessons: int, label: float
) -> None:
    def settled(loops: ExpertLoops) -> bytes:
        chance = np.random.default_rng(seed)
        trust = start = np.full(10, 0.1)
        trust = trust.copy()
        stacks = chance.normal(size=(2, 7))
        spreads = np.array([np.eye(7) * 0.05] * 2)
        for _ in range(lessons):
            logits = chance.normal(size=7) * spread
            is_correction = bool(chance.uniform() < 0.2)
            loops.settle(logits, label, is_correction, trust, start, stacks, spreads)
        return bytes(trust.tobytes() + stacks.tobytes() + spreads.tobytes())

    assert settled(COMPILED) == settled(ARRAYS)


@pytest.mark.parametrize("loops", [COMPILED, ARRAYS], ids=["compiled", "arrays"])
def test_a_step_is_the_one_of_the_laplace_approximation(loops: ExpertLoops) -> None:
    rules = np.array([(10.0, 2.0, 0.0), (10.0, 1.0, 0.01)])
    coarse = np.array([[0.5, -0.5, 20.0, 30.0]])
    loops.teach(
        np.array([0]),
        np.array([3.0]),
        np.array([], dtype=np.intp),
        1.0,
        rules,
        np.array([0.25, -0.5]),
        np.array([0.2, 0.1]),
        coarse,
        np.zeros((0, 2)),
    )
    quick, forgetful = 20.0 + 2 * 0.2 * 9, 30.0 + 0.1 * 9 - 0.01 * 0.1 * 9 * (30.0 - 10.0)
    expected = [0.5 - 0.25 * 3 / quick, -0.5 + 0.5 * 3 / forgetful, quick, forgetful]
    assert coarse[0] == pytest.approx(expected, abs=1e-12)
