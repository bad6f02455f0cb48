"""Arrivals are a Poisson process."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bench.arrivals import arrivals


@given(
    rate=st.floats(0.1, 1000), seconds=st.floats(0, 5), seed=st.integers(0, 2**32)
)  # fmt: skip
def test_moments_rise_within_the_time_and_are_the_same_for_the_same_seed(rate, seconds, seed):
    moments = list(arrivals(rate, seconds, random.Random(seed)))
    assert all(0 <= moment < seconds for moment in moments)
    assert all(one <= next_ for one, next_ in pairwise(moments))
    assert moments == list(arrivals(rate, seconds, random.Random(seed)))


def test_as_many_come_as_asked_for_and_their_number_varies_as_a_poisson_count_does():
    counts = [sum(1 for _ in arrivals(50, 1, random.Random(seed))) for seed in range(2_000)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(50, rel=0.02)
    assert variance == pytest.approx(50, rel=0.12)  # of evenly spaced arrivals it would be ~ 0
