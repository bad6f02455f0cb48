"""Vigil: the loop does not go to sleep while whoever asks one question after the other is about to ask again.

To be woken takes longer than to answer some questions: the kernel has to be asked, a core that slept, or
did something else, has forgotten what the engine works on. So as long as the next question used to come
within a moment, the loop looks for it again and again that long, and sleeps only if it does not come. It
costs the caller's own pause in processor time, and nothing where questions come at longer intervals. The
same is known as busy polling or adaptive spinning.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")

IN_A_ROW: Final = 4
"""Questions that have to come at once before the next is waited for."""


def worth_keeping(quota: Path = QUOTA) -> bool:
    """Whether callers have a core besides the loop's: by affinity, and by what a container may use (cgroup v2)."""
    affinity = getattr(os, "sched_getaffinity", None)
    return (len(affinity(0)) if affinity else os.cpu_count() or 1) > 1 and _allowed(quota) > 1


def _allowed(quota: Path) -> float:
    """The cores that may be used at a time; infinite where nobody says."""
    try:
        most, period = quota.read_text().split()
        return math.inf if most == "max" else int(most) / int(period)
    except (OSError, ValueError):
        return math.inf


class Vigil:
    """Keeps a loop awake for `moment` seconds at a time; at 0 never.

    `call_soon` is the loop's, and what it is given is called after the loop has looked for what has come.
    `clock` is monotonic, in seconds.
    """

    __slots__ = ("_awake", "_call_soon", "_clock", "_moment", "_prompt", "_said", "_until")

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], Any],
        moment: float,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._call_soon = call_soon
        self._moment = moment
        self._clock = clock
        self._said = self._until = -1.0
        self._prompt = 0
        self._awake = False

    def heard(self) -> None:
        """Something has come from a caller."""
        if self._moment:
            now = self._clock()
            self._prompt = self._prompt + 1 if now - self._said < self._moment else 0
            self._stay(now)

    def said(self) -> None:
        """Something was sent to a caller."""
        if self._moment:
            self._said = self._clock()
            self._stay(self._said)

    def _stay(self, now: float) -> None:
        if self._prompt >= IN_A_ROW:
            self._until = now + self._moment
            if not self._awake:
                self._awake = True
                self._call_soon(self._look)

    def _look(self) -> None:
        if self._clock() < self._until:
            _give_way()  # who else is ready to run on this core does so now
            self._call_soon(self._look)
        else:
            self._awake = False


_give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)
