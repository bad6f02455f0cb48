"""Under load: 500 questions a second by `attune bench`'s generator, with and without something else going on."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Final

import grpc

from benchmarks import floor, workloads
from benchmarks.targets.beside import apart, meanwhile
from benchmarks.targets.responses import BATCH, responses
from benchmarks.targets.target import Outcome
from engine.bench.plan import Page, Plan
from engine.bench.run import run
from engine.bench.tally import Tally
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.event_pb2 import RecordEventsRequest
from engine.wire.event_pb2_grpc import EventServiceStub
from engine.wire.rulebook_pb2 import GetRuleBookStatusRequest
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub

RATE: Final = 500.0
RESPONSES: Final = 1_000
ROUNDS: Final = 5
"""Quoted is the median over so many rounds of each round's ratio."""

LONGER: Final = 2
"""How often the usual seconds a side of `reloading` has: a reload takes its time where cores are few."""

_TAKES_OVER: Final = 60.0
"""Seconds a book that was written has to be in force."""

_LOOKS_EVERY: Final = 0.5
_WARM_UP: Final = 1.0

_ACTIONS: Final = "actions/all.yaml"
_LATE: Final = 0.005
"""Seconds late at p99 beyond which the machine, not the service, is what was measured."""


def steps(seconds: float) -> int:
    """How often what takes so many seconds a round and side steps, about: once a second."""
    return 2 * ROUNDS * round(seconds + 1)


def reloading(seconds: float, step: Callable[[], None]) -> Outcome:
    """2,000 conditions replaced while decisions go on, once a round; so many seconds a round and side.

    The next round begins when the book that was written is in force.
    """
    what = "a reload of 2,000 conditions under 500 questions/s: p99 during / before, no failed call"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", 2_000)
        others = _others(folder, ROUNDS)
        with floor.attune(book, folder / "data") as service:
            loads = _loads(service.address)

            def rewriting(number: int) -> AbstractContextManager[None]:
                return apart(_rewrite, book / _ACTIONS, others[number], service.address)

            rounds = _in_turn(service.address, seconds, step, rewriting)
            loads = _loads(service.address) - loads
    remark = f"{loads} reloads in {ROUNDS * seconds:g} s"
    return _judged(what, rounds, remark, enough=loads == ROUNDS)


def learning(seconds: float, step: Callable[[], None]) -> Outcome:
    """A thousand responses a second while decisions go on; so many seconds a round and side."""
    what = "learning 1,000 responses/s under 500 questions/s: p99 with / without"
    each = round(RESPONSES * (seconds + 3) / BATCH)
    sent: list[int] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", 200)
        with (
            floor.attune(book, folder / "data") as service,
            grpc.insecure_channel(service.address) as channel,
        ):
            batches = list(responses(channel, ROUNDS * each * BATCH, floor.CUSTOMERS))

            def responding(number: int) -> AbstractContextManager[None]:
                return meanwhile(_respond, channel, batches[number * each :][:each], sent)

            rounds = _in_turn(service.address, seconds, step, responding)
    rate = len(sent) * BATCH / (ROUNDS * (seconds + 1))
    return _judged(what, rounds, f"{rate:,.0f} responses/s kept", rate > 0.9 * RESPONSES)


def _in_turn(
    address: str,
    seconds: float,
    step: Callable[[], None],
    beside: Callable[[int], AbstractContextManager[None]],
) -> list[tuple[Tally, Tally]]:
    """Of each round what came back with nothing beside, and with what is `beside` in that round."""
    rounds = []
    for number in range(ROUNDS):
        before = _asked(address, seconds, step)
        with beside(number):
            rounds.append((before, _asked(address, seconds, step)))
    return rounds


def _judged(what: str, rounds: list[tuple[Tally, Tally]], remark: str, enough: bool) -> Outcome:
    ratio = median(during.at(99) / before.at(99) for before, during in rounds)
    without, with_ = (median(tally.at(99) for tally in side) for side in zip(*rounds, strict=True))
    failed = sum(tally.unanswered for both in rounds for tally in both)
    told = f"{ratio:.2f} × ({without * 1e3:.1f} → {with_ * 1e3:.1f} ms)"
    if failed:
        told += f", {failed} failed"
    late = median(tally.late.at(99) for both in rounds for tally in both)
    if late > _LATE:
        remark = f"not judged: this machine sent questions {late * 1e3:.0f} ms late; {remark}"
        return Outcome(what, "≤ 1.5 ×", told, None, ratio, remark)
    return Outcome(what, "≤ 1.5 ×", told, enough and not failed and ratio <= 1.5, ratio, remark)


def _asked(address: str, seconds: float, step: Callable[[], None]) -> Tally:
    plan = Plan(
        server=address, tls_ca=None, rate=RATE, seconds=seconds, warm_up=_WARM_UP, processes=1,
        stream=False, budget_ms=0, pages=(Page("web", (workloads.PLACEMENT,), 1.0),),
        customers=tuple(c.customer_id for c in workloads.customers(floor.CUSTOMERS)),
        responses=0.0, template=DecideRequest(), seed=1,
    )  # fmt: skip
    return asyncio.run(run(plan, lambda course, elapsed: step())).total


def _others(folder: Path, count: int) -> list[bytes]:
    """So many other versions of the book's actions, whose conditions are all others."""
    return [
        (workloads.write_book(folder / f"other-{seed}", 2_000, seed) / _ACTIONS).read_bytes()
        for seed in range(10, 10 + count)
    ]


def _rewrite(actions: Path, other: bytes, address: str, stop: Event) -> None:
    """Puts another in the place of the actions when the load has warmed up; ends when it has taken over."""
    stop.wait(_WARM_UP)
    before, begun = _loads(address), time.monotonic()
    actions.write_bytes(other)
    while _loads(address) == before and time.monotonic() - begun < _TAKES_OVER:
        time.sleep(_LOOKS_EVERY)


def _loads(address: str) -> int:
    with grpc.insecure_channel(address) as channel:
        status = RuleBookServiceStub(channel).GetRuleBookStatus(GetRuleBookStatusRequest())
        return int(status.loads_accepted)


def _respond(
    channel: grpc.Channel,
    batches: list[RecordEventsRequest],
    sent: list[int],
    stop: threading.Event,
) -> None:
    """Sends a batch whenever its time has come; notes each that was kept."""
    record, begun = EventServiceStub(channel).RecordEvents, time.monotonic()
    for number, batch in enumerate(batches):
        due = begun + number * BATCH / RESPONSES
        if stop.wait(max(due - time.monotonic(), 0)):
            return
        record(batch, timeout=10)
        sent.append(number)
