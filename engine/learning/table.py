"""Table: the weights, which learning writes and scoring reads, so that exporting costs nothing."""

from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Row: TypeAlias = tuple[str, ...]
"""Whose weights: () everybody's, (group,) a group's, (action, channel) an action's on a channel."""

EVERYBODY: Final[Row] = ()

NOBODY: Final = 0
"""The row of whoever has not been learned about: always zero."""

_FIRST_ROWS: Final = 64

FIRST_GUESS: Final = -1.5
"""The logit of an offer nothing is known of: success is rarer than its absence.

It stays; base rates are learned as weights of a column that is always there.
"""

LEARNING_RATE: Final = 0.05
"""Of AdaGrad. Whoever changes it deletes `__pycache__`, too; see `engine.experts.rates`."""

SMOOTHING: Final = 1.0
"""What AdaGrad adds under its root (Duchi, Hazan & Singer, JMLR 2011, call it δ).

It keeps the first lessons of a new row from counting more than later ones.
"""


class WeightTable:
    """The weights of all rows over all columns, and AdaGrad's sums of squared gradients beside them.

    Stored column by column: the weight of (row, column) is `matrix[column, row]`, its sum is
    `squares[column, row]`. Rows and columns are only ever added, in the order in which they were first
    asked for; when there is no room left, both arrays are replaced by larger ones.
    """

    def __init__(self) -> None:
        self.columns: dict[str, int] = {}
        self.rows: dict[Row, int] = {("", "", ""): NOBODY}
        self.matrix = np.zeros((0, _FIRST_ROWS))
        self.squares = np.zeros((0, _FIRST_ROWS))

    def add_columns(self, names: Iterable[str]) -> None:
        """Makes sure that there is a column of each name."""
        for name in names:
            self.columns.setdefault(name, len(self.columns))
        self._grow(self.matrix.shape[1])

    def add_row(self, row: Row) -> int:
        """The place of a row, new if need be."""
        place = self.rows.setdefault(row, len(self.rows))
        if place >= self.matrix.shape[1]:
            self._grow(2 * self.matrix.shape[1])
        return place

    def used(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Views of the weights and the squares of the rows in use, shape (columns, rows)."""
        rows = len(self.rows)
        return self.matrix[:, :rows], self.squares[:, :rows]

    def fill(self, weights: npt.NDArray[np.float64], squares: npt.NDArray[np.float64]) -> None:
        """Replaces everything in use; both arrays of shape (columns, rows)."""
        into_weights, into_squares = self.used()
        into_weights[:] = weights
        into_squares[:] = squares

    def loosen(self, keep: float) -> None:
        """Lets AdaGrad forget its squares to this share, so that it takes longer steps again."""
        self.squares *= keep

    def _grow(self, room: int) -> None:
        shape = columns, rows = self.matrix.shape
        if shape == (len(self.columns), room):
            return
        missing = ((0, len(self.columns) - columns), (0, room - rows))
        self.matrix, self.squares = np.pad(self.matrix, missing), np.pad(self.squares, missing)
