"""One process over a file, and workers over Kafka and Redis, make the same of the same events."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.codec import encode_lessons
from engine.edges.state.embedded import Embedded, Limits
from engine.edges.state.rebuild import digest
from engine.learning.mind import Mind
from engine.model import Event, EventStatus, Lesson
from tests.cluster.traffic import Entry, traffic
from tests.cluster.workers import cluster_on
from tests.lessons import SCHEMA
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

SOAK = pytest.mark.soak, pytest.mark.timeout(1_800)


@asynccontextmanager
async def embedded(data: Path, learned: list[Lesson]) -> AsyncIterator[Embedded]:
    """The state of one process, whose lessons are put into `learned`."""
    mind = Mind()

    def teach(lesson: Lesson) -> None:
        mind.teach(lesson)
        learned.append(lesson)

    store = await Embedded.open(
        data, teach=teach, register=mind.register, snapshot=mind.snapshot, restore=mind.restore,
        clock=lambda: time.time_ns() // 1_000, limits=Limits(checkpoint_seconds=None),
    )  # fmt: skip
    try:
        await store.note_schema(SCHEMA.digest, SCHEMA.to_dict())
        yield store
    finally:
        await store.close()


def told(lesson: Lesson) -> bytes:
    """All that a lesson says, as bytes."""
    return encode_lessons([lesson], (0, 0))


def taught(lessons: Iterable[Lesson]) -> Mind:
    """What learns them in this order."""
    mind = Mind()
    mind.register(SCHEMA.to_dict())
    for lesson in lessons:
        mind.teach(lesson)
    return mind


def as_ordered(lessons: Iterable[Lesson], order: Sequence[Lesson]) -> list[Lesson]:
    """The very lessons given, each once, where its like is in `order`."""
    by_content: dict[bytes, list[Lesson]] = {}
    for lesson in lessons:
        by_content.setdefault(told(lesson), []).append(lesson)
    return [by_content[told(lesson)].pop() for lesson in order]


@pytest.mark.parametrize(
    ("count", "customers"),
    [
        (5_000, 150),
        pytest.param(50_000, 1_500, marks=SOAK),
    ],
)
async def test_one_process_and_a_cluster_end_in_the_same_customers_lessons_and_weights(
    kafka: Kafka, redis: Redis, tmp_path: Path, count: int, customers: int
) -> None:
    log = traffic(count, seed=11, now=time.time_ns() // 1_000, customers=customers)
    alone: list[Lesson] = []
    async with embedded(tmp_path, alone) as store:
        statuses = await _appended(store, log)
        await store.settled()
        states = {entry.customer_id: await store.load(entry.customer_id) for entry in log}

    async with cluster_on(kafka, redis) as cluster:
        cluster.worker()
        cluster.worker()
        await cluster.send(log)
        await cluster.settled()
        shared = {who: await cluster.customers.load(who) for who in states}
        pupil, learned = await cluster.taught()
        weights = await cluster.weights()

    assert shared == states
    assert digest(shared.values()) == digest(states.values())
    assert statuses.count(EventStatus.DUPLICATE) == _repeated(log) > count // 20
    together = [lesson for one in learned for lesson in one.lessons]
    assert Counter(map(told, together)) == Counter(map(told, alone))
    assert weights is not None
    assert weights == pupil.weights()
    assert taught(as_ordered(alone, together)).snapshot() == weights.snapshot


async def _appended(store: Embedded, log: Sequence[Entry]) -> list[EventStatus]:
    statuses: list[EventStatus] = []
    for at in range(0, len(log), 500):
        statuses += await store.append(log[at : at + 500])
    return statuses


def _repeated(log: Sequence[Entry]) -> int:
    ids = [entry.event_id for entry in log if isinstance(entry, Event)]
    return len(ids) - len(set(ids))
