import math
from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.experts.binning.bins import Bins
from engine.experts.binning.loops import MOST_BINS, BinningLoops, Indexes, binning_loops
from engine.experts.binning.plain import PLAIN

FASTEST = binning_loops()
NUMBERS = st.one_of(st.floats(-1e15, 1e15), st.integers(-3, 3).map(float), st.floats())
NAME = "telco.spend"
LINE = np.array([1])


class Columns:
    """Columns as they are asked for, and which were copied."""

    def __init__(self, used: int = 0) -> None:
        self.used = used
        self.copies: list[tuple[int, int]] = []

    def new(self) -> int:
        self.used += 1
        return self.used - 1

    def copy(self, source: int, target: int) -> None:
        self.copies.append((source, target))


def bins(loops: BinningLoops = FASTEST, columns: Columns | None = None) -> Bins:
    columns = Columns() if columns is None else columns
    made = Bins(columns.new, columns.copy, loops)
    made.line_of("another")
    assert made.line_of(NAME) == LINE[0]
    return made


def learn(bins: Bins, *numbers: float) -> None:
    for number in numbers:
        bins.learn_one(np.array([number]), LINE, math.inf)


def found(bins: Bins, number: float) -> list[int]:
    columns: list[int] = bins.find(np.array([number]), LINE).tolist()
    return columns


def edges(bins: Bins) -> list[float]:
    kept: list[float] = bins.state()[NAME]["edges"]
    return kept


@pytest.mark.skipif(FASTEST is PLAIN, reason="engine/native/loops.c is not compiled")
@settings(deadline=None)
@given(st.lists(NUMBERS, max_size=400), st.lists(NUMBERS, max_size=20))
def test_c_and_python_cut_the_same_bins(numbers: list[float], asked: list[float]) -> None:
    one, other = Columns(), Columns()
    compiled, plain = bins(FASTEST, one), bins(PLAIN, other)
    learn(compiled, *numbers)
    learn(plain, *numbers)
    assert compiled.state() == plain.state()
    assert one.copies == other.copies
    assert [found(compiled, n) for n in asked] == [found(plain, n) for n in asked]


@settings(deadline=None)
@given(st.lists(NUMBERS, max_size=400))
def test_every_bin_has_a_column_of_its_own_and_edges_rise(numbers: list[float]) -> None:
    cut = bins()
    learn(cut, *numbers)
    columns = cut.columns_of(NAME)
    assert sorted(columns) == list(range(len(columns)))
    assert len(columns) <= MOST_BINS
    if columns:
        told = edges(cut)
        assert len(told) == len(columns) - 1
        assert all(low < high for low, high in pairwise(told))


@settings(deadline=None)
@given(st.lists(NUMBERS, max_size=200), st.lists(NUMBERS, max_size=200))
def test_restored_bins_are_cut_on_alike(before: list[float], after: list[float]) -> None:
    columns = Columns()
    kept = bins(columns=columns)
    learn(kept, *before)
    restored = bins(columns=Columns(columns.used))
    restored.restore(orjson.loads(orjson.dumps(kept.state())))
    learn(kept, *after)
    learn(restored, *after)
    assert kept.state() == restored.state()


def test_what_an_earlier_version_kept_is_read() -> None:
    contents = [[3, 0.0, 1.0, 1.5], None, [1, 9.0, 9.0, 2.25]]
    kept = {NAME: {"seen": 64, "edges": [1.0, 5.0], "columns": [4, 2, 7], "contents": contents}}
    restored = bins()
    restored.restore(kept)
    assert restored.state() == kept
    assert [found(restored, n) for n in (0.5, 1.0, 1.5, 5.0, 99.0)] == [[4], [4], [2], [2], [7]]


def test_a_new_bin_lies_below_its_parent_and_begins_with_its_weights() -> None:
    columns = Columns()
    cut = bins(columns=columns)
    learn(cut, *[float(n % 2) for n in range(40)])
    assert cut.columns_of(NAME) == [1, 0]
    assert columns.copies == [(0, 1)]
    assert (found(cut, 0.0), found(cut, 1.0)) == ([1], [0])


def test_values_of_any_magnitude_are_told_apart() -> None:
    cut = bins()
    learn(cut, *[math.exp(n % 40) for n in range(2_000)])
    assert len(edges(cut)) > 8
    assert edges(cut)[0] < math.exp(5)
    assert edges(cut)[-1] > math.exp(30)


def test_one_value_only_is_never_cut() -> None:
    cut = bins()
    learn(cut, *[7.0] * 500)
    assert edges(cut) == []


def test_a_range_that_was_never_seen_is_cut_once_values_come_there() -> None:
    cut = bins()
    learn(cut, *[float(n % 10) for n in range(1_000)])
    learn(cut, *[1_000.0 + n % 10 for n in range(1_000)])
    assert sum(edge >= 1_000.0 for edge in edges(cut)) >= 2


@pytest.mark.parametrize("loops", [FASTEST, PLAIN], ids=["fastest", "plain"])
def test_what_was_seen_often_enough_is_not_counted(loops: BinningLoops) -> None:
    counted = bins(loops)
    for number in range(10):
        counted.learn_one(np.array([float(number)]), LINE, 4)
    assert counted.state()[NAME]["seen"] == 4


@pytest.mark.parametrize("loops", [FASTEST, PLAIN], ids=["fastest", "plain"])
def test_half_a_number_more_is_one_more(loops: BinningLoops) -> None:
    often = bins(loops)
    for _ in range(3):
        often.learn_one(np.array([1.0]), LINE, 1.5)
    assert often.state()[NAME]["seen"] == 2


def test_lines_are_added_without_forgetting() -> None:
    cut = bins()
    learn(cut, *[float(n % 7) for n in range(100)])
    before = cut.state()
    lines: Indexes = np.array([cut.line_of(f"number {n}") for n in range(100)])
    assert cut.state() == before
    cut.learn_one(np.arange(100.0), lines, math.inf)
    assert len(cut.state()) == 101
