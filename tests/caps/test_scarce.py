"""The simulation of a scarce cap: by the whole path of a decision, on fixed seeds."""

import pytest

from benchmarks.scarce import compared


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_where_a_cap_is_scarce_its_price_earns_more_than_first_come(share):
    for seed in range(2):
        first_come, priced, best = compared(seed, share, days=2, requests=800)
        assert first_come * 1.1 < priced <= best


def test_where_there_is_enough_for_all_nothing_changes():
    first_come, priced, _ = compared(1, 2.0, days=2, requests=500)
    assert priced == first_come
