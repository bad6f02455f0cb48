"""Soak: half an hour of questions and responses. Does the service get slower, does it take more and more memory?

    python -m benchmarks.soak [--minutes 30] [--rate 300] [--actions 200] [--into soak.json] [--format json]

Before the clock starts every customer's history is full, as after months: what grows then is no history.
Compared are the p99 of the first and of the last sixth (of 30 minutes: five), each by the p99 of a bare gRPC
echo in the same minutes, which somebody else asks twenty-five times a second: in half an hour a machine that
is shared gets slower and faster by itself. Memory is what the process holds in RAM, sampled every second
behind the first sixth; its slope is by least squares.
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any, Final

import grpc
from rich.console import Console
from rich.progress import Progress

from benchmarks import echo, floor, workloads
from benchmarks.targets.beside import apart
from benchmarks.targets.process import cpu_seconds, resident_bytes
from benchmarks.targets.responses import responses
from benchmarks.targets.target import Outcome
from engine.bench.latencies import Latencies
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
_ECHO_EVERY: Final = 0.04
_ECHO_BYTES: Final = 1_000
_LATE: Final = 0.005
_MIB: Final = 2**20
_SHOWN: Final = 60


@dataclass(slots=True)
class Watch:
    """What is noted every second of a run of so many seconds.

    `echoed` says what each echo took since it was last asked. `first` and `last` are the tallies of its first
    and last part, `first_echo` and `last_echo` the echo's, `held` the seconds since the start and the bytes
    held then.
    """

    seconds: float
    resident: Callable[[], int]
    step: Callable[[], None]
    echoed: Callable[[], Iterable[float]]
    first: Tally = field(default_factory=Tally)
    last: Tally = field(default_factory=Tally)
    first_echo: Latencies = field(default_factory=Latencies)
    last_echo: Latencies = field(default_factory=Latencies)
    held: list[tuple[float, int]] = field(default_factory=list)

    def note(self, course: Course, elapsed: float) -> None:
        """Takes up the last second; `elapsed` seconds since the start, negative in the warm-up."""
        self.step()
        part, echoed = self.seconds / _PARTS, self.echoed()
        if 0.0 < elapsed <= part:
            _add(course.lately, echoed, self.first, self.first_echo)
        elif elapsed > self.seconds - part:
            _add(course.lately, echoed, self.last, self.last_echo)
        if part < elapsed <= self.seconds:
            self.held.append((elapsed, self.resident()))


def _add(lately: Tally, echoed: Iterable[float], tally: Tally, echo: Latencies) -> None:
    tally.add(lately)
    for seconds in echoed:
        echo.note(seconds)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it. Times are seconds, sizes bytes; `slope` is bytes a second, `late` the generator's p99.

    `first_echo` and `last_echo` are the echo's p99 in the first and last part.
    `course` is what was held at some moments, for a picture.
    """

    seconds: float
    asked: int
    failures: dict[str, int]
    first_p99: float
    last_p99: float
    first_echo: float
    last_echo: float
    held: float
    slope: float
    late: float
    cpu: float
    course: tuple[tuple[float, int], ...] = ()

    @property
    def slower(self) -> float:
        """The p99 of the last part by that of the first, each as a multiple of the echo's."""
        return (self.last_p99 / self.last_echo) / (self.first_p99 / self.first_echo)

    @property
    def growth(self) -> float:
        """What memory grows by in such a run, as a share of what is held."""
        return self.slope * self.seconds / self.held

    def outcomes(self) -> list[Outcome]:
        """The lines of the table of targets. Nothing is judged if the generator itself came late."""
        what = f"{self.seconds / 60:g}-minute soak"
        late = "" if self.late <= _LATE else f"not judged: sent {self.late * 1e3:.0f} ms late"
        slower = (
            f"{self.slower:.2f} × ({_grown(self.first_p99, self.last_p99)}"
            f", the echo beside it {_grown(self.first_echo, self.last_echo)})"
        )
        grows = f"{self.slope * 3600 / _MIB:+.1f} MiB an hour of {self.held / _MIB:.0f} MiB"
        good = not self.failures
        return [
            Outcome(
                f"{what}: p99 / echo of the last sixth / the first, no failed call",
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
            "echo_p99_ms": [self.first_echo * 1e3, self.last_echo * 1e3],
            "resident_mib": self.held / _MIB,
            "resident_mib_at": {f"{at:.0f}": round(held / _MIB, 2) for at, held in self.course},
            "slope_mib_an_hour": self.slope * 3600 / _MIB,
            "late_ms": self.late * 1e3,
            "server_cpu_us_a_question": self.cpu / max(self.asked, 1) * 1e6,
            "targets": [one.to_dict() for one in self.outcomes()],
        }


def _grown(first: float, last: float) -> str:
    return f"{first * 1e3:.2f} → {last * 1e3:.2f} ms, {last / first:.2f} ×"


def measure(seconds: float, rate: float, actions: int, step: Callable[[], None]) -> Found:
    """Runs the load; `step` is called about once a second."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", actions)
        with (
            floor.attune(book, folder / "data") as service,
            floor.server(["benchmarks.echo", _ECHO_BYTES]) as echoer,
            echoing(echoer.address) as echoed,
        ):
            _fill_histories(service.address)
            watch = Watch(seconds, lambda: resident_bytes(service.pid), step, echoed)
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
        first_echo=watch.first_echo.at(99),
        last_echo=watch.last_echo.at(99),
        held=fmean(sizes),
        slope=linear_regression(times, sizes).slope,
        late=total.late.at(99),
        cpu=cpu,
        course=tuple(watch.held[:: max(len(watch.held) // _SHOWN, 1)]),
    )


@contextmanager
def echoing(address: str) -> Iterator[Callable[[], list[float]]]:
    """Has a process of its own ask an echo now and then; what is given tells the seconds each took lately."""
    looks, tells = multiprocessing.Pipe(duplex=False)

    def lately() -> list[float]:
        took: list[float] = []
        while looks.poll():
            took += looks.recv()
        return took

    with apart(_echo, address, tells):
        yield lately


def _echo(address: str, tells: Connection, stop: Event) -> None:
    client, question = floor.Blocking(address), bytes(_ECHO_BYTES // 10)
    while not stop.is_set():
        took = []
        for _ in range(round(1 / _ECHO_EVERY)):
            stop.wait(_ECHO_EVERY)
            took += client.took(echo.METHOD, [question], 1)
        tells.send(took)


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
