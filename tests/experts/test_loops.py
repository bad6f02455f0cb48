import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import optim

from engine.experts.arrays import ARRAYS
from engine.experts.blending import blend
from engine.experts.loops import CORRECTION, LABEL, TAKEN_BACK, ExpertLoops, expert_loops
from engine.experts.panel import FINE, RULES
from engine.learning.odds import sigmoid

SEEDS = st.integers(0, 2**32 - 1)
SPREADS = st.sampled_from([1e-3, 1.0, 30.0])
EXPERTS, KEEN = len(RULES), len(FINE)
FASTEST = expert_loops()
BOTH = pytest.mark.parametrize("loops", [FASTEST, ARRAYS], ids=["fastest", "arrays"])


def lines(chance: Any, count: int, experts: int) -> Any:
    """Weights and precisions as learning leaves them."""
    drawn = chance.normal(size=(count, experts)), chance.uniform(10, 900, size=(count, experts))
    return np.ascontiguousarray(np.hstack(drawn))


class World:
    """Everything a lesson reads and writes, drawn from a seed: two of one seed are alike."""

    def __init__(self, seed: int, spread: float) -> None:
        self.chance = chance = np.random.default_rng(seed)
        self.spread = spread
        self.matrix = chance.normal(size=(50, 64))
        self.squares = chance.uniform(0, 9, size=(50, 64))
        self.coarse, self.fine = lines(chance, 50, EXPERTS), lines(chance, 40, KEEN)
        members = 1 + EXPERTS
        self.trust = np.full(members + 4, 0.1)
        self.start = self.trust.copy()
        self.stacks = chance.normal(size=(2, members + 1))
        self.spreads = np.array([np.eye(members + 1) * 0.05] * 2)
        self.counts = np.array([1.0, 4.0])
        self.mix = np.empty(members + 2)
        blend(-1.5, self.counts, self.trust, self.stacks, self.mix)

    def learn(self, loops: ExpertLoops, columns: int, details: int, rows: int) -> Any:
        """A lesson of any kind, of so many columns, details and rows; the opinions before it."""
        chance, opinions = self.chance, np.full(EXPERTS + 3, np.nan)
        asked = (
            chance.permutation(50)[:columns],
            chance.normal(size=columns) * self.spread,
            chance.permutation(64)[:rows],
            self.matrix,
            chance.permutation(40)[:details],
            float(chance.uniform(0.5, 5)),
            self.coarse,
            self.fine,
            self.mix,
        )
        loops.hear(*asked, opinions)
        loops.learn(
            *asked,
            opinions,
            int(chance.choice([LABEL, CORRECTION, TAKEN_BACK])),
            float(chance.uniform()),
            -1.5,
            self.squares,
            RULES,
            self.counts,
            self.trust,
            self.start,
            self.stacks,
            self.spreads,
        )
        return opinions

    def written(self) -> dict[str, bytes]:
        """The bytes of whatever a lesson writes."""
        names = [
            "matrix",
            "squares",
            "coarse",
            "fine",
            "trust",
            "stacks",
            "spreads",
            "counts",
            "mix",
        ]
        return {name: getattr(self, name).tobytes() for name in names}


@pytest.mark.skipif(FASTEST is ARRAYS, reason="engine/native/loops.c is not compiled")
@settings(deadline=None)
@given(
    SEEDS,
    SPREADS,
    st.integers(1, 40),
    st.integers(0, 30),
    st.integers(1, 3),
    st.integers(1, 20),
)
def test_lessons_of_any_kind_end_in_the_same_bits(
    seed: int, spread: float, columns: int, details: int, rows: int, lessons: int
) -> None:
    compiled, arrays = World(seed, spread), World(seed, spread)
    for _ in range(lessons):
        heard = compiled.learn(FASTEST, columns, details, rows)
        assert heard.tobytes() == arrays.learn(ARRAYS, columns, details, rows).tobytes()
    assert compiled.written() == arrays.written()


