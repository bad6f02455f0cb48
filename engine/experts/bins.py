"""Learn: a number's range cut where its values are, finer as more of them are seen."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

MOST_BINS: Final = 32
"""Into how many bins a number's range is cut at most."""

_FEWEST: Final = 30
_SHARE: Final = 3 / MOST_BINS


class Bins:
    """The bins of one number. A bin that holds too much of what was seen is cut at its middle.

    The new bin begins with its parent's weights, so a cut changes no propensity. Nothing is ever
    merged: where values move to a range not seen before, the bin at that end is cut as they come.

    >>> columns = iter(range(99))
    >>> bins = Bins(lambda: next(columns))
    >>> [cut for n in range(40) if (cut := bins.learn_one(float(n % 2)))]
    [(0, 1)]
    >>> bins.columns, [0.0 <= edge < 1.0 for edge in bins.edges]
    ([1, 0], [True])

    Attributes:
        edges: the greatest number of each bin but the last; always the same list.
        columns: the column of each bin; always the same list, empty before the first number.
        seen: how many numbers were learned.
    """

    __slots__ = ("_contents", "_new_column", "columns", "edges", "seen")

    def __init__(self, new_column: Callable[[], int]) -> None:
        self.seen = 0
        self._new_column = new_column
        self.edges: list[float] = []
        self.columns: list[int] = []
        self._contents: list[_Content] = []

    def learn_one(self, number: float) -> tuple[int, int] | None:
        """Takes a finite number into account; the parent's and the new column if a bin was cut."""
        if not self.columns:
            self.columns.append(self._new_column())
            self._contents.append(_EMPTY)
        at = bisect_left(self.edges, number)
        content = self._contents[at] = self._contents[at].with_one(number)
        self.seen += 1
        is_full = content.seen >= max(_FEWEST, _SHARE * self.seen)
        return self._cut(at, content) if is_full and len(self.columns) < MOST_BINS else None

    def state(self) -> dict[str, Any]:
        """Everything, as JSON, for `restore`."""
        return {
            "seen": self.seen,
            "edges": self.edges,
            "columns": self.columns,
            "contents": [list(c) if c.seen else None for c in self._contents],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up where the bins that wrote `state` stood."""
        self.seen = state["seen"]
        self.edges[:] = state["edges"]
        self.columns[:] = state["columns"]
        self._contents = [_Content(*c) if c else _EMPTY for c in state["contents"]]

    def _cut(self, at: int, content: "_Content") -> tuple[int, int] | None:
        """What lies above the middle stays with the parent, what lies below gets the new column."""
        edge = content.middle
        if not content.least <= edge < content.most:
            return None
        parent, new = self.columns[at], self._new_column()
        self.edges.insert(at, edge)
        self.columns.insert(at, new)
        self._contents[at : at + 1] = [_EMPTY, _EMPTY]
        return parent, new


class _Content(NamedTuple):
    """What was seen in one bin since it was cut: how much, its range, the sum of signed logarithms."""

    seen: int
    least: float
    most: float
    logs: float

    def with_one(self, number: float) -> "_Content":
        log = math.copysign(math.log1p(abs(number)), number)
        least, most = min(self.least, number), max(self.most, number)
        return _Content(self.seen + 1, least, most, self.logs + log)

    @property
    def middle(self) -> float:
        """The mean on the scale of signed logarithms, which amounts of any magnitude can share."""
        log = self.logs / self.seen
        return math.copysign(math.expm1(abs(log)), log)


_EMPTY: Final = _Content(0, math.inf, -math.inf, 0.0)
