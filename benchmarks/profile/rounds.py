"""Rounds: the service and the echo asked in turn, and what everybody used for it."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final, NamedTuple

from benchmarks.profile import stages
from benchmarks.profile.cost import Cost, Round, cost
from benchmarks.profile.serve import SERVE
from benchmarks.profile.threads import since, threads
from benchmarks.targets import wire
from benchmarks.targets.process import cpu_seconds, wait_for_rest
from tools.brokers.process import HOST, free_port

ECHO: Final = "echo"
UNDER_WAY: Final = (1, 16)
STEP: Final = max(UNDER_WAY)
"""Calls are a multiple of this, so that each is asked by one of so many."""

_WARM_UP: Final = 2


class Course(NamedTuple):
    """How much is asked: rounds that count, and calls of each, one at a time; twice as many sixteen at a time."""

    rounds: int
    calls: int

    @property
    def steps(self) -> int:
        """How often progress is told of."""
        return self.rounds + _WARM_UP


async def measure(
    course: Course,
    step: Callable[[], None],
    options: Sequence[object] = (),
    overlaps: frozenset[str] = frozenset(),
) -> list[Cost]:
    """The costs of each way, one question at a time and sixteen under way; `step` is called after each round.

    `options` are more for `attune serve`; `overlaps` as in `Cost`, where several are under way.

    Raises:
        SystemExit: the service did not start, or did not make all these decisions, and whole.
    """
    metrics = f"{HOST}:{free_port()}"
    found: dict[tuple[str, int], list[Round]] = {}
    async with wire.wired([*options, "--metrics", metrics], serve=SERVE) as between:
        for number in range(course.steps):
            for under_way in UNDER_WAY:
                calls = course.calls * (1 if under_way == 1 else 2)
                for way, send in between.senders.items():
                    asked_at = "" if way == ECHO else metrics
                    one = await _round(send, calls, under_way, between.pids[way], asked_at)
                    if number >= _WARM_UP:
                        found.setdefault((way, under_way), []).append(one)
            step()
    return [
        cost(way, under_way, rounds, overlaps if way != ECHO and under_way > 1 else frozenset())
        for (way, under_way), rounds in found.items()
    ]


async def _round(send: wire.Send, calls: int, under_way: int, pid: int, metrics: str) -> Round:
    """So many calls of one way. What is written behind them, such as the log, is waited for and counts."""
    page = stages.read(metrics) if metrics else None
    before, processor, client = threads(pid), cpu_seconds(pid), time.process_time()
    took = await send(calls, under_way)
    client = time.process_time() - client
    wait_for_rest(pid)
    after, processor = threads(pid), cpu_seconds(pid) - processor
    told = stages.read(metrics).since(page) if page is not None else stages.Staged(calls, 0, {})
    if told.answered < calls or told.degraded:
        raise SystemExit(f"{calls} asked, {told.answered} decided, {told.degraded} steps left out")
    used = since(before, after)
    return Round(told.answered, median(took), client, processor, used, told.seconds)
