"""Threads: what each thread of a process has used so far, as Linux counts it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

LOOP: Final = "loop"
"""The name given to a process's first thread, which is its event loop's."""

UNNAMED: Final = "unnamed"
"""The name given to threads that have only their process's."""

_PROC: Final = Path("/proc")
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """What a thread has used, in seconds, and how often it waited for something.

    Attributes:
        busy: on a processor; to the nanosecond while the thread rests, else up to a tick old.
        queued: ready to run, and no processor was free.
        user, system: `busy` split in the thread's own and the kernel's, as sampled by the kernel's clock:
            right over thousands of questions, to 10 ms for one look.
        waits: voluntary context switches.
    """

    busy: float = 0.0
    queued: float = 0.0
    user: float = 0.0
    system: float = 0.0
    waits: float = 0

    def plus(self, other: "Used") -> "Used":
        """Both together."""
        return Used(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: "Used") -> "Used":
        """What was used since then."""
        return Used(*(a - b for a, b in zip(self, other, strict=True)))

    @property
    def in_kernel(self) -> float:
        """The share of `busy` that is the kernel's, in [0, 1]."""
        ticks = self.user + self.system
        return self.system / ticks if ticks else 0.0


class Thread(NamedTuple):
    """A thread by its name, which it may share with others."""

    name: str
    used: Used


Threads = Mapping[int, Thread]
"""By thread id."""


def threads(pid: int, proc: Path = _PROC) -> dict[int, Thread]:
    """Every thread of a process; one that ends meanwhile is left out.

    Raises:
        OSError: there is no such process.
    """
    found, tasks = {}, proc / str(pid) / "task"
    whole = (tasks / str(pid) / "comm").read_text()
    for entry in tasks.iterdir():
        try:
            name = (entry / "comm").read_text()
            own = LOOP if entry.name == str(pid) else UNNAMED if name == whole else name.strip()
            found[int(entry.name)] = Thread(own, _used(entry))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _used(task: Path) -> Used:
    busy, queued, _ = (task / "schedstat").read_text().split()
    ticks = (task / "stat").read_text().rpartition(")")[2].split()[11:13]
    user, system = (int(count) * _TICK for count in ticks)
    status = (task / "status").read_text().splitlines()
    waits = next(line.split()[1] for line in status if line.startswith("voluntary_ctxt_switches"))
    return Used(int(busy) / 1e9, int(queued) / 1e9, user, system, int(waits))


def since(before: Threads, after: Threads) -> dict[str, Used]:
    """What the threads that are left used meanwhile, those of one name together."""
    used: dict[str, Used] = {}
    for number, (name, now) in after.items():
        then = before[number].used if number in before else Used()
        used[name] = used.get(name, Used()).plus(now.minus(then))
    return used
