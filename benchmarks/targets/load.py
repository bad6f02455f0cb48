"""Under load: 500 questions a second by `attune bench`'s generator, with and without something else going on."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
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
_ACTIONS: Final = "actions/all.yaml"
_LATE: Final = 0.005
"""Seconds late at p99 beyond which the machine, not the service, is what was measured."""


def reloading(seconds: float, step: Callable[[], None]) -> Outcome:
    """2,000 conditions replaced while decisions go on."""
    what = "a reload of 2,000 conditions under 500 questions/s: p99 during / before, no failed call"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", 2_000)
        others = _others(folder, int(seconds) + 1)
        with floor.attune(book, folder / "data") as service:
            before = _asked(service.address, seconds, step)
            loads = _loads(service.address)
            with apart(_rewrite, book / _ACTIONS, others, service.address):
                during = _asked(service.address, seconds, step)
            loads = _loads(service.address) - loads
    remark = f"{loads} {'reload' if loads == 1 else 'reloads'} in {seconds:g} s"
    return _judged(what, before, during, remark, enough=loads > 0)


def learning(seconds: float, step: Callable[[], None]) -> Outcome:
    """A thousand responses a second while decisions go on."""
    what = "learning 1,000 responses/s under 500 questions/s: p99 with / without"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", 200)
        with (
            floor.attune(book, folder / "data") as service,
            grpc.insecure_channel(service.address) as channel,
        ):
            events = list(responses(channel, int(RESPONSES * (seconds + 3)), floor.CUSTOMERS))
            before = _asked(service.address, seconds, step)
            sent: list[int] = []
            with meanwhile(_respond, channel, events, sent):
                during = _asked(service.address, seconds, step)
    rate = len(sent) * BATCH / (seconds + 1)
    return _judged(what, before, during, f"{rate:,.0f} responses/s kept", rate > 0.9 * RESPONSES)


def _judged(what: str, before: Tally, during: Tally, remark: str, enough: bool) -> Outcome:
    ratio = during.at(99) / before.at(99)
    failed = before.unanswered + during.unanswered
    told = f"{ratio:.2f} × ({before.at(99) * 1e3:.1f} → {during.at(99) * 1e3:.1f} ms)"
    if failed:
        told += f", {failed} failed"
    late = max(before.late.at(99), during.late.at(99))
    if late > _LATE:
        remark = f"not judged: this machine sent questions {late * 1e3:.0f} ms late; {remark}"
        return Outcome(what, "≤ 1.5 ×", told, None, ratio, remark)
    return Outcome(what, "≤ 1.5 ×", told, enough and not failed and ratio <= 1.5, ratio, remark)


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
