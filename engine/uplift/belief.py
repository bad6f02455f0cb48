"""Uplift online: what is believed of the weights of one line, a normal distribution over all of them."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

BASE_RATE: Final = 0
"""The column that is the same for everybody."""


class Prior(NamedTuple):
    """Beforehand: the variance of the base rate's weight and that of every other weight; means are 0."""

    base_rate: float
    feature: float


class Seen(NamedTuple):
    """One customer to a belief: the columns that are not 0 and their values, parallel."""

    columns: Indexes
    values: Numbers


class Belief:
    """Weights that are normally distributed, all correlations kept; sums only, no linear algebra library.

    Attributes:
        means: shape (columns,).
        covariance: shape (columns, columns), symmetric to the last bit.
    """

    __slots__ = ("_prior", "covariance", "means")

    def __init__(self, prior: Prior, columns: int = 0) -> None:
        self._prior = prior
        self.means = np.zeros(0)
        self.covariance = np.zeros((0, 0))
        self.widen(columns)

    def widen(self, columns: int) -> None:
        """Makes room for columns nothing is known of yet."""
        known = len(self.means)
        if columns <= known:
            return
        variances = np.full(columns, self._prior.feature)
        variances[BASE_RATE] = self._prior.base_rate
        covariance = np.diag(variances)
        covariance[:known, :known] = self.covariance
        self.means, self.covariance = np.append(self.means, np.zeros(columns - known)), covariance

    def logit(self, seen: Seen) -> float:
        """Σ weight · value."""
        return float((self.means[seen.columns] * seen.values).sum())

    def reach(self, seen: Seen) -> Numbers:
        """Covariance · x, shape (columns,): how far each weight may follow what is seen here."""
        rows = self.covariance[seen.columns] * seen.values[:, None]
        found: Numbers = np.add.reduce(rows, axis=0)
        return found

    def narrow(self, reach: Numbers, by: float) -> None:
        """Becomes surer: the covariance less `by` times the product of `reach` with itself."""
        self.covariance -= by * (reach[:, None] * reach)
