"""What workers learned reaches a server: at its start before it answers, then while it decides."""

import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.edges.kafka.messages import Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.stream.inbox import MODEL
from engine.edges.stream.serving import open_cluster_engine
from engine.edges.stream.weights import Weights, encode_weights
from engine.engine import AttuneEngine
from engine.features import FeatureKind
from engine.learning.curriculum import Curriculum
from engine.learning.mind import Mind
from engine.model import CustomerId, DecisionId, TrainingExample
from engine.rulebook.book import RuleBook
from engine.settings import Settings
from engine.telemetry import Gauge
from tests.builders import question
from tests.cluster.workers import Cluster, cluster_on
from tests.rulebook.builders import action, book, files
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

PATIENCE = 60
log = logging.getLogger(__name__)


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@pytest.fixture(autouse=True)
def turns() -> Iterator[None]:
    """Threads take turns as they do in a server."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.000_5)
    yield
    sys.setswitchinterval(before)


def learned(rules: RuleBook) -> Iterator[bytes]:
    """Weights as a worker publishes them: after an exposure of every action but one, then of all."""
    chance, mind, curriculum = random.Random(7), Mind(), Curriculum.for_book(rules)
    mind.register(curriculum.to_dict())
    kinds = [feature.kind for feature in curriculum.schema.features]
    for n, each in enumerate(rules.actions, 1):
        features = [chance.random() if kind is FeatureKind.NUMBER else None for kind in kinds]
        mind.teach(
            TrainingExample(
                DecisionId(f"d{n}"), each.action_id, each.group, "web", curriculum.digest, features,
                reward=float(n % 2), taught=None,
            )
        )  # fmt: skip
        if n >= len(rules.actions) - 1:
            yield encode_weights(Weights(n, {}, (curriculum.to_dict(),), mind.snapshot()))


async def version(engine: AttuneEngine) -> str:
    asked = question(customer_id=CustomerId("anna"), dry_run=True)
    answer = await engine.decide(asked, time.monotonic() + 20.0)
    assert not isinstance(answer, bytes)
    return answer.decision.model_version


@pytest.mark.parametrize(
    ("count", "width"), [(20, 8), pytest.param(2_000, 256, marks=pytest.mark.soak)]
)
async def test_a_model_is_in_the_first_answer_and_its_successor_soon_after_it_was_written(
    cluster: Cluster, tmp_path: Path, count: int, width: int
) -> None:
    actions = [action(f"a{n}") for n in range(count)]
    attributes = {f"customer.f{n}": {"type": "double"} for n in range(width)}
    for name, text in files(actions=actions, attributes=attributes).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    rules = book(actions=actions, attributes=attributes)
    first, second = learned(rules)
    topic = cluster.topics.weights
    await cluster.publisher.publish([Record(topic, MODEL, first)])
    settings = Settings(
        rules=tmp_path / "rules", data=tmp_path / "data", watch=False,
        stream=f"kafka://{cluster.kafka.bootstrap}", state=cluster.redis.url,
        name=cluster.topics.installation,
    )  # fmt: skip
    async with open_cluster_engine(settings) as engine:
        assert await version(engine) == f"hierarchical_logistic/2.{count - 1}"
        turning = asyncio.create_task(longest_turn())
        await asyncio.to_thread(asyncio.run, published(cluster, second))
        written = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            while True:
                if await version(engine) == f"hierarchical_logistic/2.{count}":
                    break
                await asyncio.sleep(0.005)
        took = time.monotonic() - written
        turning.cancel()
        log.info(
            "%d bytes decided %.3f s after they were written; the loop came round within %.1f ms",
            len(second), took, 1e3 * await turning,
        )  # fmt: skip
        ages = [gauge for gauge in engine.gauges() if gauge.name == "attune_model_age_seconds"]
        assert isinstance(ages[0], Gauge)
        assert 0.0 < ages[0].read() < PATIENCE


async def published(cluster: Cluster, weights: bytes) -> None:
    """Has Kafka have the weights, from an event loop of its own."""
    publisher = Publisher(cluster.kafka.bootstrap, patience=PATIENCE)
    await publisher.publish([Record(cluster.topics.weights, MODEL, weights)])
    await publisher.close()


async def longest_turn() -> float:
    """Seconds the event loop took to come round at most, until this is cancelled."""
    longest, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
    except asyncio.CancelledError:
        return longest
