"""Encoding: what is done once for every number of a customer, as machine code where it was compiled.

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

LARGEST: Final = 1e15
"""Numbers count as no larger than this in magnitude."""

CLIP: Final = 4.0
"""No standardised number is further from 0 than this."""

BIAS_VALUE: Final = 2.0
"""What the column is multiplied with that is the same for everybody."""

OUTLIER: Final = 10.0
"""A value so many deviations away counts as just so many, once `SETTLED` values are known."""

SETTLED: Final = 30

COUNT: Final = 0
MEAN: Final = 1
VARIANCE: Final = 2
INVERSE: Final = 3
LOG_MEAN: Final = 4
LOG_VARIANCE: Final = 5
LOG_INVERSE: Final = 6
"""What a number's line holds: how often it was learned, then of the number and of its signed logarithm
the mean, the variance, and 1 / deviation, which is 0 while all values have been equal."""

WIDTH: Final = 7
"""The length of a line."""


class Scale(Protocol):
    """Numbers, standardised."""

    def __call__(
        self,
        numbers: Numbers,
        places: Indexes,
        lines: Numbers,
        scale: float,
        known: int,
        columns: Indexes,
        values: Numbers,
        /,
    ) -> int:
        """Writes the values of the first `known` columns, then what numbers say; how many there are then.

        The first column is the one that is the same for everybody; all others known are worth `scale`.

        `numbers`, shape (N,), are missing where they are not finite; `lines`, shape (L, WIDTH), is what
        is known of each. `places`, shape (N, 4), says in which line, and in which column the number is
        told, its signed logarithm, and that it is missing. What is 0 is not told; whatever is told is
        multiplied by `scale`.
        """


class Measure(Protocol):
    """Means and deviations, kept up to date."""

    def __call__(self, numbers: Numbers, places: Indexes, lines: Numbers, enough: float, /) -> None:
        """Learns the numbers that are there and were learned less than `enough` times.

        Arguments as for `Scale`. Mean and variance are those of Welford's method, as river's
        `preprocessing.StandardScaler` reckons them.
        """


class ScalingLoops(NamedTuple):
    """The two, one way or the other."""

    scale: Scale
    measure: Measure


@cache
def scaling_loops() -> ScalingLoops:
    """The loops of this machine."""
    from engine.learning.scaling.plain import PLAIN

    return PLAIN if compiled is None else ScalingLoops(compiled.scale, compiled.measure)
