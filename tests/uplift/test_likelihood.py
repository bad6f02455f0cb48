import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.uplift.likelihood import ArmLikelihood, logit, sigmoid
from engine.uplift.parts import Numbers


def rows(count: int = 2_000) -> tuple[Numbers, Numbers]:
    chance = np.random.default_rng(1)
    x = np.column_stack([np.ones(count), chance.normal(size=(count, 2))])
    return x, (chance.random(count) < sigmoid(x @ [-1.0, 0.5, 0.0])).astype(float)


def test_the_most_likely_weights_stay_where_they_are() -> None:
    """At its maximum the quadratic of the log-likelihood has its maximum there too."""
    x, y = rows()
    weights: Numbers = np.zeros(3)
    for _ in range(20):
        arm = ArmLikelihood(3)
        arm.learn(x, y, x @ weights)
        weights = np.linalg.solve(arm.curvature, arm.pull)
    assert x.T @ (y - sigmoid(x @ weights)) == pytest.approx(np.zeros(3), abs=1e-8)
    assert weights == pytest.approx([-1.0, 0.5, 0.0], abs=0.2)


@given(st.integers(1, 199))
def test_blocks_add_up(cut: int) -> None:
    x, y = rows(200)
    whole, parts = ArmLikelihood(3), ArmLikelihood(3)
    z = x @ [0.1, 0.2, 0.3]
    whole.learn(x, y, z)
    for block in (slice(cut), slice(cut, None)):
        parts.learn(x[block], y[block], z[block])
    assert parts.curvature == pytest.approx(whole.curvature)
    assert parts.pull == pytest.approx(whole.pull)
    assert parts.rate == whole.rate


def test_a_copy_learns_alone() -> None:
    x, y = rows(50)
    arm = ArmLikelihood(3)
    arm.copy().learn(x, y, np.zeros(50))
    assert not arm.curvature.any()
    assert arm.rows == 0


def test_a_rate_is_never_sure() -> None:
    assert ArmLikelihood(1).rate == 0.5


@given(st.floats(-700, 700))
def test_the_sigmoid_is_a_probability_and_undone_by_the_logit(number: float) -> None:
    p = float(sigmoid(np.array(number)))
    assert 0.0 <= p <= 1.0
    if abs(number) < 20:
        assert logit(p) == pytest.approx(number, abs=1e-6)
