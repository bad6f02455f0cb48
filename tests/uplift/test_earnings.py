import numpy as np
import pytest

from engine.uplift.curves import Trial
from engine.uplift.earnings import Prices, earnings


def trial(treated: tuple[int, int], control: tuple[int, int]) -> Trial:
    """Customers and successes of each arm."""
    arms = np.repeat([True, False], [treated[0], control[0]])
    successes = np.concatenate(
        [np.arange(customers) < won for customers, won in (treated, control)]
    )
    return Trial(arms, successes.astype(float))


def everybody(of: Trial) -> np.ndarray:
    return np.ones(len(of.treated), dtype=bool)


def test_incremental_response_rate_and_net_incremental_revenue_by_hand() -> None:
    brought = earnings(one := trial((1_000, 20), (800, 8)), everybody(one), Prices(10.0, 0.15))
    assert brought.irr == pytest.approx(0.02 - 0.01)
    assert brought.nir == pytest.approx(10 * 20 - 0.15 * 1_000 - 10 * 8)
    assert brought.nir_balanced == pytest.approx(1_000 * (10 * 0.01 - 0.15))


def test_arms_of_one_size_need_no_balance() -> None:
    brought = earnings(one := trial((500, 9), (500, 4)), everybody(one), Prices(10.0, 0.15))
    assert brought.nir == pytest.approx(brought.nir_balanced)


def test_those_not_chosen_count_for_nothing_but_the_share() -> None:
    one = trial((10, 4), (10, 2))
    chosen = one.outcomes > 0
    brought = earnings(one, chosen, Prices(10.0, 1.0))
    assert (brought.share, brought.treated, brought.control) == (0.3, 4, 2)


def test_without_one_arm_nothing_can_be_told() -> None:
    one = trial((10, 4), (10, 2))
    brought = earnings(one, one.treated, Prices(10.0, 1.0))
    assert (brought.irr, brought.nir_balanced) == (0.0, 0.0)


def test_a_weight_counts_a_customer_that_often() -> None:
    one = trial((3, 1), (3, 1))
    weights = np.array([2.0, 1.0, 0.0, 1.0, 0.0, 3.0])
    brought = earnings(one, everybody(one), Prices(1.0, 0.0), weights)
    assert brought.irr == pytest.approx(2 / 3 - 1 / 4)


def test_it_is_worth_treating_whom_it_changes_by_more_than_it_costs() -> None:
    uplift = np.array([-0.1, 0.0, 0.015, 0.016])
    assert Prices(10.0, 0.15).worth_treating(uplift).tolist() == [False, False, False, True]
    assert Prices(1.0, 0.0).worth_treating(uplift).tolist() == [False, False, True, True]
