"""The histogram says what the sorted list would say."""

from math import ceil, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bench.latencies import Latencies

SECONDS = st.lists(st.floats(1e-5, 100), min_size=1, max_size=200)
PERCENT = st.floats(1, 100)


def noted(seconds: list[float]) -> Latencies:
    waited = Latencies()
    for one in seconds:
        waited.note(one)
    return waited


def of_list(seconds: list[float], percent: float) -> float:
    """The least of them within which `percent` of 100 are."""
    rank = max(ceil(percent / 100 * len(seconds) - 1e-9), 1)
    return sorted(seconds)[rank - 1]


@given(seconds=SECONDS, percent=st.sampled_from([50, 90, 95, 99, 99.9, 100]))
def test_a_percentile_is_that_of_the_list_to_a_thousandth_and_a_microsecond(seconds, percent):
    expected = of_list(seconds, percent)
    assert noted(seconds).at(percent) == pytest.approx(expected, rel=2e-3, abs=1.5e-6)


@given(seconds=SECONDS, never=st.integers(0, 300), percent=PERCENT)
def test_what_never_came_counts_as_longer_than_all_that_came(seconds, never, percent):
    expected = of_list([*seconds, *[inf] * never], percent)
    assert noted(seconds).at(percent, never) == pytest.approx(expected, rel=2e-3, abs=1.5e-6)


@given(one=SECONDS, other=SECONDS)
def test_added_and_sent_histograms_say_what_one_would(one, other):
    together = Latencies.decoded(noted(one).encoded())
    together.add(noted(other))
    assert together.encoded() == noted(one + other).encoded()
    assert together.count == len(one) + len(other)


def test_an_empty_one_says_nothing_and_one_that_is_none_is_refused():
    assert (Latencies().at(99), Latencies().highest, Latencies().mean) == (0, 0, 0)
    assert Latencies().at(99, never=1) == inf
    assert Latencies.decoded(Latencies().encoded()).count == 0
    with pytest.raises(ValueError, match="no histogram"):
        Latencies.decoded("nonsense")


def test_what_is_beyond_its_range_is_kept_at_its_ends():
    waited = noted([0.0, 1e-9, 10_000.0])
    assert waited.count == 3
    assert waited.highest == pytest.approx(120, rel=1e-3)
