"""The alarm of a sample-ratio mismatch."""

from random import Random

import pytest

from engine.experiments.mismatch import ALARM, chi_square_tail, mismatch


@pytest.mark.parametrize(
    ("statistic", "freedom", "expected"),
    # Tables of the chi-square distribution.
    [
        (10.828, 1, 0.001),
        (13.816, 2, 0.001),
        (16.266, 3, 0.001),
        (20.515, 5, 0.001),
        (4.351, 5, 0.5),
    ],
)
def test_tails_are_those_of_the_tables(statistic: float, freedom: int, expected: float) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(expected, rel=2e-3)


def test_fair_lots_raise_an_alarm_as_seldom_as_promised() -> None:
    random = Random(1)
    alarms = 0
    for _ in range(2_000):
        first = sum(random.getrandbits(400).bit_count() for _ in range(5))
        found = mismatch([first, 2_000 - first], [0.5, 0.5])
        alarms += found.alarm
    assert alarms <= 10  # 2 are expected
    assert ALARM == 0.001


def test_a_tenth_missing_from_a_large_group_is_found() -> None:
    assert mismatch([90_000, 900], [0.99, 0.01]).alarm is False
    assert mismatch([99_000, 800], [0.99, 0.01]).alarm is True


def test_of_a_few_customers_nothing_is_said() -> None:
    found = mismatch([40, 0], [0.98, 0.02])
    assert (found.p, found.alarm) == (None, False)
