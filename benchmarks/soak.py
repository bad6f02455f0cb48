"""Soak: half an hour of questions and responses. Does the service get slower, does it take more and more memory?

    python -m benchmarks.soak [--minutes 30] [--rate 300] [--actions 200] [--into soak.json] [--format json]

Before the clock starts every customer's history is full, as after months: what grows then is no history.
Compared are the p99 of the first and of the last sixth (of 30 minutes: five). Memory is what the process
holds in RAM, sampled every second behind the first sixth; its slope is by least squares.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any, Final

import grpc
from rich.console import Console
from rich.progress import Progress

from benchmarks import floor, workloads
from benchmarks.targets.process import cpu_seconds, resident_bytes
from benchmarks.targets.responses import responses
from benchmarks.targets.target import Outcome
from engine.bench.plan import Page, Plan
from engine.bench.run import Course, run
from engine.bench.tally import Tally
from engine.respond import MAX_TOUCHES
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.event_pb2_grpc import EventServiceStub

CUSTOMERS: Final = 50
RESPONSES: Final = 0.3
"""The share of answers that a response follows."""

SLOWER: Final = 1.2
"""What the p99 of the last part may be of the first."""

GROWTH: Final = 0.01
"""What memory may grow by until the end, as a share of what was held."""

_PARTS: Final = 6
_WARM_UP: Final = 10.0
_LATE: Final = 0.005
_MIB: Final = 2**20
_SHOWN: Final = 60


@dataclass(slots=True)
class Watch:
    """What is noted every second of a run of so many seconds.

    `first` and `last` are the tallies of its first and last part, `held` the seconds since the start and
    the bytes held then.
    """

    seconds: float
    resident: Callable[[], int]
    step: Callable[[], None]
    first: Tally = field(default_factory=Tally)
    last: Tally = field(default_factory=Tally)
    held: list[tuple[float, int]] = field(default_factory=list)

    def note(self, course: Course, elapsed: float) -> None:
        """Takes up the last second; `elapsed` seconds since the start, negative in the warm-up."""
        self.step()
        part = self.seconds / _PARTS
        if 0.0 < elapsed <= part:
            self.first.add(course.lately)
        elif elapsed > self.seconds - part:
            self.last.add(course.lately)
        if part < elapsed <= self.seconds:
            self.held.append((elapsed, self.resident()))


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it. Times are seconds, sizes bytes; `slope` is bytes a second, `late` the generator's p99.

    `course` is what was held at some moments, for a picture.
    """

    seconds: float
    asked: int
    failures: dict[str, int]
    first_p99: float
    last_p99: float
    held: float
    slope: float
    late: float
    cpu: float
    course: tuple[tuple[float, int], ...] = ()

    @property
    def slower(self) -> float:
        """The p99 of the last part by that of the first."""
        return self.last_p99 / self.first_p99

    @property
    def growth(self) -> float:
        """What memory grows by in such a run, as a share of what is held."""
        return self.slope * self.seconds / self.held

    def outcomes(self) -> list[Outcome]:
        """The lines of the table of targets. Nothing is judged if the generator itself came late."""
        what = f"{self.seconds / 60:g}-minute soak"
        late = "" if self.late <= _LATE else f"not judged: sent {self.late * 1e3:.0f} ms late"
        slower = f"{self.slower:.2f} × ({self.first_p99 * 1e3:.1f} → {self.last_p99 * 1e3:.1f} ms)"
        grows = f"{self.slope * 3600 / _MIB:+.1f} MiB an hour of {self.held / _MIB:.0f} MiB"
        good = not self.failures
        return [
            Outcome(
                f"{what}: p99 of the last sixth / the first, no failed call",
                f"≤ {SLOWER:g} ×",
                slower + "".join(f", {n} {name}" for name, n in self.failures.items()),
                None if late else good and self.slower <= SLOWER,
                self.slower,
                late,
            ),
            Outcome(
                f"{what}: growth of resident memory",
                f"≤ {GROWTH:.0%} in the run",
                f"{self.growth:+.2%} ({grows})",
                self.growth <= GROWTH,
                self.growth,
                "by least squares, histories full before",
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "seconds": self.seconds,
            "asked": self.asked,
            "failures": self.failures,
            "p99_ms": [self.first_p99 * 1e3, self.last_p99 * 1e3],
            "resident_mib": self.held / _MIB,
            "resident_mib_at": {f"{at:.0f}": round(held / _MIB, 2) for at, held in self.course},
            "slope_mib_an_hour": self.slope * 3600 / _MIB,
            "late_ms": self.late * 1e3,
            "server_cpu_us_a_question": self.cpu / max(self.asked, 1) * 1e6,
            "targets": [one.to_dict() for one in self.outcomes()],
        }


def measure(seconds: float, rate: float, actions: int, step: Callable[[], None]) -> Found:
    """Runs the load; `step` is called about once a second."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", actions)
        with floor.attune(book, folder / "data") as service:
            _fill_histories(service.address)
            watch = Watch(seconds, lambda: resident_bytes(service.pid), step)
            before = cpu_seconds(service.pid)
            course = asyncio.run(run(_plan(service.address, seconds, rate), watch.note))
            return found(watch, course.total, cpu_seconds(service.pid) - before)


def found(watch: Watch, total: Tally, cpu: float) -> Found:
    """What the seconds noted come to. Raises ValueError if there are too few."""
    times, sizes = zip(*watch.held, strict=True)
    return Found(
        seconds=watch.seconds,
        asked=total.asked,
        failures=dict(total.failures),
        first_p99=watch.first.at(99),
        last_p99=watch.last.at(99),
        held=fmean(sizes),
        slope=linear_regression(times, sizes).slope,
        late=total.late.at(99),
        cpu=cpu,
        course=tuple(watch.held[:: max(len(watch.held) // _SHOWN, 1)]),
    )


def _fill_histories(address: str) -> None:
    """Has every customer see as many offers as a history holds."""
    with grpc.insecure_channel(address) as channel:
        record = EventServiceStub(channel).RecordEvents
        for batch in responses(channel, CUSTOMERS * MAX_TOUCHES, CUSTOMERS):
            record(batch, timeout=60)


def _plan(address: str, seconds: float, rate: float) -> Plan:
    people = islice(workloads.customers(floor.CUSTOMERS), CUSTOMERS)
    return Plan(
        server=address, tls_ca=None, rate=rate, seconds=seconds, warm_up=_WARM_UP, processes=1,
        stream=False, budget_ms=0, pages=(Page("web", (workloads.PLACEMENT,), 1.0),),
        customers=tuple(customer.customer_id for customer in people),
        responses=RESPONSES, template=DecideRequest(), seed=1,
    )  # fmt: skip


def main() -> None:
    """Measures, prints, and ends with 1 if a target was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--actions", type=int, default=200)
    parser.add_argument("--into", type=Path, help="write what was found there, as JSON")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    asked = parser.parse_args()
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("soaking", total=60 * asked.minutes + _WARM_UP)
        come = measure(60 * asked.minutes, asked.rate, asked.actions, lambda: bar.advance(task))
    written = json.dumps(come.to_dict(), indent=2)
    if asked.into:
        asked.into.parent.mkdir(parents=True, exist_ok=True)
        asked.into.write_text(written + "\n")
    if asked.format == "json":
        print(written)
    else:
        for one in come.outcomes():
            print(
                f"{one.verdict:6} {one.what}: {one.measured} (target {one.promised}) {one.remark}"
            )
    raise SystemExit(any(one.met is False for one in come.outcomes()))


if __name__ == "__main__":
    main()
