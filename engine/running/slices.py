"""Slices: long work on the event loop is done a little at a time, so that nobody waits for it."""

from collections.abc import Callable
from typing import Final

SLICE: Final = 0.000_25
"""Seconds of a slice: as long as a decision or two, which then wait for no more than that."""


def slice_of(clock: Callable[[], float], seconds: float = SLICE) -> Callable[[], bool]:
    """Begins a slice; what is returned says whether it is over.

    >>> moments = iter([5.0, 5.25, 5.75])
    >>> over = slice_of(lambda: next(moments), seconds=0.5)
    >>> over(), over()
    (False, True)
    """
    end = clock() + seconds
    return lambda: clock() > end
