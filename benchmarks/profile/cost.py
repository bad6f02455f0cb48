"""Cost: what one question takes on one way, of whom, in microseconds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from statistics import median
from typing import Any, NamedTuple

from benchmarks.profile.stages import DECISION
from benchmarks.profile.threads import LOOP, Used

_US = 1e6


class Round(NamedTuple):
    """What some questions took together, in seconds.

    Attributes:
        asked: how many they were.
        p50: the median of how long the client waited for each.
        client: processor time of the process that asked.
        processor: processor time of the process that answered.
        threads: what that process's threads used, by name.
        stages: what the loop's thread used in each stage; empty for the echo.
    """

    asked: int
    p50: float
    client: float
    processor: float
    threads: dict[str, Used]
    stages: dict[str, float]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a question costs, in microseconds of processor time where nothing else is said.

    Attributes:
        way: how it was asked.
        under_way: how many questions were, at any time.
        asked: how many questions this is the mean of.
        processor, in_kernel: of the process that answers, and how much of it is the kernel's.
        loop, loop_in_kernel: of the thread that its event loop runs on.
        threads: of its other threads, by name.
        stages: of the loop's thread, in each stage of a decision. Empty for the echo.
        overlaps: the stages in which another server is waited for, and the loop works on other questions:
            their figures have that in them, and are no part of the sum.
        queued: how long the loop's thread was ready to run, and no processor was free.
        loop_waits, other_waits: how often the loop's thread, and all others, waited for something
            (voluntary context switches).
        client: of the process that asks.
        p50s: the median latency of each round, in microseconds of the clock.
    """

    way: str
    under_way: int
    asked: int
    processor: float
    in_kernel: float
    loop: float
    loop_in_kernel: float
    threads: dict[str, float]
    stages: dict[str, float]
    overlaps: frozenset[str]
    queued: float
    loop_waits: float
    other_waits: float
    client: float
    p50s: tuple[float, ...]

    @property
    def p50(self) -> float:
        """The median of the rounds' medians."""
        return median(self.p50s)

    @property
    def decision(self) -> float:
        """What the stages take that are deciding."""
        return sum(self.stages.get(stage, 0.0) for stage in DECISION)

    @property
    def rest(self) -> float:
        """Of the loop's thread what is in no stage: transport, event loop, system calls."""
        return self.loop - sum(t for stage, t in self.stages.items() if stage not in self.overlaps)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        derived = {"p50": self.p50, "decision": self.decision, "rest": self.rest}
        return asdict(self) | derived | {"overlaps": sorted(self.overlaps)}


def cost(
    way: str, under_way: int, rounds: Sequence[Round], overlaps: frozenset[str] = frozenset()
) -> Cost:
    """What all these rounds come to for one question. Raises ValueError if nothing was asked."""
    asked = sum(one.asked for one in rounds)
    if not asked:
        raise ValueError(f"nothing was asked by {way}")
    used: dict[str, Used] = {}
    for one in rounds:
        for name, more in one.threads.items():
            used[name] = used.get(name, Used()).plus(more)
    loop = used.pop(LOOP, Used())
    others = reduce(Used.plus, used.values(), Used())
    each = _US / asked
    processor = sum(one.processor for one in rounds) * each
    return Cost(
        way=way,
        under_way=under_way,
        asked=asked,
        processor=processor,
        in_kernel=processor * others.plus(loop).in_kernel,
        loop=loop.busy * each,
        loop_in_kernel=loop.busy * loop.in_kernel * each,
        threads={name: thread.busy * each for name, thread in used.items()},
        stages={
            stage: sum(one.stages[stage] for one in rounds) * each for stage in rounds[0].stages
        },
        overlaps=overlaps,
        queued=loop.queued * each,
        loop_waits=loop.waits / asked,
        other_waits=others.waits / asked,
        client=sum(one.client for one in rounds) * each,
        p50s=tuple(one.p50 * _US for one in rounds),
    )
