"""Uplift, third step: what one arm of a campaign says about its weights, summed up row by row."""

import numpy as np

from engine.uplift.parts import Numbers


class ArmLikelihood:
    """The log-likelihood of one arm's logistic weights, as a quadratic that grows with every block.

    For rows `x`, outcomes `y` and the logits `z` expected of them beforehand, it adds

        Σ h·x xᵀ to `curvature`, and Σ x·(y − p + h·z) to `pull`,  p = σ(z), h = p·(1 − p),

    one step of Newton's method, taken when the row is learned (the working response of McCullagh &
    Nelder, Generalized Linear Models, 2nd ed., §2.5). The most likely weights under a Gaussian prior
    of precision `Λ` and mean 0 are then `(curvature + Λ)⁻¹ pull`: any prior can be tried afterwards
    without another look at the rows.
    """

    def __init__(self, width: int) -> None:
        self.curvature = np.zeros((width, width))
        self.pull = np.zeros(width)
        self.rows = 0
        self.successes = 0.0

    def learn(self, x: Numbers, outcomes: Numbers, logits: Numbers) -> None:
        """Adds a block of rows, shape (rows, width), with their outcomes (0 or 1) and expected logits."""
        p = sigmoid(logits)
        h = p * (1 - p)
        self.curvature += (x * h[:, None]).T @ x
        self.pull += x.T @ (outcomes - p + h * logits)
        self.rows += len(outcomes)
        self.successes += float(outcomes.sum())

    def copy(self) -> "ArmLikelihood":
        """One that can learn on without this one."""
        other = ArmLikelihood(0)
        other.curvature, other.pull = self.curvature.copy(), self.pull.copy()
        other.rows, other.successes = self.rows, self.successes
        return other

    @property
    def rate(self) -> float:
        """Successes per row, with half a success and half a failure more, so that it is not 0 or 1."""
        return (self.successes + 0.5) / (self.rows + 1)


def sigmoid(logits: Numbers) -> Numbers:
    """`1/(1 + e^−z)`, without overflow."""
    probabilities: Numbers = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities


def logit(rate: float) -> float:
    """The number whose sigmoid is `rate`, in (0, 1)."""
    return float(np.log(rate / (1 - rate)))
