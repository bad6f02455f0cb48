"""Under load: 500 questions a second by `attune bench`'s generator, with and without something else going on."""

import asyncio
import io
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
from engine.edges.rules.child import begin
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.event_pb2 import RecordEventsRequest
from engine.wire.event_pb2_grpc import EventServiceStub
from engine.wire.rulebook_pb2 import GetRuleBookStatusRequest
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub

RATE: Final = 500.0
RESPONSES: Final = 1_000
ROUNDS: Final = 5
"""Quoted is the median over so many rounds of each round's ratio."""

SIDES: Final = 3
"""Of `reloading`: nothing beside, a reload, and a compiler beside."""

_AT_ONCE: Final = 1 << 16
_ACTIONS: Final = "actions/all.yaml"
_LATE: Final = 0.005
"""Seconds late at p99 beyond which the machine, not the service, is what was measured."""


def steps(seconds: float, sides: int = 2) -> int:
    """How often what has so many sides steps, about: once a second."""
    return sides * ROUNDS * round(seconds + 1)


def reloading(seconds: float, step: Callable[[], None]) -> list[Outcome]:
    """2,000 conditions replaced while decisions go on; so many seconds a round and side.

    The second outcome is what the machine has of it: the same book compiled by the same process, for nobody.
    """
    what = "a reload of 2,000 conditions under 500 questions/s: p99 during / before, no failed call"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", 2_000)
        others = _others(folder, ROUNDS * (int(seconds) + 1))
        with floor.attune(book, folder / "data") as service:
            loads = _loads(service.address)

            def rewriting(number: int) -> AbstractContextManager[None]:
                return apart(_rewrite, book / _ACTIONS, others[number::ROUNDS], service.address)

            def compiling(_: int) -> AbstractContextManager[None]:
                return meanwhile(_compile, book)

            rounds = _in_turn(service.address, seconds, step, rewriting, compiling)
            loads = _loads(service.address) - loads
    remark = f"{loads} {'reload' if loads == 1 else 'reloads'} in {ROUNDS * seconds:g} s"
    reloaded = _judged(what, [[b, r] for b, r, _ in rounds], remark, enough=loads > 0)
    beside = "the same book compiled beside the service, which does not reload: p99 during / before"
    ratio, told = _ratio([[b, c] for b, _, c in rounds])
    return [reloaded, Outcome(beside, "", told, None, ratio)]


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
    *besides: Callable[[int], AbstractContextManager[None]],
) -> list[list[Tally]]:
    """Of each round what came back with nothing beside, and with each of what is beside in that round."""
    rounds = []
    for number in range(ROUNDS):
        sides = [_asked(address, seconds, step)]
        for beside in besides:
            with beside(number):
                sides.append(_asked(address, seconds, step))
        rounds.append(sides)
    return rounds


def _judged(what: str, rounds: list[list[Tally]], remark: str, enough: bool) -> Outcome:
    ratio, told = _ratio(rounds)
    failed = sum(tally.unanswered for both in rounds for tally in both)
    if failed:
        told += f", {failed} failed"
    late = median(tally.late.at(99) for both in rounds for tally in both)
    if late > _LATE:
        remark = f"not judged: this machine sent questions {late * 1e3:.0f} ms late; {remark}"
        return Outcome(what, "≤ 1.5 ×", told, None, ratio, remark)
    return Outcome(what, "≤ 1.5 ×", told, enough and not failed and ratio <= 1.5, ratio, remark)


def _ratio(rounds: list[list[Tally]]) -> tuple[float, str]:
    """The median of each round's ratio of p99, as a number and as people read it."""
    ratio = median(during.at(99) / before.at(99) for before, during in rounds)
    without, with_ = (median(tally.at(99) for tally in side) for side in zip(*rounds, strict=True))
    return ratio, f"{ratio:.2f} × ({without * 1e3:.1f} → {with_ * 1e3:.1f} ms)"


def _asked(address: str, seconds: float, step: Callable[[], None]) -> Tally:
    plan = Plan(
        server=address, tls_ca=None, rate=RATE, seconds=seconds, warm_up=1.0, processes=1,
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


def _rewrite(actions: Path, others: list[bytes], address: str, stop: Event) -> None:
    """Puts the next of the others in the place of the actions, whenever the last have taken over."""
    written_at = -1
    while others and not stop.wait(1.0):
        if (loads := _loads(address)) == written_at:
            continue
        written_at = loads
        actions.write_bytes(others.pop(0))


def _compile(book: Path, stop: threading.Event) -> None:
    """Has the service's compiler, which stands back as it does there, compile a book again and again, for nobody."""
    while not stop.wait(1.0):
        begun = begin(book)
        with begun.process.stdout or io.BytesIO() as parcel, begun.said:
            while parcel.read(_AT_ONCE) and not stop.is_set():
                pass
            begun.process.kill()
            begun.process.wait()


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
