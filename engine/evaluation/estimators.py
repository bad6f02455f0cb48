"""The estimators: from evidence about choices to the value of a policy, each as its paper defines it.

Notation: w = π(a|x)/p the importance weight, r the reward, q(x, a) the reward model's expectation,
q(x, π) = Σ_a π(a|x)·q(x, a). Every estimator is a ratio of sums over the choices, so each returns the
terms of that ratio, and intervals are found the same way for all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Final, TypeAlias

import numpy as np

from engine.evaluation.evidence import Evidence, effective
from engine.evaluation.log import Vector

_GRID: Final = 30


@dataclass(frozen=True, slots=True)
class Terms:
    """The estimate Σ above / Σ below; all arrays (N,).

    Attributes:
        weights: what each reward was weighted with; 0 where none was used.
        noise: what chance in the data does to quantities that `above` takes as known, beyond what
            `above` itself shows: it widens intervals and leaves the estimate alone.
        reach: the width of what `above − v·below` can be for any possible value v; None where
            nothing bounds the estimator's error.
        parameter: the threshold or shrinkage chosen; None for estimators without one.
        mass: how likely the policy chooses anything at all, in [0, 1].
    """

    above: Vector
    below: Vector
    weights: Vector
    noise: Vector
    reach: float | None
    parameter: float | None = None
    mass: float = 1.0

    @property
    def value(self) -> float:
        """The estimate."""
        return float(self.above.sum() / self.below.sum())

    @property
    def uncovered(self) -> float:
        """The share of the policy's choices that the weights leave out, in [0, 1].

        Unclipped weights average 1 (or `mass`) where the log could choose whatever the policy would.
        What is missing is left to the reward model, or to nobody.
        """
        return max(0.0, self.mass - float(self.weights.mean()))

    @property
    def effective_rows(self) -> float:
        """How many rows of equal weight would say as much."""
        return effective(self.weights)


Estimator: TypeAlias = Callable[[Evidence], Terms]


def ips(evidence: Evidence) -> Terms:
    """Inverse propensity score: mean of w·r (Horvitz & Thompson, JASA 1952)."""
    w, r = evidence.weights, evidence.rewards
    reach = _stretch(w, r, 0.0, 0.0)
    return Terms(w * r, np.ones_like(w), w, np.zeros_like(w), reach, mass=_mass(evidence))


def snips(evidence: Evidence) -> Terms:
    """Self-normalised: Σ w·r / Σ w (Swaminathan & Joachims, NeurIPS 2015), times `mass`."""
    w, r, mass = evidence.weights, evidence.rewards, _mass(evidence)
    least, most = reward_range(r)
    reach = float(w.max()) * (most - least)
    return Terms(w * r * mass, w, w, np.zeros_like(w), reach, mass=mass)


def direct(evidence: Evidence) -> Terms:
    """Direct method: mean of q(x, π) (Beygelzimer & Langford, KDD 2009).

    What the regression itself does not know is in `noise`: the implied weights times the residuals.
    Its bias is not: no interval can tell whether the regression is right.
    """
    noise = evidence.implied * evidence.residuals
    none = np.zeros_like(noise)
    centred = noise - noise.mean()
    return Terms(evidence.expected, np.ones_like(noise), none, centred, None, mass=_mass(evidence))


def doubly_robust(evidence: Evidence) -> Terms:
    """Doubly robust: mean of q(x, π) + w·(r − q(x, a)) (Dudík, Langford & Li, ICML 2011)."""
    return _corrected(evidence, evidence.weights)


def switch_dr(evidence: Evidence, threshold: float | None = None) -> Terms:
    """Switch-DR: doubly robust where w ≤ τ, the direct method elsewhere (Wang et al., ICML 2017).

    Without a `threshold` τ it is the one with the least expected squared error, see `least_error`.
    """
    if threshold is not None:
        return switched(evidence, threshold)
    heights = np.quantile(evidence.weights, np.linspace(0.5, 1.0, _GRID))
    return least_error(evidence, (switched(evidence, float(h)) for h in np.unique(heights)[::-1]))


def dr_shrunk(evidence: Evidence, shrinkage: float | None = None) -> Terms:
    """Doubly robust with optimistic shrinkage: w becomes λ·w/(w² + λ) (Su et al., ICML 2020).

    Without a `shrinkage` λ it is the one with the least expected squared error, see `least_error`.
    """
    if shrinkage is not None:
        return shrunk(evidence, shrinkage)
    top = max(float(evidence.weights.max()), 1.0)
    grid = [inf, *np.geomspace(100.0 * top**2, 1.0, _GRID)]
    return least_error(evidence, (shrunk(evidence, float(s)) for s in grid))


ESTIMATORS: Final[dict[str, Estimator]] = {
    "ips": ips,
    "snips": snips,
    "dm": direct,
    "dr": doubly_robust,
    "switch-dr": switch_dr,
    "dr-shrunk": dr_shrunk,
}
"""Every estimator by its name."""


def switched(evidence: Evidence, threshold: float) -> Terms:
    """Switch-DR with a given threshold τ."""
    w = evidence.weights
    return _corrected(evidence, np.where(w <= threshold, w, 0.0), threshold)


def shrunk(evidence: Evidence, shrinkage: float) -> Terms:
    """Doubly robust with a given shrinkage λ; infinity leaves the weights as they are."""
    w = evidence.weights
    return _corrected(evidence, w / (1.0 + w * w / shrinkage), shrinkage)


def least_error(evidence: Evidence, candidates: Iterable[Terms]) -> Terms:
    """The candidate with the least variance + bias², the first of equals.

    The bias is taken to be at most the share of choices the weights leave out times the mean absolute
    residual: how far off the reward model is on average, were all its errors to the same side (after
    Wang et al., ICML 2017, §3.2, who take the largest reward instead of the residual).
    """
    error = float(np.abs(evidence.residuals).mean())

    def expected_error(terms: Terms) -> float:
        return float(terms.above.var()) / len(terms.above) + (terms.uncovered * error) ** 2

    return min(candidates, key=expected_error)


def _corrected(evidence: Evidence, weights: Vector, parameter: float | None = None) -> Terms:
    """The direct method, corrected by what weighted rewards showed it to be off."""
    above = evidence.expected + weights * evidence.residuals
    low, high = float(evidence.predicted.min()), float(evidence.predicted.max())
    reach = float(np.ptp(evidence.expected)) + _stretch(weights, evidence.rewards, low, high)
    ones, none = np.ones_like(above), np.zeros_like(above)
    return Terms(above, ones, weights, none, reach, parameter, _mass(evidence))


def _mass(evidence: Evidence) -> float:
    return float(evidence.mass.mean())


def _stretch(weights: Vector, rewards: Vector, low: float, high: float) -> float:
    """The width of what w·(r − q) can be, with q from `low` to `high`; 0/1 rewards may be either."""
    top = float(weights.max())
    least, most = reward_range(rewards)
    return max(0.0, top * (most - low)) - min(0.0, top * (least - high))


def reward_range(rewards: Vector) -> tuple[float, float]:
    """What a reward can be: 0 to 1 if all are, else the least and the greatest seen."""
    least, most = float(rewards.min()), float(rewards.max())
    return (0.0, 1.0) if least >= 0.0 and most <= 1.0 else (least, most)
