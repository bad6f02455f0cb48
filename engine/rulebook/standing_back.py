"""Standing back: a process that computes for long leaves the cores, most of the time, to those who decide on them.

That it is `nice` is not enough where cores are few. Whoever is asked and whoever asks then take turns on what
is left, and a container that may use so many cores is halted as a whole when it has used them up.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from engine.cores import cores

NICENESS: Final = 10
"""By how much the process stands back: whoever decides on the same cores comes first."""

SHARE: Final = 0.25
"""The part of a core it takes where cores are few."""

MANY: Final = 4
"""So many cores have one to spare for it."""

AT_FIRST: Final = 0.5
"""Seconds of processor time before it rests for the first time: Python's start, and a small book."""

_SLICE: Final = 0.002


@contextmanager
def standing_back() -> Iterator[None]:
    """Within, this process, whose main thread this is, rests between any two slices of a few milliseconds.

    It rests in proportion to the processor time it has used, so one that had to wait for its core
    rests less, and not before it has used some. On many cores it is `nice` only.
    """
    os.nice(NICENESS)
    if cores() >= MANY:
        yield
        return
    used = time.process_time()

    def rest(*_: object) -> None:
        nonlocal used
        now = time.process_time()
        if now > AT_FIRST:
            time.sleep((now - used) * (1.0 / SHARE - 1.0))
        used = time.process_time()
        signal.setitimer(signal.ITIMER_REAL, _SLICE)

    signal.signal(signal.SIGALRM, rest)
    signal.setitimer(signal.ITIMER_REAL, _SLICE)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # first: else a last one sets the timer again
        signal.setitimer(signal.ITIMER_REAL, 0.0)
