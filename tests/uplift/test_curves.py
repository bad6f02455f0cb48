import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.uplift.curves import Ordering, Trial, areas, best_areas
from engine.uplift.parts import Numbers

CUSTOMERS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.1, 0.2, 0.2, 0.7])),
    min_size=4,
    max_size=40,
).filter(lambda drawn: len({treated for treated, _, _ in drawn}) == 2)


def columns(drawn: list[tuple[bool, bool, float]]) -> tuple[Trial, Numbers]:
    treated, outcomes, scores = (np.array(column) for column in zip(*drawn, strict=True))
    return Trial(treated, outcomes.astype(float)), scores


SIX = Trial(
    treated=np.array([True, False, True, False, True, False]),
    outcomes=np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0]),
)


def test_areas_by_hand() -> None:
    """After each pair, q = (1 − 0)/3, (2 − 0)/3, (2 − 1)/3 and u = 1·⅓, 1·⅔, (⅔ − ⅓)·1.

    Both curves are 0, ⅓, ⅔, ⅓ at the shares 0, ⅓, ⅔, 1: the trapezoids are (⅙ + ½ + ½)/3 = 7/18;
    less the triangle of treating at random, ½ · ⅓, the Qini is 4/18.
    """
    found = areas(SIX, np.array([0.9, 0.9, 0.5, 0.5, 0.1, 0.1]))
    assert found.qini == pytest.approx(4 / 18)
    assert found.auuc == pytest.approx(7 / 18)


def test_the_best_order_by_hand() -> None:
    """Treated successes, then failures, then the control's success: q is ⅔ from the second on.

    The shares are ⅓ (q = ⅔), 5/6 (q = ⅔), 1 (q = ⅓): (2/9)/2 + ½·⅔ + (½)/6 − ⅙ = 13/36.
    """
    assert best_areas(SIX).qini == pytest.approx(13 / 36)


def test_an_order_without_sense_has_the_areas_of_chance() -> None:
    found = areas(SIX, np.zeros(6))
    assert found.qini == pytest.approx(0.0)
    assert found.auuc == pytest.approx((2 / 3 - 1 / 3) / 2)


@given(CUSTOMERS)
def test_only_the_order_of_scores_counts(drawn: list[tuple[bool, bool, float]]) -> None:
    trial, scores = columns(drawn)
    assert areas(trial, np.exp(9 * scores)) == areas(trial, scores)


@given(CUSTOMERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_count(drawn: list[tuple[bool, bool, float]], chance) -> None:
    trial, scores = columns(drawn)
    shuffled = drawn[:]
    chance.shuffle(shuffled)
    again = areas(*columns(shuffled))
    assert again.qini == pytest.approx(areas(trial, scores).qini)
    assert again.auuc == pytest.approx(areas(trial, scores).auuc)


@given(CUSTOMERS, st.data())
def test_a_weight_counts_a_customer_that_often(
    drawn: list[tuple[bool, bool, float]], data: st.DataObject
) -> None:
    counts = data.draw(st.lists(st.integers(1, 3), min_size=len(drawn), max_size=len(drawn)))
    trial, scores = columns(drawn)
    repeated = [one for one, count in zip(drawn, counts, strict=True) for _ in range(count)]
    weighted = Ordering(trial, scores).areas(np.array(counts, dtype=float))
    assert weighted.qini == pytest.approx(areas(*columns(repeated)).qini)
    assert weighted.auuc == pytest.approx(areas(*columns(repeated)).auuc)
