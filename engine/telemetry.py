"""Telemetry: what operations see of the journey, as structured logs and Prometheus metrics."""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import Any, Final, NamedTuple, Protocol, TextIO, TypeAlias, runtime_checkable

import numpy as np
import structlog
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from engine.columns import Vector
from engine.edges.grpc.port import RuleBookStatus
from engine.model import SECOND, Degradation, EventResult, EventStatus, Step
from engine.native import native
from engine.rulebook.book import RuleBook
from engine.running.pages import page, pages_at
from engine.running.spread import Spread, buckets_of
from engine.settings import Address
from engine.stages import STAGE_BOUNDS, STAGES, WAIT, StageTally

LATENCY_BOUNDS: Final = (
    0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 1.0,
)  # fmt: skip
"""Upper bounds of the latency histogram's buckets, in seconds."""

_LATENCIES: Final = np.array(LATENCY_BOUNDS)
_STACK: Final = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def set_up_logs(format_: str = "auto", stream: TextIO | None = None) -> None:
    """Sends structlog and the standard library's warnings to `stream` (standard error).

    Tracebacks come without local variables, which may hold customers' data. `format_` is `text`, `json`, or `auto`: text if the stream is a terminal.
    """
    stream = stream or sys.stderr
    text = format_ == "text" or (format_ == "auto" and stream.isatty())
    stamp: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    look: list[structlog.typing.Processor] = (
        [_console(stream)]
        if text
        else [structlog.processors.ExceptionRenderer(_STACK), structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*stamp, *look],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    borrowed = logging.StreamHandler(stream)
    borrowed.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=stamp,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *look],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [borrowed]
    root.setLevel(logging.WARNING)


def _console(stream: TextIO) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


class Gauge(NamedTuple):
    """A figure read whenever somebody asks for the metrics, from the exporter's thread.

    One whose name ends in `_total` is a counter: it only ever rises.
    """

    name: str
    help: str
    read: Callable[[], float]


class Figures(NamedTuple):
    """Figures of several things of one kind, read like a `Gauge`: by what `label` names."""

    name: str
    help: str
    label: str
    read: Callable[[], Mapping[str, float]]


@runtime_checkable
class Watched(Protocol):
    """What has figures of its own to show, such as how far behind it is."""

    def gauges(self) -> Sequence[Gauge | Figures]:
        """The figures; each `read` is quick and safe from another thread."""


class Meter(Protocol):
    """What the edge reports as it happens; each call costs well under a microsecond."""

    def decided(self, channel: str, seconds: float, degraded: Sequence[Degradation]) -> None:
        """One decision was answered after `seconds`."""

    def waited(self, channel: str, seconds: float) -> None:
        """A question was taken up, so many seconds after the first one of the same turn of the loop."""

    def staged(self, channel: str, took: tuple[float, ...]) -> None:
        """The same decision, by the seconds of each of `engine.stages.STAGES`."""

    def recorded(self, results: Sequence[EventResult]) -> None:
        """A batch of events was answered."""

    def failed(self, method: str, code: str) -> None:
        """A call or a question on a stream was answered with a status other than OK."""

    def watch(self, gauge: Gauge | Figures | Spread) -> None:
        """A figure to be read whenever the metrics are; it takes the place of one of its name."""


