"""Vigil: the loop does not go to sleep while whoever asks one question after the other is about to ask again.

To be woken takes longer than to answer some questions: the kernel has to be asked, a core that slept, or
did something else, has forgotten what the engine works on. So as long as the next question used to come
within a moment, the loop looks for it again and again that long, and sleeps only if it does not come. It
costs the caller's own pause in processor time, and nothing where questions come at longer intervals, or where
many are under way: the next is there then, or another one soon. The same is known as busy polling or adaptive
spinning.
"""

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from engine.cores import QUOTA, cores

IN_A_ROW: Final = 4
"""Questions that have to come at once before the next is waited for."""

SOONEST: Final = 0.000_015
"""Seconds: what the loop finds so soon after it began to look was there already, and nobody had to be waited for."""


def worth_keeping(quota: Path = QUOTA) -> bool:
    """Whether callers have a core besides the loop's."""
    return cores(quota) > 1


class Vigil:
    """Keeps a loop awake for `moment` seconds at a time; at 0 never.

    `call_soon` is the loop's, and what it is given is called after the loop has looked for what has come.
    `clock` is monotonic, in seconds.
    """

    __slots__ = (
        "_call_soon",
        "_clock",
        "_looked",
        "_looking",
        "_looks",
        "_moment",
        "_prompt",
        "_said",
        "_until",
    )

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], Any],
        moment: float,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._call_soon = call_soon
        self._moment = moment
        self._clock = clock
        self._said = self._until = self._looked = -1.0
        self._looks = self._prompt = 0
        self._looking = False

    def heard(self) -> None:
        """Something has come from a caller."""
        if self._moment:
            now = self._clock()
            is_prompt = now - self._said < self._moment and not self._was_there(now)
            self._prompt = self._prompt + 1 if is_prompt else 0
            self._stay(now)

    def said(self) -> None:
        """Something was sent to a caller."""
        if self._moment:
            self._said, self._looks = self._clock(), 0
            self._stay(self._said)
            self._look_soon()

    def _was_there(self, now: float) -> bool:
        """Whether what was heard had come before the loop could look for it: one of many that are under way."""
        return not self._looks or (self._looks == 1 and now - self._looked < SOONEST)

    def _stay(self, now: float) -> None:
        if self._prompt >= IN_A_ROW:
            self._until = now + self._moment
            self._look_soon()

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self._call_soon(self._look)

    def _look(self) -> None:
        self._looks += 1
        self._looked = self._clock()
        if self._looked < self._until:
            _give_way()  # who else is ready to run on this core does so now
            self._call_soon(self._look)
        else:
            self._looking = False


_give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)
