"""Arrivals: when what waits to be read has come, so that a budget counts from there."""

from collections import deque
from typing import Final

_TOGETHER: Final = 0.001


class Arrivals:
    """When the octets of a stream came, in their order; those within a millisecond came together.

    >>> arrivals = Arrivals()
    >>> for octets, at in ((100, 5.0), (50, 6.0)): arrivals.came(octets, at)
    >>> arrivals.taken(60), arrivals.taken(40), arrivals.taken(10), arrivals.taken(40)
    (5.0, 5.0, 6.0, 6.0)
    """

    __slots__ = ("_came", "_marks", "_taken")

    def __init__(self) -> None:
        self._came = 0
        self._taken = 0
        self._marks: deque[tuple[int, float]] = deque()

    def came(self, octets: int, at: float) -> None:
        """So many more have come at a time, in monotonic seconds."""
        self._came += octets
        marks = self._marks
        if marks and at - marks[-1][1] < _TOGETHER:
            at = marks.pop()[1]
        marks.append((self._came, at))

    def taken(self, octets: int) -> float:
        """The next so many of those that came are read: when the last of them came."""
        self._taken += octets
        marks = self._marks
        while marks[0][0] < self._taken:
            marks.popleft()
        return marks[0][1]
