"""Turns: how long the event loop takes to come round, which is how long the next caller waits."""

import asyncio
from collections.abc import Callable
from typing import Final

_NOBODY_WAITS: Final = 0.001


class Turns:
    """Times the turns of the running event loop. `clock` is monotonic, in seconds.

    Many calls that arrive at once are all served in one turn, one after the other. If each took as
    much time as its own deadline leaves, those behind would get no answer at all: so each leaves a
    turn's time to those behind, and under pressure all get a shorter answer instead of a few a full
    one.

    `last` is the length of the last turn that was timed, in seconds.
    """

    __slots__ = ("_began", "_clock", "_timing", "last")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.last = 0.0
        self._began = 0.0
        self._timing = False

    def begin(self, now: float) -> float:
        """Times the turn under way; returns how long ago its first question was taken up, in seconds.

        That is how long this one has waited for those before it.
        """
        if self._timing:
            return now - self._began
        self._timing = True
        self._began = now
        asyncio.get_running_loop().call_soon(self._end)
        return 0.0

    def _end(self) -> None:
        self._timing = False
        self.last = self._clock() - self._began

    def waiting(self) -> float:
        """Seconds to leave to those behind: the length of the last turn; 0 while nobody waits."""
        return self.last if self.last > _NOBODY_WAITS else 0.0
