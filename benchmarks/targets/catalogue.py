"""The catalogue: every target in the order of the table, and who measures it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks import floor
from benchmarks.peers.__main__ import measured
from benchmarks.peers.contest import PEERS, Timed
from benchmarks.targets import cold, core, load, memory, redis, wire
from benchmarks.targets.target import Outcome, at_most, elsewhere

Step = Callable[[], None]


class Measured(NamedTuple):
    """All that a run found."""

    outcomes: list[Outcome]
    samples: dict[str, wire.Samples]
    contests: list[Timed]


class Effort(NamedTuple):
    """How much is measured: rounds on the wire, seconds a round under load, seconds a side of each contest.

    `customers` are on disk at a cold start; a million are filled in by the first run, in a minute.
    """

    rounds: int
    seconds: float
    contest: float
    customers: int


USUAL: Final = Effort(rounds=40, seconds=5, contest=1.0, customers=1_000_000)
QUICK: Final = Effort(rounds=6, seconds=2, contest=0.1, customers=10_000)


def measure(effort: Effort, begin: Callable[[str, int], Step]) -> Measured:
    """Measures everything; `begin` is told what is next and in how many steps, and is given a step."""
    samples = wire.run(effort.rounds, begin("the wire", effort.rounds + 2))
    blocking = _blocking(effort, begin("the wire, blocking client", 1))
    in_redis = redis.outcomes(effort.rounds, begin("the wire, in Redis", effort.rounds + 2))
    cores = core.outcomes(begin("the decision core", core.STEPS))
    longer = load.LONGER * effort.seconds
    reload = load.reloading(longer, begin("a reload under load", load.steps(longer)))
    learning = load.learning(
        effort.seconds, begin("learning under load", load.steps(effort.seconds))
    )
    memory_ = memory.outcome(begin("memory", memory.STEPS))
    cold_ = cold.outcome(effort.customers, begin("cold start", cold.steps(effort.customers)))
    contests, absent = _peers(effort, begin("peers", 14))
    outcomes = [
        *wire.outcomes(samples),
        *blocking,
        *in_redis,
        *cores,
        *map(_contest, contests),
        *(Outcome("a peer", "", remark=sentence) for sentence in absent),
        reload,
        learning,
        memory_,
        cold_,
        *_HOURS,
    ]
    return Measured(outcomes, samples, contests)


def _blocking(effort: Effort, step: Step) -> list[Outcome]:
    """The first target again by grpc's blocking client, which the scheduler treats otherwise."""
    found = floor.measure(wire.ACTIONS, effort.rounds, 200, "sync", quiet=True)
    step()
    what = "Decide, 200 × 200, 10 offers, blocking client"
    return [
        at_most(f"{what}: p50 / echo", float(found["ratio_p50"]), 1.20),
        at_most(f"{what}: p99 / echo", float(found["ratio_p99"]), 1.5),
    ]


def _peers(effort: Effort, step: Step) -> tuple[list[Timed], list[str]]:
    return measured(PEERS, effort.contest, lambda what: step())


def _contest(one: Timed) -> Outcome:
    what = f"{one.work}: {one.peer} / Attune"
    told = f"{one.ratio:.2f} ×"
    remark = f"{one.ours * 1e6:,.1f} µs against {one.theirs * 1e6:,.1f} µs"
    promised = "" if one.at_least is None else f"≥ {one.at_least:g} ×"
    if one.at_most is not None:
        what, told = f"{one.work}: Attune / {one.peer}", f"{1 / one.ratio:.2f} ×"
        promised = f"≤ {one.at_most:g} ×"
    return Outcome(what, promised, told, one.met, one.ratio, remark)


_HOURS: Final = [
    elsewhere(
        "30-minute soak: p99 of the last five minutes / the first five; memory slope",
        "≤ 1.2 ×, ~ 0",
        "make bench-soak",
    ),
]
