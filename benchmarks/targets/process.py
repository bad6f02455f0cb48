"""What a server process has used, as Linux counts it, and on which machine."""

import os
import platform
import time
from pathlib import Path
from typing import Final

_OF_PROCESS: Final = 2
_LOOK: Final = 0.12
_LOOKS: Final = 50
_AT_REST: Final = 0.01
"""Seconds of processor time that a process at rest may take from one look to the next."""


def cpu_seconds(pid: int) -> float:
    """Processor time of a process with all its threads, those that have ended too, to the nanosecond.

    The clock is the one `clock_getcpuclockid(3)` names: the complement of the process id, shifted by
    three bits, and in these what is counted.
    """
    return time.clock_gettime((~pid << 3) | _OF_PROCESS)


def wait_for_rest(pid: int) -> None:
    """Waits until a process has done what was left to it, such as its log; some seconds at most.

    Who is asked next would else be measured beside it.
    """
    now = cpu_seconds(pid)
    for _ in range(_LOOKS):
        before = now
        time.sleep(_LOOK)
        now = cpu_seconds(pid)
        if now - before < _AT_REST:
            return


def resident_bytes(pid: int) -> int:
    """Memory that is in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine() -> str:
    """The processor, Python, how many cores there are and how busy they are."""
    named = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    processor = f"{named[0] if named else platform.machine()}, Python {platform.python_version()}"
    return f"{processor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
