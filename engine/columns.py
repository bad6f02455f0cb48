"""Columns: one number for each action of a book, arrays that are not to be changed.

Where all actions have the same number, such as L in a book without levers, the column is that number
under every index (numpy.broadcast_to): it takes no room, and whoever writes it down need not look at it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def column(numbers: Sequence[float]) -> Vector:
    """These numbers, shape (K,); read-only.

    >>> column([1.0, 1.0, 1.0]).strides, column([1.0, 2.0, 1.0]).strides
    ((0,), (8,))
    """
    made = np.array(numbers, dtype=np.float64)
    if len(made) and (made == made[0]).all():
        return evenly(made.item(0), len(made))
    made.setflags(write=False)
    return made


def evenly(number: float, count: int) -> Vector:
    """The same number for each of so many actions; read-only."""
    return np.broadcast_to(np.float64(number), count)


def the_same(column: Vector) -> float | None:
    """The number that all actions have in a column made here; None if it is not known to be one.

    >>> the_same(evenly(1.5, 3)), the_same(np.array([1.5, 1.5]))
    (1.5, None)
    """
    return column.item(0) if column.strides[0] == 0 and len(column) else None
