"""How good predictions were: told apart, of the right size, and worth following."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.lift import Z95

Numbers = npt.NDArray[np.float64]

BINS: Final = 10
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and where it lies with 95 %."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """From `low` to `high`."""
        return self.low, self.high


def auc(propensities: Numbers, rewards: Numbers) -> Estimate | None:
    """How often of a taker and another the taker had the higher propensity, ties counting half.

    Shapes (N,), rewards in [0, 1]: a reward r counts as r of a taker and 1 − r of another. None without
    at least one of each. The interval is Hanley & McNeil's (Radiology 143, 1982).

    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])).value
    0.75
    """
    takers, others = float(rewards.sum()), float((1.0 - rewards).sum())
    if takers < 1.0 or others < 1.0:
        return None
    _, where = np.unique(propensities, return_inverse=True)
    taking = np.bincount(where, rewards)
    rest = np.bincount(where, 1.0 - rewards)
    below = np.cumsum(rest) - rest
    area = float(taking @ (below + rest / 2.0)) / (takers * others)
    margin = Z95 * sqrt(_variance(area, takers, others))
    return Estimate(area, max(0.0, area - margin), min(1.0, area + margin))


def _variance(area: float, takers: float, others: float) -> float:
    """At areas of 0 and 1, where the formula gives 0, that of a pair more than was seen."""
    inside = 1.0 / (takers * others + 1.0)
    area = min(max(area, inside), 1.0 - inside)
    first, second = area / (2.0 - area), 2.0 * area * area / (1.0 + area)
    spread = (takers - 1.0) * (first - area * area) + (others - 1.0) * (second - area * area)
    return max(0.0, area * (1.0 - area) + spread) / (takers * others)


@dataclass(frozen=True, slots=True)
class Bin:
    """Offers of about the same propensity: how many, what was expected of them, and what came."""

    offers: int
    expected: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether propensities mean what they say.

    Attributes:
        bins: at most ten, of about equally many offers, by rising propensity.
        error: the mean distance of expected and observed over the bins, weighted by offers.
        ratio: what was expected over what came; infinite if nothing came. None if nothing was expected.
    """

    bins: tuple[Bin, ...]
    error: float
    ratio: Estimate | None


def calibration(propensities: Numbers, rewards: Numbers) -> Calibration:
    """How far the propensities of one model are from the rewards; shapes (N,), N at least 1."""
    edges = np.quantile(propensities, np.linspace(0.0, 1.0, BINS + 1)[1:-1])
    where = np.searchsorted(np.unique(edges), propensities, side="right")
    bins = tuple(
        _bin(propensities[where == place], rewards[where == place]) for place in np.unique(where)
    )
    error = sum(one.offers * abs(one.expected - one.observed.value) for one in bins)
    whole = _bin(propensities, rewards)
    return Calibration(bins, error / len(rewards), _ratio(whole))


def _bin(propensities: Numbers, rewards: Numbers) -> Bin:
    return Bin(len(rewards), float(propensities.mean()), rate(float(rewards.sum()), len(rewards)))


def _ratio(whole: Bin) -> Estimate | None:
    expected, seen = whole.expected, whole.observed
    if expected <= 0.0:
        return None
    values = [
        expected / part if part > 0.0 else np.inf for part in (seen.value, seen.high, seen.low)
    ]
    return Estimate(*map(float, values))


def rate(positives: float, count: int) -> Estimate:
    """A share with Wilson's interval (JASA 22, 1927); `positives` may be a sum of rewards.

    >>> rate(0.0, 0)
    Estimate(value=0.0, low=0.0, high=1.0)
    """
    if not count:
        return Estimate(0.0, 0.0, 1.0)
    share, squared = positives / count, Z95 * Z95
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    spread = sqrt(share * (1 - share) / count + squared / (4 * count * count))
    margin = Z95 * spread / (1 + squared / count)
    return Estimate(
        share, min(share, max(0.0, middle - margin)), max(share, min(1.0, middle + margin))
    )


def losses(propensities: Numbers, rewards: Numbers) -> Numbers:
    """The log-loss of each offer, −r·ln p − (1 − r)·ln(1 − p), shape (N,)."""
    p = np.clip(propensities, _LEAST, 1.0 - _LEAST)
    found: Numbers = -(rewards * np.log(p) + (1.0 - rewards) * np.log1p(-p))
    return found


def gains(propensities: Numbers, rewards: Numbers, points: int = 100) -> tuple[Numbers, Numbers]:
    """What share of all rewards the share of offers with the highest propensities has, both ascending.

    Offers of equal propensity share theirs evenly. Both arrays begin with 0 and end with 1.
    """
    values, where, counts = np.unique(-propensities, return_inverse=True, return_counts=True)
    offers = np.concatenate(([0.0], np.cumsum(counts) / len(propensities)))
    taken = np.concatenate(([0.0], np.cumsum(np.bincount(where, rewards, len(values)))))
    total = taken[-1] if taken[-1] > 0.0 else 1.0
    shares = np.linspace(0.0, 1.0, points + 1)
    return shares, np.interp(shares, offers, taken / total)
