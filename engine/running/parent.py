"""The parent: a service that somebody's program started for itself does not outlive that program."""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def end_with(parent: int) -> None:
    """Has this process told to stop (SIGTERM) when its parent ends, however that comes about.

    `parent` is the process id of who started it: if that is gone already, it stops now. Where the
    kernel offers no such thing (`prctl` of Linux, PR_SET_PDEATHSIG), nothing is done.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
