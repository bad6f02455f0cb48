"""Measures of bias by hand, and how often chance is called unfair."""

import numpy as np
import pytest

from engine.fairness.measures import (
    GINI,
    RATIO,
    Count,
    gini,
    lenient,
    rate_ratio,
    tellable,
    verdict,
)
from engine.health.limits import Severity


def test_the_example_of_the_documentation() -> None:
    women, men = Count(500, 20_500), Count(1_000, 19_000)
    assert rate_ratio(women, men).value == pytest.approx(0.46, abs=0.005)
    assert rate_ratio(men, women).value == pytest.approx(2.16, abs=0.005)
    assert verdict(RATIO, rate_ratio(women, men)) is Severity.WARNING
    assert verdict(RATIO, rate_ratio(men, women)) is Severity.WARNING


def test_equal_rates_are_inside_the_strict_band() -> None:
    found = rate_ratio(Count(300, 10_000), Count(600, 20_000))
    assert found.value == pytest.approx(1.0)
    assert found.low < 1.0 < found.high
    assert verdict(RATIO, found) is Severity.GOOD


def test_a_category_that_is_never_selected_is_told_once_it_should_have_been() -> None:
    assert not tellable(Count(0, 10), Count(10, 1_000))
    assert tellable(Count(0, 1_000), Count(100, 1_000))
    found = rate_ratio(Count(0, 1_000), Count(100, 1_000))
    assert found.value == 0.0
    assert verdict(RATIO, found) is Severity.CRITICAL


def test_nobody_else_being_selected_is_an_infinite_ratio_with_bounds() -> None:
    found = rate_ratio(Count(100, 1_000), Count(0, 1_000))
    assert found.low > 2.0
    assert verdict(RATIO, found) is Severity.CRITICAL


def test_chance_is_seldom_called_unfair() -> None:
    chance = np.random.default_rng(4)
    called = 0
    for _ in range(2_000):
        part = Count(int(chance.binomial(300, 0.1)), 300)
        others = Count(int(chance.binomial(900, 0.1)), 900)
        called += verdict(RATIO, rate_ratio(part, others)) in (Severity.WARNING, Severity.CRITICAL)
    assert called / 2_000 < 0.05


def test_gini_is_zero_for_the_same_distribution_and_signed_for_others() -> None:
    chance = np.random.default_rng(4)
    ages = chance.integers(18, 90, size=4_000).astype(float)
    even = gini(ages, (chance.uniform(size=4_000) < 0.3).astype(float))
    old = gini(ages, (ages > 60).astype(float))
    young = gini(ages, (ages < 30).astype(float))
    assert even is not None
    assert verdict(GINI, even) is Severity.GOOD
    assert old is not None
    assert old.value == 1.0
    assert verdict(GINI, old) is Severity.CRITICAL
    assert young is not None
    assert young.value == -1.0


def test_few_cannot_be_told() -> None:
    assert gini(np.arange(100.0), np.repeat([0.0, 1.0], [97, 3])) is None
    assert verdict(GINI, None) is Severity.UNTOLD


def test_what_customers_decide_themselves_is_never_critical() -> None:
    assert [lenient(severity) for severity in Severity] == [
        Severity.GOOD,
        Severity.UNTOLD,
        Severity.WARNING,
        Severity.WARNING,
    ]
