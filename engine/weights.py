"""Weights: one table that river learns in and numpy scores from, so that exporting costs nothing."""

from array import array
from collections.abc import Iterable, Mapping
from operator import mul
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from river import linear_model, optim

Row: TypeAlias = tuple[str, ...]
"""Whose weights: () everybody's, (group,) a group's, (action, channel) an action's on a channel."""

NOBODY: Final = 0
"""The row of whoever has not been learned about: always zero."""

_FIRST_ROWS: Final = 64
_FIRST_GUESS: Final = -1.5


class Weights(array):  # type: ignore[type-arg]  # array is generic in stubs only
    """A flat array of weights that river's linear models take for their own.

    Keys are places in the array. Weights nobody has learned are 0.
    """

    def dot(self, x: Mapping[int, float]) -> float:
        """Σ weight·value over `x`, summed in its order."""
        return float(sum(map(mul, map(self.__getitem__, x), x.values())))

    def to_dict(self) -> dict[int, float]:
        """The weights that are not 0, by place."""
        return {place: weight for place, weight in enumerate(self) if weight}


class WeightTable:
    """The weights of all rows over all columns, and AdaGrad's sums of squared gradients beside them.

    Stored column by column: the weight of (row, column) is at `column · stride + row` of `weights`,
    and `matrix[column, row]` is the same memory. Rows and columns are only ever added, in the order
    in which they were first asked for; when there is no room left, `weights`, `squares` and `matrix`
    are replaced by larger ones.
    """

    def __init__(self) -> None:
        self.columns: dict[str, int] = {}
        self.rows: dict[Row, int] = {("", "", ""): NOBODY}
        self.stride = _FIRST_ROWS
        self._allot(0)

    def add_columns(self, names: Iterable[str]) -> None:
        """Makes sure that there is a column of each name."""
        for name in names:
            self.columns.setdefault(name, len(self.columns))
        self._grow(self.stride)

    def add_row(self, row: Row) -> int:
        """The place of a row, new if need be."""
        place = self.rows.setdefault(row, len(self.rows))
        if place >= self.stride:
            self._grow(2 * self.stride)
        return place

    def used(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Views of the weights and the squares of the rows in use, shape (columns, rows)."""
        rows = len(self.rows)
        return self.matrix[:, :rows], _view(self.squares, self.stride)[:, :rows]

    def fill(self, weights: npt.NDArray[np.float64], squares: npt.NDArray[np.float64]) -> None:
        """Replaces everything in use; both arrays of shape (columns, rows)."""
        into_weights, into_squares = self.used()
        into_weights[:] = weights
        into_squares[:] = squares

    def _allot(self, columns: int) -> None:
        empty = bytes(8 * columns * self.stride)
        self.weights = Weights("d", empty)
        self.squares = array("d", empty)
        self.matrix = _view(self.weights, self.stride)

    def _grow(self, stride: int) -> None:
        columns, rows = self.matrix.shape
        if stride == rows and columns == len(self.columns):
            return
        weights, squares = self.matrix, _view(self.squares, rows)
        self.stride = stride
        self._allot(len(self.columns))
        self.matrix[:columns, :rows] = weights
        _view(self.squares, stride)[:columns, :rows] = squares


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


class ConstantAdaGrad(optim.AdaGrad):
    """river's AdaGrad at one learning rate, without asking a schedule for it weight by weight."""

    learning_rate = 0.05

    def __init__(self, eps: float) -> None:
        super().__init__(self.learning_rate, eps)


class TableLogisticRegression(linear_model.LogisticRegression):
    """river's logistic regression with river's AdaGrad, learning in a `WeightTable`.

    Only where the weights are kept differs: prediction, gradient and step are river's own code. The
    intercept stays at a first guess of 18 % (success is rarer than its absence), base rates are
    learned as weights of a column that is always there. The 1 that AdaGrad adds under
    its root (Duchi, Hazan & Singer, JMLR 2011, call it δ) keeps the first lessons of a new row from
    counting more than later ones.
    """

    def __init__(self, table: WeightTable) -> None:
        super().__init__(
            optimizer=ConstantAdaGrad(eps=1.0),
            loss=LessonLoss(),
            intercept_init=_FIRST_GUESS,
            intercept_lr=0.0,
        )
        self.attach(table)

    def attach(self, table: WeightTable) -> None:
        """Learns in this table's arrays from now on; to be called whenever the table has grown."""
        self._weights: Any = table.weights
        self.optimizer.g2 = table.squares

    def _enter_learn_mode(self, mask: object = None) -> Any:  # noqa: ARG002  # river's hook
        return self._weights


def _view(flat: "array[float]", stride: int) -> npt.NDArray[np.float64]:
    return np.frombuffer(flat, dtype=np.float64).reshape(-1, stride)
