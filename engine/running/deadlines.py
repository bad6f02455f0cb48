"""Deadlines: whoever waits is told when their time is up, all of them by one timer."""

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Final, Protocol

_EARLY: Final = 0.001
"""Seconds by which a timer of the event loop may be early."""


class Waiting(Protocol):
    """Somebody who waits no longer than so long."""

    def expire(self) -> None:
        """The time is up; raises nothing."""


class Deadlines:
    """The deadlines of one event loop. `clock` is monotonic, in seconds.

    Nearly everybody is answered long before their deadline. So there is no timer for each of them: one
    is set for the earliest, and found to have been for nothing when it rings.
    """

    __slots__ = ("_clock", "_due", "_rings", "_timer")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._due: dict[Waiting, float] = {}
        self._rings = inf
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def watch(self, waiting: Waiting, seconds: float) -> None:
        """Has somebody told once so long has passed, in a later turn of the loop; at 0 or less in the next."""
        due = self._clock() + seconds
        self._due[waiting] = due
        if due < self._rings:
            self._set(due, seconds)

    def forget(self, waiting: Waiting) -> None:
        """Somebody waits no longer."""
        self._due.pop(waiting, None)

    def close(self) -> None:
        """Nobody is told any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, due: float, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = due
        self._timer = asyncio.get_running_loop().call_later(max(seconds, 0.0), self._ring)

    def _ring(self) -> None:
        now = self._clock()
        late = [waiting for waiting, due in self._due.items() if due <= now + _EARLY]
        for waiting in late:
            del self._due[waiting]
        self._timer, self._rings = None, inf
        if self._due:
            first = min(self._due.values())
            self._set(first, first - now)
        for waiting in late:
            waiting.expire()
