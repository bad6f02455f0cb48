"""Lag: how late the event loop comes to what is due; a call that holds it up shows here, whoever made it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from engine.running.spread import Spread

EVERY: Final = 0.1
"""Seconds between two looks."""

LAG_BOUNDS: Final = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds of the buckets, in seconds. A loop that is never held up comes within 2 ms: timers count
milliseconds."""


class Lag:
    """Looks ten times a second how late the running event loop comes to a timer.

    `clock` is monotonic, in seconds. A stall of more than `EVERY` is seen for certain, a shorter one as
    often as its share of that time.

    Attributes:
        spread: how late it came how often.
    """

    __slots__ = ("_clock", "_due", "_loop", "_timer", "spread")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.spread = Spread(
            "attune_loop_lag_seconds",
            "How late the event loop came to a timer, ten times a second.",
            LAG_BOUNDS,
        )
        self._due = 0.0
        self._timer = self._again()

    def _again(self) -> asyncio.TimerHandle:
        self._due = self._clock() + EVERY
        return self._loop.call_later(EVERY, self._look)

    def _look(self) -> None:
        self.spread.note(max(self._clock() - self._due, 0.0))
        self._timer = self._again()

    def stop(self) -> None:
        """Looks no more."""
        self._timer.cancel()


@contextmanager
def lag_watched(clock: Callable[[], float]) -> Iterator[Spread]:
    """Within, the lag of the running event loop is counted; yields where."""
    lag = Lag(clock)
    try:
        yield lag.spread
    finally:
        lag.stop()
