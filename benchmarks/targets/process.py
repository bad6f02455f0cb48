"""What a server process has used, as Linux counts it, and on which machine."""

import os
import platform
import time
from pathlib import Path
from typing import Final

_LOOK: Final = 0.12
_LOOKS: Final = 50


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and all its threads, to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_rest(pid: int) -> None:
    """Waits until a process has done what was left to it, such as its log; some seconds at most.

    Who is asked next would else be measured beside it.
    """
    now = cpu_seconds(pid)
    for _ in range(_LOOKS):
        before = now
        time.sleep(_LOOK)
        now = cpu_seconds(pid)
        if now == before:
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
