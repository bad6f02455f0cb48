"""Uplift, fourth step: the weights, averaged over which columns may matter and how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.uplift.parts import Numbers

_SCALES: Final = (0.25, 0.5, 1.0, 2.0)
_OUT: Final = 1e4
_SWEEPS: Final = 60
_UNCOUNTED: Final = 10
_FRESH: Final = 10
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """Weights that are all zero or not: where they are, and how likely the latter is beforehand."""

    columns: slice
    chance: float


@dataclass(frozen=True, slots=True)
class Averaged:
    """The mean weights, and of each candidate the probability that it is not zero."""

    weights: Numbers
    matters: Numbers


def average(
    curvature: Numbers, pull: Numbers, precision: Numbers, candidates: Sequence[Candidate]
) -> Averaged:
    """The weights' posterior mean under a spike-and-slab prior on groups.

    A candidate's weights are zero, or normal with one of the deviations 0.25, 0.5, 1 and 2; `precision`
    is that of all other weights. Averages over models by Gibbs sampling (George & McCulloch 1993,
    Variable selection via Gibbs sampling; for groups: Xu & Ghosh 2015), always with the same seed: given the others, the
    evidence of each deviation has a closed form, because the log-likelihood is a quadratic.
    """
    chance = np.random.default_rng(_SEED)
    chain = _Chain(curvature, pull, precision, candidates)
    weights = np.zeros(len(pull))
    inside = np.zeros(len(candidates))
    for sweep in range(_SWEEPS):
        if sweep % _FRESH == 0:
            chain.refresh()
        for at in chance.permutation(len(candidates)):
            chain.draw(int(at), float(chance.random()))
        if sweep >= _UNCOUNTED:
            weights += chain.mean
            inside += chain.precisions < _OUT
    counted = _SWEEPS - _UNCOUNTED
    return Averaged(weights / counted, inside / counted)


class _Chain:
    """One state of the sampler: each candidate's precision, and the weights' posterior given these."""

    def __init__(
        self,
        curvature: Numbers,
        pull: Numbers,
        precision: Numbers,
        candidates: Sequence[Candidate],
    ) -> None:
        self._curvature, self._pull, self._fixed = curvature, pull, precision
        self._candidates = candidates
        self._options = np.array([_OUT, *(1 / scale**2 for scale in _SCALES)])
        self.precisions = np.full(len(candidates), _OUT)
        self.mean = np.zeros(len(pull))
        self._covariance = np.zeros_like(curvature)

    def refresh(self) -> None:
        """Reckons the posterior anew, so that rounding errors do not add up."""
        precision = self._fixed.copy()
        for candidate, value in zip(self._candidates, self.precisions, strict=True):
            precision[candidate.columns] = value
        self._covariance = np.linalg.inv(self._curvature + np.diag(precision))
        self.mean = self._covariance @ self._pull

    def draw(self, at: int, uniform: float) -> None:
        """Draws one candidate's precision given all others."""
        chances = np.cumsum(self._chances(at))
        drawn = self._options[int(np.searchsorted(chances, uniform * chances[-1]))]
        if drawn != self.precisions[at]:
            self._change(at, float(drawn))

    def _chances(self, at: int) -> Numbers:
        """The conditional probabilities of the options, up to a factor.

        With the weights' conditional precision less the prior's as `U diag(d) Uᵀ`, and `a` the linear
        term in that basis, the log evidence of precision λ is `½ Σ ln λ − ln(d + λ) + a²/(d + λ)`.
        """
        candidate = self._candidates[at]
        inner = np.linalg.inv(self._covariance[candidate.columns, candidate.columns])
        d, basis = np.linalg.eigh((inner + inner.T) / 2)
        a = basis.T @ (inner @ self.mean[candidate.columns])
        d = np.maximum(d - self.precisions[at], 0.0)
        total = d + self._options[:, None]
        evidence = 0.5 * (np.log(self._options[:, None] / total) + a**2 / total).sum(axis=1)
        slabs = len(_SCALES)
        evidence += np.log([1 - candidate.chance, *[candidate.chance / slabs] * slabs])
        chances: Numbers = np.exp(evidence - evidence.max())
        return chances

    def _change(self, at: int, precision: float) -> None:
        """The posterior after one candidate's precision changed (Woodbury's identity).

        What is taken away is a product of a matrix with itself, so that the covariance stays symmetric.
        """
        columns = self._candidates[at].columns
        rows = self._covariance[columns]
        change = precision - self.precisions[at]
        sign = 1.0 if change > 0 else -1.0
        middle = sign * (np.eye(len(rows)) / change + rows[:, columns])
        root = np.linalg.cholesky((middle + middle.T) / 2)
        half = np.linalg.solve(root, np.column_stack([rows, self.mean[columns]]))
        factor, pulled = half[:, :-1].copy(), half[:, -1]
        self.mean -= sign * (pulled @ factor)
        self._covariance -= sign * (factor.T @ factor)
        self.precisions[at] = precision
