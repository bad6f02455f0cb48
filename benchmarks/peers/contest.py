"""A contest: the same work done by Attune and by a peer, answers compared, then timed in turn."""

import gc
import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

Answer = Sequence[object]
PEERS: Final = (
    "river_loop",
    "vowpal_wabbit",
    "mabwiser_lints",
    "cel_rust",
    "gorules_zen",
    "fastapi_river",
)
"""The modules here that are peers, in the order they are told."""


class Different(Exception):
    """A peer's answer is not Attune's: it does something else, and may not be timed."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One way of a peer to do what Attune does.

    Attributes:
        peer, work: who, and what, as people read it.
        ours, theirs: the answer for a customer, numbered from 0.
        same: whether two answers are equal; None where they cannot be (said in `work`).
        at_least: how many times as fast Attune is to be; None where nothing was promised.
        at_most: how many times as slow it may be, where it may be slower.
    """

    peer: str
    work: str
    ours: Callable[[int], object]
    theirs: Callable[[int], object]
    same: Callable[[object, object], bool] | None
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds a piece, medians over rounds, and the median of the rounds' ratios theirs / ours."""

    peer: str
    work: str
    ours: float
    theirs: float
    ratio: float
    at_least: float | None
    at_most: float | None

    @property
    def met(self) -> bool | None:
        """Whether what was promised is so; None where nothing was."""
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return None if self.at_most is None else 1 / self.ratio <= self.at_most


def compare(contest: Contest, customers: int) -> None:
    """Raises `Different` at the first customer for whom the answers differ."""
    if contest.same is None:
        return
    for customer in range(customers):
        ours, theirs = contest.ours(customer), contest.theirs(customer)
        if not contest.same(ours, theirs):
            raise Different(f"{contest.peer}, customer {customer}: {theirs!r}, not {ours!r}")


def timed(contest: Contest, customers: int, seconds: float, rounds: int = 25) -> Timed:
    """Times both in turn, about `seconds` each in all; a round of each follows a round of the other."""
    calls = [_calls(way, seconds / rounds) for way in (contest.ours, contest.theirs)]
    pairs = []
    gc.collect()
    gc.disable()
    try:
        for round_ in range(rounds):
            ours = _round(contest.ours, calls[0], customers, round_)
            theirs = _round(contest.theirs, calls[1], customers, round_)
            pairs.append((ours, theirs))
    finally:
        gc.enable()
    return Timed(
        contest.peer,
        contest.work,
        median(ours for ours, _ in pairs),
        median(theirs for _, theirs in pairs),
        median(theirs / ours for ours, theirs in pairs),
        contest.at_least,
        contest.at_most,
    )


def _calls(way: Callable[[int], object], seconds: float) -> int:
    """How many calls fill so many seconds; the first call is not counted."""
    way(0)
    begun = time.perf_counter()
    way(1)
    return max(int(seconds / (time.perf_counter() - begun)), 1)


def _round(way: Callable[[int], object], calls: int, customers: int, round_: int) -> float:
    begun = time.perf_counter()
    for call in range(calls):
        way((round_ + call) % customers)
    return (time.perf_counter() - begun) / calls


def contests(names: Sequence[str] = PEERS) -> Iterator[Contest | str]:
    """The contests of all peers that are installed; of the others a sentence that says so."""
    for name in names:
        peer = importlib.import_module(f"benchmarks.peers.{name}")
        try:
            yield from peer.contests()
        except ModuleNotFoundError as missing:
            yield f"{name}: {missing.name} is not installed (make peers)"
