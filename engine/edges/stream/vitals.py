"""The vital signs of a worker: figures for Prometheus, whether it lives, and whether it is ready."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.edges.stream.group import NOBODY, Standing
from engine.edges.stream.inbox import Progress
from engine.edges.stream.stalls import END_AFTER
from engine.edges.stream.watch import Seen
from engine.triggers.outreach import Tally

STALLED_AFTER: Final = END_AFTER / 2
"""Seconds without a commit, while there is something to commit, after which a worker does not live."""

SILENT_AFTER: Final = 60.0
"""Seconds after which a worker that has not looked after itself does not live: its event loop stands."""


class Waits(Protocol):
    """What may have to wait for Redis or Kafka."""

    waiting: bool


@dataclass(frozen=True, slots=True, eq=False)
class Vitals(Collector):
    """Read from the thread that serves them; every figure is one the worker keeps anyway.

    Attributes:
        seen: what the worker saw of its group last.
        progress: what it has applied.
        parts: those of it that may have to wait.
        redis_is_up: whether Redis is reached.
        rebalances: how often the group was divided anew.
        clock: in seconds, never going back; that of `seen`.
        triggers: what became of them; None where none is heard.
        books: how many different rule books the workers of the installation have, none counted as one.
    """

    seen: Seen
    progress: Progress
    parts: Sequence[Waits]
    redis_is_up: Callable[[], bool]
    rebalances: Callable[[], int]
    clock: Callable[[], float]
    triggers: Tally | None = None
    books: Callable[[], int] = lambda: 1

    def dying(self) -> str:
        """Why it does not live; empty while it does. Redis or Kafka being away is no reason."""
        silent = self.clock() - self.seen.looked
        if silent > SILENT_AFTER:
            return f"nothing has moved in it for {silent:.0f} s"
        if self.seen.stalled > STALLED_AFTER:
            return f"nothing was committed for {self.seen.stalled:.0f} s, and there is something to"
        return ""

    def unready(self) -> str:
        """Why it does not work just now; empty while it does. One without partitions stands by."""
        standing = self.seen.standing
        if standing is None:
            return "Kafka cannot be asked"
        if not self.redis_is_up():
            return "Redis is away"
        if any(part.waiting for part in self.parts):
            return "it holds what Redis or Kafka do not take"
        if _of_nobody(standing):
            return "the group is being divided"
        return self.dying()

    def collect(self) -> Iterator[Metric]:
        """The figures as Prometheus reads them."""
        yield from self._of_the_group(self.seen.standing)
        yield from self._of_the_work(self.progress)
        if self.triggers is not None:
            yield from _of_triggers(self.triggers)

    def _of_the_group(self, standing: Standing | None) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "attune_worker_lag_records",
            "Records of this worker's partitions that are not committed.",
            labels=["topic", "partition"],
        )
        for place, share in self.seen.owned.items():
            lag.add_metric([place.topic, str(place.partition)], share.lag)
        yield lag
        for name, help_, value in (
            ("worker_stalled_seconds", "How long it has not got on, though it should have.", self.seen.stalled),
            ("worker_kafka_up", "Whether Kafka answers.", standing is not None),
            ("worker_redis_up", "Whether Redis is reached.", self.redis_is_up()),
            ("worker_partitions_without_owner", "Partitions no worker has.", _of_nobody(standing)),
            ("worker_rule_books", "Different rule books among the workers; above 1 triggers are heard differently.", self.books()),
            ("dead_letters", "Dead letters nobody has dealt with.", 0 if standing is None else standing.dead),
        ):  # fmt: skip
            yield GaugeMetricFamily(f"attune_{name}", help_, value)

    def _of_the_work(self, progress: Progress) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "attune_worker_events", "Entries of the log, by what became of them.", labels=["result"]
        )
        for result in ("new", "repeated", "dead"):
            events.add_metric([result], getattr(progress, result))
        yield events
        for name, help_, value in (
            ("lessons", "Entries of the log that taught something.", progress.lessons),
            ("batches", "Batches applied.", progress.batches),
            ("batch_seconds", "Seconds spent on these, waiting included.", progress.seconds),
            ("retries", "Batches tried again, as Redis or Kafka did not take them.", progress.retried),
            ("rebalances", "Times the group was divided anew.", self.rebalances()),
            ("rejoins", "Times the group was joined anew against a stall.", self.seen.rejoined),
        ):  # fmt: skip
            yield CounterMetricFamily(f"attune_worker_{name}", help_, value)


def _of_triggers(tally: Tally) -> Iterator[Metric]:
    triggers = CounterMetricFamily(
        "attune_worker_triggers", "What became of triggers.", labels=["result"]
    )
    for result, count in tally.by_result().items():
        triggers.add_metric([result], count)
    yield triggers


def _of_nobody(standing: Standing | None) -> int:
    shares = () if standing is None else standing.shares.values()
    return sum(share.owner == NOBODY for share in shares)
