"""Plain: the loops over bins in Python, where nothing was compiled."""

import math
from bisect import bisect_left
from typing import Final

import numpy as np

from engine.experts.binning.loops import (
    BINS,
    FEWEST,
    HELD,
    LEAST,
    LOGS,
    MOST,
    MOST_BINS,
    SEEN,
    SHARE,
    BinningLoops,
    Indexes,
    Numbers,
)
from engine.learning.scaling.loops import LARGEST
from engine.learning.scaling.plain import signed_log


def bin_of(number: float, line: int, edges: Numbers) -> int:
    """In which of its bins a number lies; 0 if it has none."""
    return bisect_left(edges[line].tolist(), number)


def _find(
    numbers: Numbers,
    lines: Indexes,
    sizes: Indexes,
    edges: Numbers,
    columns: Indexes,
    found: Indexes,
) -> int:
    at = (edges[lines] < numbers[:, np.newaxis]).sum(axis=1)
    is_there = np.isfinite(numbers) & (sizes[lines, BINS] > 0)
    hit = columns[lines, at][is_there]
    found[: len(hit)] = hit
    return len(hit)


def _fill(
    numbers: Numbers,
    lines: Indexes,
    enough: float,
    sizes: Indexes,
    edges: Numbers,
    contents: Numbers,
    due: Indexes,
) -> int:
    count = 0
    for n, (number, line) in enumerate(zip(numbers.tolist(), lines.tolist(), strict=True)):
        bins, seen = sizes[line].tolist()
        if not abs(number) < math.inf or seen >= enough:
            continue
        number = max(-LARGEST, min(LARGEST, number))  # noqa: PLW2901  # the same number, within bounds
        content = contents[line, bin_of(number, line, edges)]
        content[HELD] += 1.0
        content[LEAST] = min(content[LEAST], number)
        content[MOST] = max(content[MOST], number)
        content[LOGS] += signed_log(number)
        sizes[line, SEEN] = seen + 1
        is_full = content[HELD] >= max(FEWEST, SHARE * (seen + 1)) and bins < MOST_BINS
        if not bins or (is_full and content[LEAST] < content[MOST]):
            due[count] = n
            count += 1
    return count


PLAIN: Final = BinningLoops(_find, _fill)
