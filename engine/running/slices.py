"""Slices: long work is done a little at a time, so that nobody waits for it."""

import time
from collections.abc import Callable
from typing import Final, TypeAlias

Later: TypeAlias = Callable[[Callable[[], None]], object]
"""Calls what it is given, now or as soon as there is time, as `loop.call_soon` does."""

SLICE: Final = 0.000_25
"""Seconds of a slice: as long as a decision or two, which then wait for no more than that."""

_MOMENT: Final = 0.000_1


def at_once(work: Callable[[], None]) -> None:
    """A `Later` for those who have no loop."""
    work()


def slice_of(clock: Callable[[], float], seconds: float = SLICE) -> Callable[[], bool]:
    """Begins a slice; what is returned says whether it is over.

    >>> moments = iter([5.0, 5.25, 5.75])
    >>> over = slice_of(lambda: next(moments), seconds=0.5)
    >>> over(), over()
    (False, True)
    """
    end = clock() + seconds
    return lambda: clock() > end


def giving_way(
    clock: Callable[[], float] = time.perf_counter, rest: Callable[[float], object] = time.sleep
) -> Callable[[], None]:
    """To be called again and again by long work in a thread: sleeps for a moment whenever a slice is over.

    Who wants the interpreter while another thread computes waits `sys.getswitchinterval()` for it, and again
    after each call to the system.

    >>> moments, rests = iter([0.0, 0.0001, 0.0004, 0.0005, 0.0006]), []
    >>> pause = giving_way(lambda: next(moments), rests.append)
    >>> pause(), pause(), pause()
    (None, None, None)
    >>> rests
    [0.0001]
    """
    over = slice_of(clock)

    def pause() -> None:
        nonlocal over
        if over():
            rest(_MOMENT)
            over = slice_of(clock)

    return pause
