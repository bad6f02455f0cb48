"""Learn: a number's range cut where its values are, finer as more of them are seen."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from engine.experts.binning.loops import (
    BINS,
    HELD,
    LEAST,
    LOGS,
    MOST,
    MOST_BINS,
    SEEN,
    BinningLoops,
    Indexes,
    Numbers,
)
from engine.experts.binning.plain import bin_of

_FIRST_LINES: Final = 16
_EMPTY: Final = np.array((0.0, math.inf, -math.inf, 0.0))


class Bins:
    """The bins of all numbers, a line each. A bin that holds too much is cut at its middle.

    The new bin begins with its parent's weights, so a cut changes no propensity. Nothing is ever
    merged: where values move to a range not seen before, the bin at that end is cut as they come.

    >>> from engine.experts.binning.plain import PLAIN
    >>> cuts, columns = [], iter(range(99))
    >>> bins = Bins(lambda: next(columns), lambda *cut: cuts.append(cut), PLAIN)
    >>> lines = np.array([bins.line_of("customer.age")])
    >>> for n in range(40):
    ...     bins.learn_one(np.array([n % 2.0]), lines, math.inf)
    >>> cuts, bins.columns_of("customer.age"), bins.find(np.array([1.0]), lines).tolist()
    ([(0, 1)], [1, 0], [0])
    """

    __slots__ = (
        "_columns",
        "_contents",
        "_copy_column",
        "_edges",
        "_lines",
        "_loops",
        "_new_column",
        "_sizes",
    )

    def __init__(
        self,
        new_column: Callable[[], int],
        copy_column: Callable[[int, int], object],
        loops: BinningLoops,
    ) -> None:
        """`new_column` makes room for a bin, `copy_column` gives one what another has (from, to)."""
        self._new_column = new_column
        self._copy_column = copy_column
        self._loops = loops
        self._lines: dict[str, int] = {}
        self._sizes: Indexes = np.zeros((_FIRST_LINES, 2), np.intp)
        self._edges: Numbers = np.full((_FIRST_LINES, MOST_BINS - 1), math.inf)
        self._columns: Indexes = np.zeros((_FIRST_LINES, MOST_BINS), np.intp)
        self._contents: Numbers = np.tile(_EMPTY, (_FIRST_LINES, MOST_BINS, 1))

    def line_of(self, name: str) -> int:
        """The line of a number, new if need be."""
        line = self._lines.setdefault(name, len(self._lines))
        if line == len(self._sizes):
            self._sizes = np.concatenate((self._sizes, np.zeros_like(self._sizes)))
            self._edges = np.concatenate((self._edges, np.full_like(self._edges, math.inf)))
            self._columns = np.concatenate((self._columns, np.zeros_like(self._columns)))
            empty = np.tile(_EMPTY, (line, MOST_BINS, 1))
            self._contents = np.concatenate((self._contents, empty))
        return line

    def columns_of(self, name: str) -> list[int]:
        """The columns of a number's bins, from the lowest."""
        line = self.line_of(name)
        columns: list[int] = self._columns[line, : self._sizes[line, BINS]].tolist()
        return columns

    def find(self, numbers: Numbers, lines: Indexes, room: int = 0) -> Indexes:
        """The columns of the bins in which numbers lie; none for what is no number, or was never seen.

        Leaves `room` at the end for so many columns more.
        """
        found = np.empty(len(lines) + room, np.intp)
        count = self._loops.find(numbers, lines, self._sizes, self._edges, self._columns, found)
        return found[: count + room]

    def learn_one(self, numbers: Numbers, lines: Indexes, enough: float) -> None:
        """Takes those numbers into account of which fewer than `enough` were seen."""
        due = np.empty(len(lines), np.intp)
        count = self._loops.fill(
            numbers, lines, enough, self._sizes, self._edges, self._contents, due
        )
        for at in due[:count].tolist():
            self._divide(lines.item(at), numbers.item(at))

    def least_seen(self, lines: Indexes) -> float:
        """How often the number was seen that was seen least; infinitely often if there is none."""
        seen: float = self._sizes[lines, SEEN].min(initial=np.iinfo(np.intp).max)
        return seen

    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON, by name and in the order of names."""
        return {name: self._state(name) for name in sorted(self._lines) if self._seen(name)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up where the bins that wrote `state` stood."""
        for name, kept in state.items():
            line, bins = self.line_of(name), len(kept["columns"])
            self._sizes[line] = bins, kept["seen"]
            self._edges[line, : max(bins - 1, 0)] = kept["edges"]
            self._columns[line, :bins] = kept["columns"]
            for at, content in enumerate(kept["contents"]):
                self._contents[line, at] = content or _EMPTY

    def _seen(self, name: str) -> int:
        seen: int = self._sizes.item(self._lines[name], SEEN)
        return seen

    def _state(self, name: str) -> dict[str, Any]:
        line = self._lines[name]
        bins, seen = self._sizes[line].tolist()
        return {
            "seen": seen,
            "edges": self._edges[line, : bins - 1].tolist(),
            "columns": self._columns[line, :bins].tolist(),
            "contents": [
                [int(held), *rest] if held else None
                for held, *rest in self._contents[line, :bins].tolist()
            ],
        }

    def _divide(self, line: int, number: float) -> None:
        """Makes a number's first bin, or cuts the one it lies in.

        What lies above the middle stays with the parent, what lies below gets the new column.
        """
        if not self._sizes[line, BINS]:
            self._columns[line, 0], self._sizes[line, BINS] = self._new_column(), 1
            return
        at = bin_of(number, line, self._edges)
        content = self._contents[line, at].tolist()
        edge = _middle(content)
        if not content[LEAST] <= edge < content[MOST]:
            return
        parent, new = self._columns.item(line, at), self._new_column()
        for table in (self._edges, self._columns, self._contents):
            table[line, at + 1 :] = table[line, at:-1].copy()
        self._edges[line, at], self._columns[line, at] = edge, new
        self._contents[line, at : at + 2] = _EMPTY
        self._sizes[line, BINS] += 1
        self._copy_column(parent, new)


def _middle(content: list[float]) -> float:
    """The mean on the scale of signed logarithms, which amounts of any magnitude can share."""
    log = content[LOGS] / content[HELD]
    return math.copysign(math.expm1(abs(log)), log)
