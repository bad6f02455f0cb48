"""Bounds: what a target could come to if deciding cost nothing, and what it may cost for the target to be met."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.profile.cost import Cost

_LOG: Final = "decisions"


class Target(NamedTuple):
    """One target of the table: a ratio to the echo, of p50 (at most) or of capacity (at least)."""

    what: str
    way: str
    limit: float
    is_capacity: bool = False


EMBEDDED: Final = (
    Target("capacity: Decide", "decide", 0.65, is_capacity=True),
    Target("capacity: DecideStream", "stream", 1.2, is_capacity=True),
    Target("p50: Decide", "decide", 1.2),
    Target("p50: DecideStream", "stream", 0.8),
)
IN_REDIS: Final = (
    Target("p50: Decide, in Redis", "decide", 1.35),
    Target("p50: DecideStream, in Redis", "stream", 0.95),
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What limits a target.

    Attributes:
        what: the target.
        promised: its limit, as people read it.
        measured: the ratio to the echo, in this run.
        free: the same ratio, were a decision free: without its rules, scoring, arbitration and record.
        unlogged: and without the log's thread, which compresses and writes; None where it is behind the answer
            anyhow. (What the loop does for the log, once the answer has left, stays.)
        takes: what these stages take a question, in microseconds.
        may_take: what they may take at most for the target to be met; below 0 no engine meets it.
        met: whether it is met.
    """

    what: str
    promised: str
    measured: float
    free: float
    unlogged: float | None
    takes: float
    may_take: float
    met: bool

    @property
    def verdict(self) -> str:
        """What follows."""
        if self.met:
            return "met"
        if self.may_take <= 0:
            return "short even were it free"
        return f"{self.takes - self.may_take:.0f} µs too slow"

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"verdict": self.verdict}


def bounds(
    costs: Iterable[Cost], targets: Iterable[Target], decisions: Mapping[str, float] | None = None
) -> list[Bound]:
    """The bound of each target.

    `decisions` is what deciding takes by way, where the costs do not tell: a server that waits for Redis
    works ahead meanwhile.
    """
    by_way = {(one.way, one.under_way): one for one in costs}
    most = max(under_way for _, under_way in by_way)
    return [
        _capacity(target, by_way[target.way, most], by_way["echo", most])
        if target.is_capacity
        else _latency(
            target,
            by_way[target.way, 1],
            by_way["echo", 1],
            max(by_way[target.way, 1].decision, (decisions or {}).get(target.way, 0.0)),
        )
        for target in targets
    ]


def _capacity(target: Target, ours: Cost, echo: Cost) -> Bound:
    """Questions a second of the server's processor time, against the echo's."""
    takes, spent = ours.decision, ours.processor
    measured = echo.processor / spent
    return Bound(
        target.what,
        f"≥ {target.limit:g} ×",
        measured,
        echo.processor / (spent - takes),
        echo.processor / (spent - takes - ours.threads.get(_LOG, 0.0)),
        takes,
        echo.processor / target.limit - (spent - takes),
        measured >= target.limit,
    )


def _latency(target: Target, ours: Cost, echo: Cost, takes: float) -> Bound:
    """Medians of rounds beside each other; what deciding takes is a mean, and so rather too much."""
    pairs = list(zip(ours.p50s, echo.p50s, strict=True))
    measured = median(our / their for our, their in pairs)
    return Bound(
        target.what,
        f"≤ {target.limit:g} ×",
        measured,
        median((our - takes) / their for our, their in pairs),
        None,
        takes,
        median(target.limit * their - (our - takes) for our, their in pairs),
        measured <= target.limit,
    )
