"""The alarm: wakes a coroutine on time, to some ten microseconds.

The timers of event loops round to milliseconds, which is several times what an answer takes. The
system's interval timer (POSIX `setitimer`) does not, and its signal wakes the loop.
"""

import asyncio
import signal
import time
from types import TracebackType
from typing import Final, Self

_AT_ONCE: Final = 20e-6
"""Seconds for which setting a timer is not worth while."""


class Alarm:
    """One sleeper at a time, in the main thread. A context manager, inside a running loop."""

    def __init__(self) -> None:
        self._rang = asyncio.Event()

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, self._rang.set)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGALRM)

    async def until(self, moment: float) -> None:
        """Returns at `moment` of `time.monotonic()`, or at once if it has passed; others run first."""
        left = moment - time.monotonic()
        if left < _AT_ONCE:
            await asyncio.sleep(0)
            return
        self._rang.clear()
        signal.setitimer(signal.ITIMER_REAL, left)
        await self._rang.wait()
