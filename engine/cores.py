"""Cores: how many this process may use at a time."""

import math
import os
from pathlib import Path
from typing import Final

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = QUOTA) -> float:
    """The cores there are for it: by affinity, and by what a container may use (cgroup v2), which may be a fraction."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, _allowed(quota))


def _allowed(quota: Path) -> float:
    """The cores that may be used at a time; infinite where nobody says."""
    try:
        most, period = quota.read_text().split()
        return math.inf if most == "max" else int(most) / int(period)
    except (OSError, ValueError):
        return math.inf
