"""The bid price against a stream of requests: what it earns, and when it stays out of the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.caps.periods import Span
from engine.caps.price import BidPrice, Wanted
from engine.model import DAY


def earned(seed: int, cap: int, requests: int, *, priced: bool, days: int = 2) -> float:
    """What a cap of so many a day earns over some days, as a share of the most that was possible."""
    chance = np.random.default_rng(seed)
    price, total, most = BidPrice(), 0.0, 0.0
    for day in range(days):
        horizon = Span(day * DAY, (day + 1) * DAY)
        times = np.sort(chance.beta(3, 2, requests)) * DAY + horizon.start
        worths = np.exp(chance.normal(1.0, 0.8, requests))
        left = cap
        for now, worth in zip(times.astype(int).tolist(), worths.tolist(), strict=True):
            take = left > 0 and (not priced or worth > price.value)
            if left > 0:
                price.learn_one(horizon, now, left, Wanted(worth, 1, int(take)))
            left -= take
            total += worth * take
        most += float(np.sort(worths)[-cap:].sum())
    return total / most


@pytest.mark.parametrize(("cap", "requests"), [(100, 2_000), (400, 2_000), (1_000, 2_000)])
def test_it_earns_more_than_first_come_on_every_seed(cap, requests):
    for seed in range(5):
        first_come = earned(seed, cap, requests, priced=False)
        priced = earned(seed, cap, requests, priced=True)
        assert priced > first_come * 1.2
        assert priced > 0.6


def test_it_costs_nothing_where_there_is_enough():
    assert earned(1, 2_000, 1_000, priced=True) == pytest.approx(1.0)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2 * DAY), st.integers(-5, 50), st.floats(0, 1e9), st.integers(0, 3)
        ),
        max_size=60,
    )
)
def test_it_is_never_negative_and_never_lost(requests):
    price = BidPrice()
    for now, left, worth, taken in requests:
        price.learn_one(Span(0, DAY), now, left, Wanted(worth, 1, taken))
        assert 0.0 <= price.value < float("inf")
    assert BidPrice.of_state(price.state()) == price


def test_without_an_end_to_last_until_it_stays_nothing():
    price = BidPrice()
    for now in range(100):
        price.learn_one(Span(0, None), now, 5, Wanted(1.0, 1, 0))
    assert price.value == 0.0
