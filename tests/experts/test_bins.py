import math
from itertools import count

import orjson
from hypothesis import given
from hypothesis import strategies as st

from engine.experts.bins import MOST_BINS, Bins

NUMBERS = st.floats(-1e15, 1e15)


def bins() -> Bins:
    columns = count()
    return Bins(lambda: next(columns))


@given(st.lists(st.one_of(NUMBERS, st.integers(-3, 3).map(float)), max_size=400))
def test_every_bin_has_a_column_of_its_own_and_edges_rise(numbers: list[float]) -> None:
    cut = bins()
    for number in numbers:
        cut.learn_one(number)
    assert len(cut.columns) == (len(cut.edges) + 1 if numbers else 0)
    assert sorted(cut.columns) == list(range(len(cut.columns)))
    assert all(low < high for low, high in zip(cut.edges, cut.edges[1:], strict=False))
    assert len(cut.columns) <= MOST_BINS


@given(st.lists(NUMBERS, max_size=200), st.lists(NUMBERS, max_size=200))
def test_restored_bins_are_cut_on_alike(before: list[float], after: list[float]) -> None:
    kept = bins()
    for number in before:
        kept.learn_one(number)
    restored = Bins(count(len(kept.columns)).__next__)
    restored.restore(orjson.loads(orjson.dumps(kept.state())))
    cuts = [(kept.learn_one(number), restored.learn_one(number)) for number in after]
    assert all(one == other for one, other in cuts)
    assert kept.state() == restored.state()


def test_values_of_any_magnitude_are_told_apart() -> None:
    cut = bins()
    for n in range(2_000):
        cut.learn_one(math.exp(n % 40))
    assert len(cut.columns) > 8
    assert cut.edges[0] < math.exp(5)
    assert cut.edges[-1] > math.exp(30)


def test_one_value_only_is_never_cut() -> None:
    cut = bins()
    assert [cut.learn_one(7.0) for _ in range(500)] == [None] * 500
    assert cut.edges == []


def test_a_range_that_was_never_seen_is_cut_once_values_come_there() -> None:
    cut = bins()
    for n in range(1_000):
        cut.learn_one(float(n % 10))
    for n in range(1_000):
        cut.learn_one(1_000.0 + n % 10)
    assert sum(edge >= 1_000.0 for edge in cut.edges) >= 2
