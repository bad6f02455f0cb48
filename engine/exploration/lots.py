"""Place: slots filled by lot, for the experiments that let chance alone decide."""

import numpy as np
import numpy.typing as npt

from engine.exploration.chance import Chance

Vector = npt.NDArray[np.float64]


def draw_lots(weights: Vector, slots: int, chance: Chance) -> list[tuple[int, float]]:
    """Fills `slots` from the candidates, without replacement: (position, probability) for each slot.

    For each slot every candidate left draws a uniform number in [0, 1), anew, and the greatest product
    of number and weight wins. So equal weights have equal chances. `weights`, shape (K,), are finite;
    below 0 counts as 0, and where all are 0 they count as equal. The probability is the exact one
    with which this candidate was chosen for this slot, given the slots before it.

    >>> draw_lots(np.array([2.0, 1.0]), 2, Chance(3))
    [(1, 0.25), (0, 1.0)]
    """
    left = np.arange(len(weights))
    weights = np.maximum(weights, 0.0)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < min(slots, len(weights)):
        drawn = np.array([chance.uniform() for _ in left])
        own = weights[left]
        if not own.any():
            own = np.ones(len(left))
        at = int(np.argmax(drawn * own))
        chosen.append((int(left[at]), _chance_of(own, at)))
        left = np.delete(left, at)
    return chosen


def _chance_of(weights: Vector, at: int) -> float:
    """∫₀¹ Π min(1, u · w / w_j) du over the others j: that `at` beats all of them.

    A candidate j is beaten for certain from u = w_j / w on; between two such points the integrand
    is a power of u.
    """
    own = weights[at]
    if own <= 0.0:
        return 0.0
    edges = np.sort(np.delete(weights, at) / own)
    edges = edges[edges > 0.0]
    total, low = 0.0, 0.0
    above = float(np.log(edges).sum())
    for passed, edge in enumerate(edges.tolist()):
        high, power = min(edge, 1.0), len(edges) - passed
        total += _area(low, high, power, above)
        low = high
        above -= float(np.log(edge))
    return min(total + max(1.0 - low, 0.0), 1.0)


def _area(low: float, high: float, power: int, above: float) -> float:
    """∫ u^power du from `low` to `high`, over e^`above`."""
    if high <= low:
        return 0.0
    grown = float(np.exp((power + 1) * np.log(high) - above))
    before = float(np.exp((power + 1) * np.log(low) - above)) if low > 0.0 else 0.0
    return (grown - before) / (power + 1)
