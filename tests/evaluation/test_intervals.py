from math import log, sqrt

import numpy as np
import pytest

from engine.evaluation.estimators import Terms
from engine.evaluation.intervals import (
    MOST_UNITS,
    Interval,
    Sums,
    bernstein,
    bootstrap,
    freedom,
    student,
)
from engine.evaluation.log import Vector

CHANCE = np.random.default_rng(5)


def terms(above: Vector, below: Vector | None = None, noise: Vector | None = None) -> Terms:
    ones = np.ones_like(above)
    zeros = np.zeros_like(above)
    return Terms(
        above, ones if below is None else below, ones, zeros if noise is None else noise, 1.0
    )


def sums(above: Vector, units: Vector | None = None, **rest: Vector) -> Sums:
    whose = np.arange(len(above)) if units is None else units
    return Sums.of(terms(above, **rest), whose.astype(np.intp))


def test_the_standard_error_of_a_mean() -> None:
    sample = CHANCE.normal(size=50)
    assert sums(sample).standard_error == pytest.approx(sample.std(ddof=1) / sqrt(50))


def test_a_customer_counts_once_however_often_they_chose() -> None:
    sample = CHANCE.normal(size=50)
    thrice = sums(np.repeat(sample, 3), np.repeat(np.arange(50), 3))
    once = sums(sample)
    assert thrice.standard_error == pytest.approx(once.standard_error)
    assert bootstrap([thrice])[0] == pytest.approx(bootstrap([once])[0])
    assert thrice.most == 3


def test_one_unit_says_nothing_of_spread() -> None:
    assert sums(np.array([1.0])).standard_error == float("inf")
    assert bernstein(sums(np.array([1.0])), 1.0, (0.0, 1.0)) == (0.0, 1.0)


def test_the_bootstrap_of_a_large_normal_sample_is_the_normal_interval() -> None:
    sample = CHANCE.normal(3.0, 2.0, size=4_000)
    [(low, high)] = bootstrap([sums(sample)])
    error = sample.std(ddof=1) / sqrt(4_000)
    assert low == pytest.approx(sample.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(sample.mean() + 1.96 * error, abs=0.15 * error)


def test_where_rewards_are_skewed_the_interval_reaches_farther_to_their_side() -> None:
    sample = np.array([0.0] * 990 + [1.0] * 10)
    [(low, high)] = bootstrap([sums(sample)])
    assert high - 0.01 > 1.2 * (0.01 - low)


def test_many_units_are_resampled_in_groups() -> None:
    sample = CHANCE.normal(size=4 * MOST_UNITS + 3)
    [(low, high)] = bootstrap([sums(sample)])
    assert (high - low) / 2 == pytest.approx(1.96 / sqrt(len(sample)), rel=0.1)


def test_noise_widens_the_interval_around_the_same_estimate() -> None:
    sample, noise = CHANCE.normal(size=500), 3.0 * CHANCE.normal(size=500)
    noise -= noise.mean()
    quiet, loud = sums(sample), sums(sample, noise=noise)
    assert quiet.value == loud.value
    [narrow, wide] = bootstrap([quiet, loud])
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert wide.covers(loud.value)


def test_what_never_varies_is_certain() -> None:
    assert bootstrap([sums(np.full(20, 0.3))]) == [pytest.approx((0.3, 0.3))]


def test_bernstein_of_a_mean_is_the_formula_of_the_theorem() -> None:
    """Maurer & Pontil, Theorem 4, on both sides at once: δ = 0.05 split in two."""
    sample = CHANCE.uniform(size=5_000)
    tail = log(4 / 0.05)
    margin = sqrt(2 * sample.var(ddof=1) * tail / 5_000) + 7 * 1.0 * tail / (3 * 4_999)
    expected = (sample.mean() - margin, sample.mean() + margin)
    assert bernstein(sums(sample), 1.0, (0.0, 1.0)) == pytest.approx(expected)


def test_bernstein_of_a_ratio_holds_the_values_whose_terms_may_have_mean_0() -> None:
    weights = CHANCE.exponential(size=4_000)
    rewards = (CHANCE.uniform(size=4_000) < 0.3) * 1.0
    ratio = sums(weights * rewards, below=weights)
    low, high = bernstein(ratio, float(weights.max()), (0.0, 1.0))
    assert 0.0 < low < ratio.value < high < 1.0
    tail = log(4 / 0.05)
    at_the_end = weights * (rewards - high)
    margin = sqrt(2 * at_the_end.var(ddof=1) * tail / 4_000)
    margin += 7 * weights.max() * tail / (3 * 3_999)
    assert abs(at_the_end.mean()) == pytest.approx(margin)


def test_bernstein_stays_where_the_value_can_be() -> None:
    assert bernstein(sums(np.array([0.0, 1.0, 1.0])), 1.0, (0.0, 1.0)) == (0.0, 1.0)


def test_an_interval_cut_to_what_is_possible() -> None:
    assert Interval(-0.5, 0.4).within(0.0, 1.0) == (0.0, 0.4)
    assert Interval(-0.5, -0.4).within(0.0, 1.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(5.0, 2.5706), (10.0, 2.2281), (30.0, 2.0423), (1e6, 1.9600)]
)
def test_students_quantiles_are_those_of_the_tables(degrees: float, quantile: float) -> None:
    assert student(1.959964, degrees) == pytest.approx(quantile, rel=0.005)


def test_a_normal_sample_is_as_free_as_it_is_large() -> None:
    assert freedom(CHANCE.normal(size=20_000)) == pytest.approx(20_000, rel=0.1)
    one = np.zeros(1_000)
    one[0] = 1.0
    assert freedom(one - one.mean()) == 3.0
