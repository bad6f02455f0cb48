"""Weights: one step by river's own loss and optimizer. Importing this takes much of river along."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from river import optim

from engine.learning.table import LEARNING_RATE, SMOOTHING


class Correction(float):
    """A target that says by how much the label was taught too low, in (0, 1]."""

    __slots__ = ()


class LessonLoss(optim.losses.Log):
    """Log-loss whose label may be a fraction, or a `Correction` of a label taught before.

    The gradient of the log-loss is `p − y` for a label y in [0, 1]. Of two labels for the same
    features the gradients differ by −(y' − y) whatever the model says, so teaching that difference
    later is the same as having known better at once (cf. the fake negatives of Ktena et al.,
    "Addressing delayed feedback for continuous training", RecSys 2019).
    """

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """The derivative by `y_pred`, a logit; `y_true` is a float, the label or a `Correction`."""
        if isinstance(y_true, Correction):
            return -float(y_true)
        return self.mean_func(y_pred) - y_true


def step(
    columns: npt.NDArray[np.intp],
    values: npt.NDArray[np.float64],
    rows: npt.NDArray[np.intp],
    weights: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    logit: float,
    target: float,
    times: float,
) -> None:
    """So many steps of a logistic regression in a `WeightTable`, by river's loss and river's AdaGrad.

    A lesson's weights are one vector to river's optimizer: the `columns` of a customer, which had these
    `values` and made this `logit`, at the `rows` of an offer. `engine/native/loops.c` does the same,
    to the last bit.
    """
    gradient = times * _LOSS.gradient(target, logit)
    at = columns[:, np.newaxis], rows
    adagrad = optim.AdaGrad(lr=LEARNING_RATE, eps=SMOOTHING)
    lesson: dict[Any, Any] = {0: weights[at]}
    adagrad.g2 = {0: squares[at]}
    adagrad.step(lesson, {0: (gradient * values)[:, np.newaxis]})
    weights[at], squares[at] = lesson[0], adagrad.g2[0]


_LOSS: Final = LessonLoss()
