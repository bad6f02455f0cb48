"""Learn: what is done once for every number that has bins, as machine code where it was compiled.

As in `engine.kernels.loops`, each loop is written twice, with the same answers to the last bit.

Whoever changes a number here changes it in `engine/native/loops.c`, too; a test compares them.
"""

from functools import cache
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.native import compiled

Numbers = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

MOST_BINS: Final = 32
"""Into how many bins a number's range is cut at most."""

FEWEST: Final = 30
SHARE: Final = 3 / MOST_BINS
"""A bin is full that holds at least so many numbers, and this share of all."""

BINS: Final = 0
SEEN: Final = 1
"""What a number's line of sizes says: how many bins it has, and how many numbers were learned."""

HELD: Final = 0
LEAST: Final = 1
MOST: Final = 2
LOGS: Final = 3
"""What is known of a bin since it was cut: how many it holds, their range, the sum of signed logarithms."""


class Find(Protocol):
    """The bins of a customer's numbers."""

    def __call__(
        self,
        numbers: Numbers,
        lines: Indexes,
        sizes: Indexes,
        edges: Numbers,
        columns: Indexes,
        found: Indexes,
        /,
    ) -> int:
        """Writes to `found` the column of each number's bin; returns how many there are.

        `numbers`, shape (N,), have none where they are not finite; `lines` says for each which line of
        the rest is its own: `sizes`, shape (L, 2), `edges`, (L, MOST_BINS − 1), of each bin but the last
        the greatest number, then infinity, and `columns`, (L, MOST_BINS).
        """


class Fill(Protocol):
    """Numbers, put into the bins they lie in."""

    def __call__(
        self,
        numbers: Numbers,
        lines: Indexes,
        enough: float,
        sizes: Indexes,
        edges: Numbers,
        contents: Numbers,
        due: Indexes,
        /,
    ) -> int:
        """Puts those in of which fewer than `enough` were seen; `contents` is (L, MOST_BINS, 4).

        Writes to `due` the places of those that have no bin yet, or whose bin is full and may be cut;
        returns how many there are. Other arguments are those of `Find`.
        """


class BinningLoops(NamedTuple):
    """The two, one way or the other."""

    find: Find
    fill: Fill


@cache
def binning_loops() -> BinningLoops:
    """The loops of this machine."""
    from engine.experts.binning.plain import PLAIN

    return PLAIN if compiled is None else BinningLoops(compiled.find_bins, compiled.fill_bins)
