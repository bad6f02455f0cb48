"""Calibration: a classifier's propensities set right by what became of earlier ones."""

from typing import Final

import numpy as np
import numpy.typing as npt

from engine.learning.odds import logit, sigmoid

Vector = npt.NDArray[np.float64]

_CLIP: Final = 12.0
_CERTAIN: Final = 1e-9
_KEPT: Final = 0.999
"""What an offer counts for when the next comes: of some thousand the earlier ones are forgotten."""

_LEAST: Final = 0.05
"""The least weight of an offer, so that one that was foreseen far too surely cannot move the line at will."""

_TRUST: Final = 20.0
"""How sure it is beforehand that nothing has to be set right: as after so many weights p · (1 − p)."""


class Calibration:
    """A line through the log-odds: p' = σ(scale · logit(p) + shift), learned as it goes (Platt, 1999).

    Naive Bayes counts what belongs together several times and is far too sure; a perceptron's margin is
    no probability at all. Both rank well, and compete with the propensities of other models. Scale and
    shift are learned by online Newton steps on the log-loss, beginning with 1 and 0, from propensities
    that were given before their outcome was known.

    >>> calibration = Calibration()
    >>> for n in range(2_000):
    ...     calibration.learn_one(0.99 if n % 2 else 0.01, label=float(n % 4 == 1 or n % 10 == 0))
    >>> round(calibration.of(0.99), 1), round(calibration.of(0.01), 1)
    (0.5, 0.2)
    """

    __slots__ = ("_hessian", "_scale", "_shift")

    def __init__(self, state: tuple[float, ...] = (1.0, 0.0, _TRUST, 0.0, _TRUST)) -> None:
        self._scale, self._shift, *hessian = state
        self._hessian = tuple(hessian)

    @property
    def state(self) -> tuple[float, ...]:
        """Everything learned: scale, shift, and the three different numbers of the Hessian."""
        return self._scale, self._shift, *self._hessian

    def of(self, propensity: float) -> float:
        """The propensity set right, in [0, 1]."""
        return sigmoid(_clipped(self._scale * _logit(propensity) + self._shift))

    def of_logits(self, logits: Vector) -> Vector:
        """The same for so many propensities, given as log-odds."""
        return sigmoids(
            np.clip(self._scale * np.clip(logits, -_CLIP, _CLIP) + self._shift, -_CLIP, _CLIP)
        )

    def learn_one(self, propensity: float, label: float) -> None:
        """Learns what became of an offer of this propensity: `label` in [0, 1]."""
        z = _logit(propensity)
        expected = sigmoid(self._scale * z + self._shift)
        weight = max(expected * (1.0 - expected), _LEAST)
        a, b, c = self._hessian
        self._hessian = _KEPT * a + weight * z * z, _KEPT * b + weight * z, _KEPT * c + weight
        self._step(z, label - expected)

    def _step(self, z: float, by: float) -> None:
        a, b, c = self._hessian
        determinant = a * c - b * b
        self._scale += by * (c * z - b) / determinant
        self._shift += by * (a - b * z) / determinant
        self._scale = max(self._scale, 0.0)


def _logit(propensity: float) -> float:
    return _clipped(logit(propensity, _CERTAIN))


def _clipped(log_odds: float) -> float:
    return max(-_CLIP, min(_CLIP, log_odds))


def sigmoids(logits: Vector) -> Vector:
    """The probabilities of so many log-odds.

    >>> sigmoids(np.array([0.0, 800.0, -800.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    with np.errstate(over="ignore"):
        found: Vector = 1.0 / (1.0 + np.exp(-logits))
    return found
