"""The end of a worker takes no longer than it may: what hangs is left behind with the process."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LEFT_BEHIND: Final = 70
"""The exit code of a process that could not end in order (EX_SOFTWARE of sysexits.h)."""


@contextmanager
def ended_within(seconds: float) -> Iterator[None]:
    """What is done inside is done within this time, or the process ends at once, with `LEFT_BEHIND`.

    A thread sees to it: what hangs may hold the event loop. Nothing accepted is lost by it; what was not
    committed comes again to another worker.
    """

    def leave() -> None:
        sys.stderr.write(f"attune: stopping took longer than {seconds:g} s; what hangs is left\n")
        sys.stderr.flush()
        os._exit(LEFT_BEHIND)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
