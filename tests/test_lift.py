import math

import numpy as np
import pytest

from engine.lift import Z95, Lift, Ratio


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios() -> None:
    ratio = Ratio.of(np.array([1.0, 0.0]), np.array([1.0, 3.0]))
    assert ratio.estimate == 0.25
    assert ratio.customers == 2


def test_with_one_decision_each_it_is_the_binomial_standard_error() -> None:
    accepted = np.repeat([1.0, 0.0], [30, 70])
    ratio = Ratio.of(accepted, np.ones(100))
    assert ratio.standard_error == pytest.approx(math.sqrt(0.3 * 0.7 / 99))


def test_who_never_had_a_chance_counts_for_nothing() -> None:
    with_idlers = Ratio.of(np.array([1.0, 0.0, 0.0]), np.array([2.0, 2.0, 0.0]))
    assert with_idlers == Ratio.of(np.array([1.0, 0.0]), np.array([2.0, 2.0]))


@pytest.mark.parametrize("customers", [0, 1])
def test_one_customer_proves_nothing(customers: int) -> None:
    ratio = Ratio.of(np.ones(customers), np.ones(customers))
    assert ratio.standard_error == math.inf
    assert not Lift.of(ratio, Ratio(0.1, 0.01, 100)).clear


def test_people_who_decide_alike_each_time_make_the_interval_wider() -> None:
    rng = np.random.default_rng(1)
    alike = np.where(rng.random(500) < 0.2, 10.0, 0.0)
    mixed = rng.binomial(10, 0.2, 500).astype(float)
    ten = np.full(500, 10.0)
    assert Ratio.of(alike, ten).standard_error > 2 * Ratio.of(mixed, ten).standard_error


def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(7)
    covered, rounds = 0, 600
    for _ in range(rounds):
        taste = rng.beta(2, 6, (2, 300))
        often = 1 + rng.poisson(2.0, (2, 300))
        taken = rng.binomial(often, taste)
        test, control = (Ratio.of(taken[i].astype(float), often[i].astype(float)) for i in range(2))
        lift = Lift.of(test, control)
        covered += lift.low <= 0.0 <= lift.high
    assert 0.92 <= covered / rounds <= 0.98


def test_a_lift_is_clear_only_if_its_whole_interval_is_above_zero() -> None:
    control = Ratio(0.10, 0.01, 500)
    assert Lift.of(Ratio(0.16, 0.01, 500), control).clear
    assert not Lift.of(Ratio(0.12, 0.01, 500), control).clear
    assert not Lift.of(Ratio(0.05, 0.01, 500), control).clear


def test_nothing_is_clear_that_may_be_less_relatively() -> None:
    lift = Lift.of(Ratio(0.1290, 0.01, 500), Ratio(0.10, 0.01, 500))
    assert lift.low > 0.0
    assert lift.relative_low is not None
    assert lift.relative_low < 0.0
    assert not lift.clear


def test_the_relative_lift_follows_the_delta_method() -> None:
    test, control = Ratio(0.15, 0.006, 500), Ratio(0.10, 0.005, 500)
    lift = Lift.of(test, control)
    spread = math.sqrt(0.006**2 + (0.15 / 0.10) ** 2 * 0.005**2) / 0.10
    assert lift.relative == pytest.approx(0.5)
    assert lift.relative_low == pytest.approx(0.5 - Z95 * spread)
    assert lift.relative_high == pytest.approx(0.5 + Z95 * spread)
    assert lift.low == pytest.approx(0.05 - Z95 * math.sqrt(0.006**2 + 0.005**2))


def test_nothing_is_relative_to_nothing() -> None:
    lift = Lift.of(Ratio(0.1, 0.01, 100), Ratio(0.0, 0.0, 100))
    assert lift.relative is None
    assert lift.clear