class Metrics(Collector):
    """Counts in plain dictionaries and arrays; Prometheus' own metrics cost ten times as much a call.

    `errors` counts refusals by method and status code.

    >>> metrics = Metrics()
    >>> metrics.recorded([EventResult(EventStatus.ACCEPTED), EventResult(EventStatus.DUPLICATE)])
    >>> [(s.labels, s.value) for m in metrics.collect() for s in m.samples if "events" in s.name]
    [({'status': 'accepted'}, 1), ({'status': 'duplicate'}, 1)]
    """

    def __init__(self) -> None:
        self._latency: dict[str, Vector] = {}
        self._stages: dict[str, StageTally] = {}
        self._degraded: Counter[Step] = Counter()
        self._events: Counter[EventStatus] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        self._gauges: dict[str, Gauge | Figures | Spread] = {}
        self._rules: Callable[[], Rules] | None = None

    def follow(self, rules: Callable[[], "Rules"]) -> None:
        """Has the rule book told of among the metrics; `rules` is asked whenever they are read."""
        self._rules = rules

    def decided(self, channel: str, seconds: float, degraded: Sequence[Degradation]) -> None:
        """See `Meter`."""
        tally = self._latency.get(channel)
        if tally is None:
            tally = self._latency[channel] = np.zeros(len(LATENCY_BOUNDS) + 2)
        native.tally(tally, _LATENCIES, (seconds,))
        for step, _ in degraded:
            self._degraded[step] += 1

    def waited(self, channel: str, seconds: float) -> None:
        """See `Meter`."""
        tally = self._stages.get(channel)
        if tally is None:
            tally = self._stages[channel] = StageTally()
        tally.waited(seconds)

    def staged(self, channel: str, took: tuple[float, ...]) -> None:
        """See `Meter`."""
        tally = self._stages.get(channel)
        if tally is None:
            tally = self._stages[channel] = StageTally()
        tally.note(took)

    def recorded(self, results: Sequence[EventResult]) -> None:
        """See `Meter`."""
        for status, _ in results:
            self._events[status] += 1

    def failed(self, method: str, code: str) -> None:
        """See `Meter`."""
        self.errors[method, code] += 1

    def watch(self, gauge: Gauge | Figures | Spread) -> None:
        """See `Meter`."""
        self._gauges[gauge.name] = gauge

    def calls(self) -> int:
        """How many decisions were answered, and calls refused."""
        answered = sum(int(tally[:-1].sum()) for tally in self._latency.values())
        return answered + self.errors.total()

    def collect(self) -> Iterator[Metric]:
        """The state as Prometheus reads it. Called from the exporter's thread."""
        latency = HistogramMetricFamily(
            "attune_decision_seconds",
            "Time from a question's arrival to its answer, by channel.",
            labels=["channel"],
        )
        decisions = CounterMetricFamily(
            "attune_decisions", "Decisions answered, by channel.", labels=["channel"]
        )
        for channel, tally in list(self._latency.items()):
            cumulative, total = buckets_of(LATENCY_BOUNDS, tally.tolist())
            latency.add_metric([channel], cumulative, total)
            decisions.add_metric([channel], cumulative[-1][1])
        yield latency
        yield decisions
        yield self._of_stages()
        yield _counter("attune_degraded", "Steps skipped.", "step", self._degraded)
        yield _counter("attune_events", "Events taken in, by status.", "status", self._events)
        errors = CounterMetricFamily(
            "attune_errors", "Calls answered with an error.", labels=["method", "code"]
        )
        for labels, count in list(self.errors.items()):
            errors.add_metric(list(labels), count)
        yield errors
        for gauge in list(self._gauges.values()):
            yield _family(gauge)
        if self._rules is not None:
            yield from _of_rules(*self._rules())

    def _of_stages(self) -> Metric:
        family = HistogramMetricFamily(
            "attune_stage_seconds",
            "Time each stage of a decision took, by stage and channel.",
            labels=["stage", "channel"],
        )
        for channel, tally in list(self._stages.items()):
            for place, stage in enumerate((*STAGES, WAIT)):
                family.add_metric([stage, channel], *buckets_of(STAGE_BOUNDS, tally.row(place)))
        return family


def _family(gauge: Gauge | Figures | Spread) -> Metric:
    if isinstance(gauge, Spread):
        spread = HistogramMetricFamily(gauge.name, gauge.help)
        spread.add_metric([], *gauge.buckets())
        return spread
    if isinstance(gauge, Gauge):
        kind = CounterMetricFamily if gauge.name.endswith("_total") else GaugeMetricFamily
        return kind(gauge.name, gauge.help, value=gauge.read())
    family = GaugeMetricFamily(gauge.name, gauge.help, labels=[gauge.label])
    for name, figure in gauge.read().items():
        family.add_metric([name], figure)
    return family


def exposed(
    metrics: Collector, address: Address, unready: Callable[[], str] = lambda: ""
) -> AbstractContextManager[Address]:
    """Serves the metrics over HTTP at `/metrics` from a thread; yields where, and stops at the end.

    Beside them `/ready`, 503 with the reason where `unready` has one, and `/live`, which only says that
    the process answers.

    Raises:
        InvalidInput: the address cannot be listened on.
    """
    return pages_at(address, lambda path: page(path, metrics, "", unready()))


Rules: TypeAlias = tuple[RuleBook | None, RuleBookStatus]


def _of_rules(book: RuleBook | None, status: RuleBookStatus) -> Iterator[Metric]:
    """Which book decides, since when, and whether it is the one in the files."""
    loads = CounterMetricFamily(
        "attune_rulebook_loads", "Rule books put in force, and refused.", labels=["result"]
    )
    loads.add_metric(["accepted"], status.accepted)
    loads.add_metric(["refused"], status.refused)
    yield loads
    yield GaugeMetricFamily(
        "attune_rulebook_mistakes",
        "Mistakes in the rule book's files; above 0 an earlier book decides.",
        len(status.last_load_error),
    )
    if book is not None:
        since = GaugeMetricFamily(
            "attune_rulebook_active_since_seconds",
            "When the rule book in force took over, in seconds since 1970.",
            labels=["version"],
        )
        since.add_metric([book.version], status.active_since / SECOND)
        yield since


def _counter(name: str, help_: str, label: str, counts: Counter[Any]) -> Metric:
    family = CounterMetricFamily(name, help_, labels=[label])
    for key, count in list(counts.items()):
        family.add_metric([str(key.name).lower() if isinstance(key, IntEnum) else key], count)
    return family
