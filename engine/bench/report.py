"""The report: one run as a file, to be read by people, programs and the next run."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import inf
from os import cpu_count
from pathlib import Path
from typing import Any, Final

import orjson

from engine.bench.latencies import Latencies
from engine.bench.plan import Plan
from engine.bench.run import Course
from engine.bench.slo import Verdict
from engine.errors import InvalidInput, Violation

FORMAT: Final = 1
PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)
_LATE: Final = 0.005
"""Seconds late at the 99th percentile beyond which the generator did not keep up."""
_BUSY: Final = 0.9
"""CPU seconds a second beyond which one client process did not keep up."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is written. Latencies are milliseconds, shares and `busy` are in [0, 1].

    Attributes:
        latency_ms: by percentile ("p99"), "mean" and "max", of good answers.
        histogram: the same latencies in microseconds, in HdrHistogram's format.
        rate: good answers a second of the time measured.
        placed, fallbacks: placements answered, and how many of them got their fallback.
        late_ms: how late questions were sent; latencies include it.
        busy: the busiest client process.
    """

    format: int
    started: str
    server: str
    rulebook_version: str
    load: dict[str, Any]
    asked: int
    answered: int
    rate: float
    failures: dict[str, int]
    degraded: int
    degraded_steps: dict[str, int]
    placed: int
    fallbacks: int
    latency_ms: dict[str, float]
    recorded: int
    record_latency_ms: dict[str, float]
    late_ms: dict[str, float]
    busy: float
    kept_up: bool
    slo: list[dict[str, Any]]
    histogram: str
    machine: str

    def write(self, path: Path) -> None:
        """Writes it as JSON. Raises OSError."""
        path.write_bytes(self.to_json() + b"\n")

    def to_json(self) -> bytes:
        """As JSON, indented."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)


def report(
    plan: Plan, course: Course, verdicts: Iterable[Verdict], version: str, started: datetime
) -> Report:
    """What a run came to."""
    total, busy = course.total, max(course.busy, default=0.0)
    late = total.late.at(99)
    return Report(
        format=FORMAT,
        started=started.astimezone(UTC).isoformat(timespec="seconds"),
        server=plan.server,
        rulebook_version=version,
        load=load_of(plan),
        asked=total.asked,
        answered=total.waited.count,
        rate=total.waited.count / plan.seconds,
        failures=dict(total.failures),
        degraded=total.degraded,
        degraded_steps=dict(total.steps),
        placed=total.placed,
        fallbacks=total.fallbacks,
        latency_ms=_percentiles(total.waited),
        recorded=total.recorded.count,
        record_latency_ms=_percentiles(total.recorded),
        late_ms=_percentiles(total.late),
        busy=busy,
        kept_up=late <= _LATE and busy <= _BUSY,
        slo=[asdict(verdict) for verdict in verdicts],
        histogram=total.waited.encoded(),
        machine=f"{cpu_count()} CPUs, {platform.system()} {platform.machine()}",
    )


def load_of(plan: Plan) -> dict[str, Any]:
    """What of a plan must be alike for two reports to be comparable."""
    mix: Counter[str] = Counter()
    for page in plan.pages:
        mix[page.channel] += page.weight  # type: ignore[assignment]  # weights need not be whole
    return {
        "rate": plan.rate,
        "seconds": plan.seconds,
        "stream": plan.stream,
        "budget_ms": plan.budget_ms,
        "mix": {channel: weight / sum(mix.values()) for channel, weight in mix.items()},
        "responses": plan.responses,
        "dry_run": plan.template.dry_run,
        "processes": plan.processes,
    }


def read(path: Path) -> Report:
    """An earlier report. Raises InvalidInput if the file is none."""
    try:
        plain: Mapping[str, Any] = orjson.loads(path.read_bytes())
        if plain["format"] != FORMAT:
            raise _unreadable(path, f"is of format {plain['format']}, this reads {FORMAT}")
        return Report(**plain)
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise _unreadable(path, "is no report of `attune bench`") from None


def _unreadable(path: Path, why: str) -> InvalidInput:
    return InvalidInput([Violation(str(path), why)])


def _percentiles(waited: Latencies) -> dict[str, float]:
    named = {f"p{percent:g}": waited.at(percent) for percent in PERCENTILES}
    named |= {"mean": waited.mean, "max": waited.highest}
    return {name: round(seconds * 1e3, 3) for name, seconds in named.items() if seconds < inf}
