"""Compiled: the loops over bins as machine code by numba."""

import math
from typing import Final

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
from engine.kernels.compiled import inlined, machine_code
from engine.learning.scaling.loops import LARGEST


@inlined
def _bin_of(number: float, line: int, bins: int, edges: Numbers) -> int:
    low, high = 0, max(bins - 1, 0)
    while low < high:
        middle = (low + high) // 2
        if edges[line, middle] < number:
            low = middle + 1
        else:
            high = middle
    return low


@machine_code("i8(f8[::1],i8[::1],i8[:,::1],f8[:,::1],i8[:,::1],i8[::1])")
def _find(
    numbers: Numbers,
    lines: Indexes,
    sizes: Indexes,
    edges: Numbers,
    columns: Indexes,
    found: Indexes,
) -> int:
    count = 0
    for n in range(len(numbers)):
        number, line = numbers[n], lines[n]
        bins = sizes[line, BINS]
        if abs(number) < math.inf and bins > 0:
            found[count] = columns[line, _bin_of(number, line, bins, edges)]
            count += 1
    return count


@machine_code("i8(f8[::1],i8[::1],f8,i8[:,::1],f8[:,::1],f8[:,:,::1],i8[::1])")
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
    for n in range(len(numbers)):
        number, line = numbers[n], lines[n]
        bins, seen = sizes[line, BINS], sizes[line, SEEN] + 1
        if not abs(number) < math.inf or seen > enough:
            continue
        number = max(-LARGEST, min(LARGEST, number))
        log = math.log1p(number) if number >= 0.0 else -math.log1p(-number)
        at = _bin_of(number, line, bins, edges)
        held = contents[line, at, HELD] + 1.0
        least = min(contents[line, at, LEAST], number)
        most = max(contents[line, at, MOST], number)
        contents[line, at, HELD] = held
        contents[line, at, LEAST] = least
        contents[line, at, MOST] = most
        contents[line, at, LOGS] += log
        sizes[line, SEEN] = seen
        is_full = held >= max(FEWEST, SHARE * seen) and bins < MOST_BINS
        if bins == 0 or (is_full and least < most):
            due[count] = n
            count += 1
    return count


COMPILED: Final = BinningLoops(_find, _fill)
"""Importing this module raises ImportError where numba is not installed."""
