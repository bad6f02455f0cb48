"""Intervals at 95 %: how far the value of a policy may be from its estimate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from engine.evaluation.estimators import Terms
from engine.evaluation.log import Indexes, Vector

LEVEL: Final = 0.95
RESAMPLES: Final = 2_000
MOST_UNITS: Final = 5_000
"""More units than this are first dealt out at random to so many groups, which are then resampled."""

_NORMAL: Final = NormalDist()
_HALVINGS: Final = 60
_STEEPEST: Final = 0.1
_LEAST_FREEDOM: Final = 3.0
_LEAST_EXCESS: Final = 1e-9


class Interval(NamedTuple):
    """Where the value lies, with a confidence of `LEVEL`."""

    low: float
    high: float

    def covers(self, value: float) -> bool:
        """Whether `value` lies in it."""
        return self.low <= value <= self.high

    def within(self, low: float, high: float) -> "Interval":
        """What of it lies from `low` to `high`, where the value is known to be."""
        return Interval(min(max(self.low, low), high), max(min(self.high, high), low))


@dataclass(frozen=True, slots=True)
class Sums:
    """The terms of an estimate, summed by unit: sums of different units are independent; arrays (U,).

    `most` is the number of choices of the unit that has most.
    """

    above: Vector
    below: Vector
    noise: Vector
    most: int

    @classmethod
    def of(cls, terms: Terms, units: Indexes) -> Self:
        """The sums of `terms` by unit, `units` numbering them from 0."""
        above, below, noise = (
            np.bincount(units, column).astype(np.float64)
            for column in (terms.above, terms.below, terms.noise)
        )
        return cls(above, below, noise, int(np.bincount(units).max()))

    @property
    def value(self) -> float:
        """The estimate."""
        return float(self.above.sum() / self.below.sum())

    @property
    def standard_error(self) -> float:
        """That of a ratio (Cochran, Sampling Techniques, 3rd ed., §6.3), with units as what is drawn.

        Infinite for fewer than two units.
        """
        units = len(self.above)
        if units < 2:
            return inf
        moved = _influences(self.above + self.noise, self.below, self.value)
        variance = float(moved @ moved) / (units - 1) * units
        return sqrt(variance) / float(self.below.sum())


def bootstrap(sums: Sequence[Sums], seed: int = 0) -> list[Interval]:
    """One interval for each estimate over the same units, from the same `RESAMPLES` resamples.

    Resamples in which an estimate is not defined, because no row of weight is in them, count for nothing.

    Bias-corrected and accelerated percentiles (BCa: Efron, "Better bootstrap confidence intervals",
    JASA 1987), right to the second order where contributions are skewed, as weighted rewards are,
    and expanded by Student's t (Hesterberg, "What teachers should know about the bootstrap", The
    American Statistician 2015) where few rows decide and the sample's variance is too small as a rule.
    """
    pooled = _pooled(sums, seed)
    groups = pooled.shape[-1]
    random = np.random.default_rng(seed)
    drawn = np.empty((RESAMPLES, *pooled.shape[:2]))
    for at in range(RESAMPLES):
        counts = np.bincount(random.integers(groups, size=groups), minlength=groups)
        drawn[at] = pooled @ counts
    above, below, noise = pooled
    values = above.sum(axis=1) / below.sum(axis=1)
    drift = noise.sum(axis=1) / below.sum(axis=1)
    defined = drawn[:, 1] > 0.0
    resampled = (drawn[:, 0] + drawn[:, 2]) / np.where(defined, drawn[:, 1], 1.0) - drift
    return [
        _bca(
            resampled[defined[:, at], at],
            value,
            _influences(above[at] + noise[at], below[at], value),
        )
        for at, value in enumerate(values.tolist())
    ]


def bernstein(sums: Sums, reach: float, within: tuple[float, float]) -> Interval:
    """The empirical Bernstein interval (Maurer & Pontil, COLT 2009, Theorem 4), for any sample size.

    It holds every value v in `within`, where the value is known to lie, for which the mean of
    `above − v·below` may still be 0; for one choice that term has a range of `reach` at most.
    """
    units = len(sums.above)
    if units < 2:
        return Interval(*within)
    tail = log(4.0 / (1.0 - LEVEL))
    margin = 7.0 * reach * sums.most * tail / (3.0 * (units - 1))

    def possible(value: float) -> bool:
        term = sums.above - value * sums.below
        spread = sqrt(2.0 * float(term.var(ddof=1)) * tail / units)
        return abs(float(term.mean())) <= spread + margin

    start = min(max(sums.value, within[0]), within[1])
    return Interval(_farthest(possible, start, within[0]), _farthest(possible, start, within[1]))


def _influences(above: Vector, below: Vector, value: float) -> Vector:
    """By how much each unit pulls a ratio away from `value`, around its mean."""
    moved = above - value * below
    centred: Vector = moved - moved.mean()
    return centred


def _pooled(sums: Sequence[Sums], seed: int) -> npt.NDArray[np.float64]:
    """Above, below and noise of each estimate by group of units, (3, estimates, groups)."""
    columns = np.array([[one.above, one.below, one.noise] for one in sums]).transpose(1, 0, 2)
    units = columns.shape[-1]
    if units <= MOST_UNITS:
        return columns
    order = np.random.default_rng(seed).permutation(units)
    starts = np.linspace(0, units, MOST_UNITS, endpoint=False).astype(np.intp)
    groups: npt.NDArray[np.float64] = np.add.reduceat(columns[..., order], starts, axis=-1)
    return groups


def _bca(resampled: Vector, value: float, influences: Vector) -> Interval:
    """The percentiles of resampled estimates, corrected for bias and skew, and expanded."""
    squares = float(influences @ influences)
    if squares <= 0.0:
        return Interval(value, value)
    acceleration = float(np.sum(influences**3)) / (6.0 * squares**1.5)
    below = float(np.sum(resampled < value) + np.sum(resampled <= value) + 1.0) / 2.0
    bias = _NORMAL.inv_cdf(below / (len(resampled) + 1.0))
    reach = student(_NORMAL.inv_cdf((1.0 + LEVEL) / 2.0), freedom(influences))

    def percentile(deviations: float) -> float:
        shifted = bias + deviations
        corrected = bias + shifted / max(1.0 - acceleration * shifted, _STEEPEST)
        return float(np.quantile(resampled, _NORMAL.cdf(corrected)))

    return Interval(percentile(-reach), percentile(reach))


def freedom(influences: Vector) -> float:
    """The degrees of freedom of the variance of `influences`, which have mean 0; at least 3.

    As many as would make a normal sample's variance as uncertain as this one is: 2·U/(κ − 1) with κ
    the kurtosis (Satterthwaite 1946). Few where a handful of heavily weighted rows decide.

    >>> freedom(np.array([-1.0, 0.0, 0.0, 1.0] * 100))
    800.0
    """
    squares = np.square(influences)
    kurtosis = float(np.square(squares).mean() / squares.mean() ** 2)
    return max(2.0 * len(influences) / max(kurtosis - 1.0, _LEAST_EXCESS), _LEAST_FREEDOM)


def student(z: float, degrees: float) -> float:
    """The quantile of Student's t at the level of the normal quantile `z`, for 3 degrees and more.

    By the expansion of Abramowitz & Stegun, 26.7.5; 3 % too small at 3 degrees, 0.5 % at 5.

    >>> round(student(1.959964, 10.0), 2)
    2.23
    """
    return (
        z
        + (z**3 + z) / (4.0 * degrees)
        + (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / (96.0 * degrees**2)
        + (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / (384.0 * degrees**3)
    )


def _farthest(possible: Callable[[float], bool], near: float, far: float) -> float:
    """The value farthest from `near` towards `far` that is still possible, as `near` is."""
    if possible(far):
        return far
    for _ in range(_HALVINGS):
        middle = (near + far) / 2.0
        near, far = (middle, far) if possible(middle) else (near, middle)
    return near
