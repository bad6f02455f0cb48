"""Measures against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.health.measures import auc, calibration, gains, losses, rate

scores = st.lists(st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5]), min_size=2, max_size=40)


@given(scores, st.data())
def test_auc_is_the_share_of_pairs_in_order(values: list[float], data: st.DataObject) -> None:
    rewards = data.draw(
        st.lists(st.sampled_from([0.0, 1.0]), min_size=len(values), max_size=len(values))
    )
    takers = [v for v, r in zip(values, rewards, strict=True) if r]
    others = [v for v, r in zip(values, rewards, strict=True) if not r]
    found = auc(np.array(values), np.array(rewards))
    if not takers or not others:
        assert found is None
        return
    pairs = [(t > o) + (t == o) / 2 for t in takers for o in others]
    assert found is not None
    assert found.value == pytest.approx(sum(pairs) / len(pairs))
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_a_graded_reward_counts_as_that_much_of_a_taker() -> None:
    graded = auc(np.array([0.1, 0.2, 0.9]), np.array([0.5, 0.5, 1.0]))
    split = auc(np.array([0.1, 0.1, 0.2, 0.2, 0.9, 0.9]), np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0]))
    assert graded is not None
    assert split is not None
    assert graded.value == pytest.approx(split.value)


def test_the_interval_of_an_auc_covers_the_truth() -> None:
    chance = np.random.default_rng(3)
    truth, covered = 0.5 * (1 + math.erf(0.5)), 0
    for _ in range(300):
        rewards = (chance.uniform(size=200) < 0.2).astype(float)
        found = auc(chance.normal(size=200) + rewards, rewards)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert covered / 300 > 0.9


def test_propensities_that_mean_what_they_say_are_calibrated() -> None:
    chance = np.random.default_rng(1)
    p = chance.uniform(0.05, 0.6, size=20_000)
    found = calibration(p, (chance.uniform(size=20_000) < p).astype(float))
    assert found.error < 0.02
    assert found.ratio is not None
    assert found.ratio.low < 1.0 < found.ratio.high
    assert len(found.bins) == 10
    assert {one.offers for one in found.bins} == {2_000}


def test_propensities_twice_too_high_are_told() -> None:
    chance = np.random.default_rng(1)
    p = chance.uniform(0.05, 0.4, size=5_000)
    found = calibration(2 * p, (chance.uniform(size=5_000) < p).astype(float))
    assert found.error == pytest.approx(p.mean(), rel=0.1)
    assert found.ratio is not None
    assert found.ratio.low < 2.0 < found.ratio.high
    assert found.ratio.low > 1.8


def test_equal_propensities_are_one_bin() -> None:
    found = calibration(np.full(50, 0.2), np.repeat([0.0, 1.0], [40, 10]))
    assert [one.offers for one in found.bins] == [50]
    assert found.error == pytest.approx(0.0)


def test_nothing_ever_came_is_infinitely_too_much() -> None:
    found = calibration(np.full(10, 0.2), np.zeros(10))
    assert found.ratio is not None
    assert math.isinf(found.ratio.value)
    assert math.isfinite(found.ratio.low)


def test_gains_of_a_perfect_order_and_of_none() -> None:
    rewards = np.repeat([1.0, 0.0], [20, 80])
    shares, taken = gains(rewards, rewards)
    assert taken[np.searchsorted(shares, 0.2)] == pytest.approx(1.0)
    shares, taken = gains(np.full(100, 0.3), rewards)
    assert taken == pytest.approx(shares)


def test_log_loss_by_hand() -> None:
    found = losses(np.array([0.25, 0.25, 0.0]), np.array([1.0, 0.5, 1.0]))
    assert found[0] == pytest.approx(-math.log(0.25))
    assert found[1] == pytest.approx(-(math.log(0.25) + math.log(0.75)) / 2)
    assert math.isfinite(found[2])


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_rate_lies_in_its_interval(positives: int, more: int) -> None:
    found = rate(positives, positives + more)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
