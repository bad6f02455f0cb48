"""The reward model: what each action would have earned at each choice, for the direct method.

A ridge regression over the hierarchy: `r = x·(θ₀ + θ_a)` with x the context behind a constant, θ₀ what
all actions share and θ_a, shrunk towards 0, what is the action's own, so that an action seen seldom
borrows from all others. Solved exactly, by eliminating the θ_a one by one (the normal equations are an
arrow of blocks).
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from engine.evaluation.log import Indexes, Log, Matrix, Vector
from engine.evaluation.policies import Policy

FOLDS: Final = 5
SHRINKAGE: Final = (1.0, 10.0, 100.0, 1000.0)
"""How many rows of its own an action needs to count as much as what all share: tried, the best taken."""

_SHARED: Final = 1.0
_CONSTANT: Final = 1e-6

Grams = npt.NDArray[np.float64]
Coefficients = npt.NDArray[np.float64]


class Foreseen(NamedTuple):
    """What the reward model says of a policy; fields as in `Evidence`, (N,)."""

    expected: Vector
    implied: Vector
    mass: Vector


@dataclass(frozen=True, slots=True)
class RewardModel:
    """One regression for each fold, learned from all other folds (cross-fitting), with F = `FOLDS`.

    Attributes:
        folds: the fold of each choice, (N,); all choices of a unit are in the same one.
        coefficients: (F, A, D + 1), the constant's first.
        grams: sums of x·xᵀ by action over all choices, (A, D + 1, D + 1).
        shrinkage: the one of `SHRINKAGE` with the least squared error on choices not learned from.
    """

    folds: Indexes
    coefficients: Coefficients
    grams: Grams
    shrinkage: float

    @classmethod
    def of(cls, log: Log, seed: int = 0) -> Self:
        """Learns from a log; `seed` deals its units out to the folds."""
        folds = _folds(log.units, seed)
        grams, moments = _sums(log, folds)
        rest_grams, rest_moments = grams.sum(axis=0) - grams, moments.sum(axis=0) - moments
        tried = [
            np.stack(
                [ridge(g, m, shrinkage) for g, m in zip(rest_grams, rest_moments, strict=True)]
            )
            for shrinkage in SHRINKAGE
        ]
        errors = [float(np.square(log.rewards - _chosen(log, folds, c)).sum()) for c in tried]
        best = int(np.argmin(errors))
        return cls(folds, tried[best], grams.sum(axis=0), SHRINKAGE[best])

    def of_chosen(self, log: Log) -> Vector:
        """The reward expected of the action that was chosen, (N,), by a model that has not seen it."""
        return _chosen(log, self.folds, self.coefficients)

    def of_policy(self, log: Log, policy: Policy) -> Foreseen:
        """What is expected of a policy at each choice.

        The mean over a policy of a linear regression is a weighted mean of the rewards it was learned
        from; those implied weights (Bruns-Smith, Dukes, Feller & Ogburn, "Augmented balancing weights
        as linear regression", 2023) say how much each reward moves the direct method.
        """
        expected, mass = np.empty(len(log)), np.empty(len(log))
        moments = np.zeros(self.grams.shape[:2])
        for rows in log.blocks():
            x, shares = _with_constant(log.context[rows]), policy.of_all(log, rows)
            moments += shares.T @ x
            mass[rows] = shares.sum(axis=1)
            for fold in range(FOLDS):
                here = self.folds[rows] == fold
                predicted = x[here] @ self.coefficients[fold].T
                expected[rows][here] = np.einsum("na,na->n", shares[here], predicted)
        implied = ridge(self.grams, moments, self.shrinkage)
        return Foreseen(expected, _products(log, implied[log.actions]), mass)


def ridge(grams: Grams, moments: Matrix, shrinkage: float) -> Matrix:
    """The coefficients θ₀ + θ_a that solve the arrow, (A, D + 1).

    `grams` are Σ x·xᵀ by action, (A, D + 1, D + 1), `moments` are Σ x·r by action, (A, D + 1).

    One context-free action, 4 rows that earned 2 in all, hardly shrunk:

    >>> ridge(np.array([[[4.0]]]), np.array([[2.0]]), 1e-9).round(3)
    array([[0.5]])
    """
    size = grams.shape[-1]
    own = np.linalg.inv(grams + shrinkage * np.eye(size))
    penalty = np.diag([_CONSTANT] + [_SHARED] * (size - 1))
    left = shrinkage * (own @ grams).sum(axis=0) + penalty
    right = shrinkage * np.einsum("aij,aj->i", own, moments)
    shared = np.linalg.solve(left, right)
    coefficients: Matrix = shared + np.einsum("aij,aj->ai", own, moments - grams @ shared)
    return coefficients


def _folds(units: Indexes, seed: int) -> Indexes:
    """Deals the units out, as evenly as can be."""
    count = int(units.max()) + 1
    dealt = np.random.default_rng(seed).permutation(count) % FOLDS
    fold_of: Indexes = dealt[units]
    return fold_of


def _sums(log: Log, folds: Indexes) -> tuple[Grams, Matrix]:
    """Σ x·xᵀ, (F, A, D + 1, D + 1), and Σ x·r, (F, A, D + 1)."""
    size, actions = log.context.shape[1] + 1, len(log.names)
    grams, moments = np.zeros((FOLDS, actions, size, size)), np.zeros((FOLDS, actions, size))
    x = _with_constant(log.context)
    cell_of = folds * actions + log.actions
    order = np.argsort(cell_of, kind="stable")
    cells, starts = np.unique(cell_of[order], return_index=True)
    for cell, rows in zip(cells.tolist(), np.split(order, starts[1:]), strict=True):
        at = divmod(cell, actions)
        grams[at] = x[rows].T @ x[rows]
        moments[at] = x[rows].T @ log.rewards[rows]
    return grams, moments


def _chosen(log: Log, folds: Indexes, coefficients: Coefficients) -> Vector:
    return _products(log, coefficients[folds, log.actions])


def _products(log: Log, coefficients: Matrix) -> Vector:
    products: Vector = np.einsum("nd,nd->n", _with_constant(log.context), coefficients)
    return products


def _with_constant(context: Matrix) -> Matrix:
    return np.column_stack([np.ones(len(context)), context])
