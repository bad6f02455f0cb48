"""Each estimator against its definition, reckoned by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.evaluation.estimators import (
    ESTIMATORS,
    direct,
    doubly_robust,
    dr_shrunk,
    ips,
    reward_range,
    snips,
    switch_dr,
)
from engine.evaluation.evidence import Evidence

FOUR = Evidence(
    rewards=np.array([1.0, 0.0, 1.0, 1.0]),
    weights=np.array([1.0, 1.0, 0.625, 2.5]),
    predicted=np.array([0.6, 0.4, 0.6, 0.4]),
    expected=np.array([0.5, 0.5, 0.5, 0.5]),
    implied=np.array([1.0, 1.0, 1.0, 1.0]),
    mass=np.ones(4),
    units=np.arange(4),
)
"""Four choices: w·r is 1, 0, 0.625, 2.5 and w·(r − q) is 0.4, −0.4, 0.25, 1.5."""


def test_ips_is_the_mean_of_weighted_rewards() -> None:
    assert ips(FOUR).value == pytest.approx((1 + 0 + 0.625 + 2.5) / 4)


def test_self_normalised_ips_divides_by_the_weights() -> None:
    assert snips(FOUR).value == pytest.approx(4.125 / 5.125)


def test_the_direct_method_asks_the_model_alone() -> None:
    assert direct(FOUR).value == pytest.approx(0.5)
    assert direct(FOUR).uncovered == 1.0


def test_doubly_robust_adds_the_weighted_residuals() -> None:
    assert doubly_robust(FOUR).value == pytest.approx(0.5 + (0.4 - 0.4 + 0.25 + 1.5) / 4)


def test_switch_dr_leaves_weights_above_the_threshold_to_the_model() -> None:
    terms = switch_dr(FOUR, threshold=1.0)
    assert terms.value == pytest.approx(0.5 + (0.4 - 0.4 + 0.25) / 4)
    assert terms.uncovered == pytest.approx(1 - (1 + 1 + 0.625) / 4)


def test_shrinkage_tames_weights_by_lambda_w_over_w_squared_plus_lambda() -> None:
    weights = [2 * w / (w * w + 2) for w in (1.0, 1.0, 0.625, 2.5)]
    expected = 0.5 + sum(w * r for w, r in zip(weights, (0.4, -0.4, 0.4, 0.6), strict=True)) / 4
    assert dr_shrunk(FOUR, shrinkage=2.0).value == pytest.approx(expected)


def test_one_huge_weight_is_left_to_the_model() -> None:
    many = Evidence(
        rewards=np.array([0.0, 1.0] * 500),
        weights=np.array([1.0] * 999 + [400.0]),
        predicted=np.full(1_000, 0.5),
        expected=np.full(1_000, 0.5),
        implied=np.ones(1_000),
        mass=np.ones(1_000),
        units=np.arange(1_000),
    )
    assert doubly_robust(many).value == pytest.approx(0.6995)
    assert switch_dr(many).parameter == 1.0
    assert dr_shrunk(many).value == pytest.approx(0.5, abs=0.02)


def test_equal_weights_are_left_alone() -> None:
    even = replace(FOUR, weights=np.ones(4))
    assert switch_dr(even).value == pytest.approx(doubly_robust(even).value)


def test_the_reach_bounds_every_term() -> None:
    for name in ("ips", "dr", "switch-dr", "dr-shrunk"):
        terms = ESTIMATORS[name](FOUR)
        assert terms.reach is not None
        assert np.ptp(terms.above) <= terms.reach
    assert ips(FOUR).reach == 2.5
    assert snips(FOUR).reach == 2.5
    assert direct(FOUR).reach is None


def test_rewards_of_0_to_1_could_be_either() -> None:
    assert reward_range(np.array([0.0, 0.2])) == (0.0, 1.0)
    assert reward_range(np.array([-5.0, 40.0])) == (-5.0, 40.0)


NUMBERS = st.floats(-100.0, 100.0)


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    rows = draw(st.integers(2, 20))
    rewards, predicted, expected = (
        draw(arrays(np.float64, rows, elements=NUMBERS)) for _ in range(3)
    )
    weights = draw(arrays(np.float64, rows, elements=st.floats(0.01, 100.0)))
    return Evidence(
        rewards, weights, predicted, expected, np.ones(rows), np.ones(rows), np.arange(rows)
    )


@given(evidence())
def test_the_limits_of_switching_and_shrinking(any_: Evidence) -> None:
    """Nothing above the threshold: doubly robust. Everything above it: the direct method."""
    robust, model = doubly_robust(any_).value, direct(any_).value
    assert switch_dr(any_, threshold=1e9).value == robust
    assert dr_shrunk(any_, shrinkage=float("inf")).value == robust
    assert switch_dr(any_, threshold=0.0).value == pytest.approx(model)
    assert dr_shrunk(any_, shrinkage=1e-300).value == pytest.approx(model)


@given(evidence(), NUMBERS)
def test_what_every_reward_gains_self_normalised_ips_gains(any_: Evidence, more: float) -> None:
    richer = replace(any_, rewards=any_.rewards + more)
    assert snips(richer).value == pytest.approx(snips(any_).value + more, abs=1e-6)


@given(evidence())
def test_a_model_that_knows_everything_is_believed(any_: Evidence) -> None:
    known = replace(any_, predicted=any_.rewards)
    for name in ("dr", "switch-dr", "dr-shrunk"):
        assert ESTIMATORS[name](known).value == pytest.approx(direct(known).value)