def taught(loops: ExpertLoops, kind: int, target: float) -> dict[str, Any]:
    """What a lesson of one column, of value 3, makes of one weight of two experts, and of the table's."""
    found = {
        "coarse": np.array([[0.5, -0.5, 20.0, 30.0]]),
        "matrix": np.array([[0.0, 0.2, 0.1]]),
        "squares": np.array([[0.0, 2.0, 0.0]]),
        "counts": np.array([0.4, 2.0]),
        "trust": np.full(7, 1 / 7),
        "mix": np.zeros(5),
    }
    spreads = np.zeros((2, 4, 4))
    asked = (
        np.array([0]),
        np.array([3.0]),
        np.array([1, 2]),
        found["matrix"],
        np.array([], dtype=np.intp),
        1.0,
        found["coarse"],
        np.zeros((0, 2)),
        found["mix"],
    )
    opinions = np.empty(5)
    loops.hear(*asked, opinions)
    assert opinions.tolist() == pytest.approx([0.6, 1.5, -1.5, 0.3, 0.0])
    loops.learn(
        *asked,
        opinions,
        kind,
        target,
        -1.5,
        found["squares"],
        np.array([(10.0, 2.0, 0.0), (10.0, 1.0, 0.01)]),
        found["counts"],
        found["trust"],
        np.full(7, 1 / 7),
        np.zeros((2, 4)),
        spreads,
    )
    return found


@BOTH
def test_a_label_is_a_step_of_the_laplace_approximation(loops: ExpertLoops) -> None:
    found = taught(loops, LABEL, 1.0)
    (p, q), squared = (sigmoid(-1.5 + 0.3 + own) for own in (1.5, -1.5)), 9.0
    quick = 20.0 + 2 * p * (1 - p) * squared
    forgetful = 30.0 + q * (1 - q) * squared * (1 - 0.01 * (30.0 - 10.0))
    expected = [0.5 - (p - 1) * 3 / quick, -0.5 - (q - 1) * 3 / forgetful, quick, forgetful]
    assert found["coarse"][0] == pytest.approx(expected, abs=1e-12)


@BOTH
@pytest.mark.parametrize(("kind", "way"), [(LABEL, 1.0), (TAKEN_BACK, -1.0)])
def test_the_table_takes_the_step_of_river_s_adagrad(
    loops: ExpertLoops, kind: int, way: float
) -> None:
    found = taught(loops, kind, 0.25)
    adagrad = optim.AdaGrad(lr=0.05, eps=1.0)
    adagrad.g2.update({1: 2.0})
    slope = way * (sigmoid(-1.5 + 0.9) - 0.25) * 3.0
    weights: dict[Hashable, Any] = {0: 0.0, 1: 0.2, 2: 0.1}
    adagrad.step(weights, {1: slope, 2: slope})
    assert found["matrix"][0].tolist() == pytest.approx(list(weights.values()))
    assert found["squares"][0].tolist() == pytest.approx([0.0, adagrad.g2[1], adagrad.g2[2]])


@BOTH
@pytest.mark.parametrize("kind", [CORRECTION, TAKEN_BACK])
def test_nobody_is_surer_or_less_sure_for_what_is_no_label(loops: ExpertLoops, kind: int) -> None:
    found = taught(loops, kind, 0.5)
    assert found["coarse"][0, 2:].tolist() == [20.0, 30.0]
    assert found["coarse"][0, 0] != 0.5


@BOTH
@pytest.mark.parametrize(
    ("kind", "counts"), [(LABEL, [0.9, 3.0]), (CORRECTION, [0.9, 2.0]), (TAKEN_BACK, [-0.1, 2.0])]
)
def test_positives_and_labels_are_counted(
    loops: ExpertLoops, kind: int, counts: list[float]
) -> None:
    assert taught(loops, kind, 0.5)["counts"].tolist() == pytest.approx(counts)


@BOTH
def test_who_says_what_is_no_number_loses_as_much_trust_as_can_be(loops: ExpertLoops) -> None:
    world = World(1, 1.0)
    before = world.trust.copy()
    world.matrix[:] = math.nan
    world.learn(loops, 1, 0, 1)
    assert np.isfinite(world.trust).all()
    assert world.trust[0] < before[0]


@BOTH
def test_trust_stays_a_share(loops: ExpertLoops) -> None:
    assert math.fsum(taught(loops, LABEL, 1.0)["trust"]) == pytest.approx(1.0)
