"""Servers of one cluster, on a real Kafka and a real Redis: what one accepts or learns of, all decide by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from engine.edges.stream.serving import open_cluster_engine
from engine.engine import AttuneEngine
from engine.model import CustomerId, EventId, IncomingEvent, IncomingResponse, ProfileUpdate
from engine.repeats import Answer
from engine.settings import Settings
from tests.builders import ADULT, question
from tests.cluster.workers import Cluster, cluster_on
from tests.rulebook.builders import files
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

ANNA = CustomerId("anna")
OUTCOMES = {"outcomes": {"impression": 0, "click": 0.2, "accept": 1}}
PATIENCE = 60
SOON = 20.0


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    for name, text in files(policies=OUTCOMES).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    return tmp_path / "rules"


def settings(cluster: Cluster, rules: Path, name: str) -> Settings:
    return Settings(
        rules=rules,
        data=rules.parent / name,
        watch=False,
        stream=f"kafka://{cluster.kafka.bootstrap}",
        state=cluster.redis.url,
        name=cluster.topics.installation,
    )


async def decided(engine: AttuneEngine, **rest: object) -> Answer:
    loop = asyncio.get_running_loop()
    answer = await engine.decide(question(**rest), loop.time() + SOON)
    assert isinstance(answer, Answer)
    return answer


def response(answer: Answer, outcome: str, event_id: str) -> IncomingEvent:
    decision, token = answer
    offer = decision.placements[0].offers[0]
    body = IncomingResponse(offer.action_id, token, decision.decision_id, outcome, 0.0)
    return IncomingEvent(EventId(event_id), ANNA, decision.decided_at + 1, body)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Waits until it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await true():
                return
            await asyncio.sleep(0.02)


async def test_two_servers_open_each_others_tokens_and_share_customers_and_model(
    cluster: Cluster, rules: Path
) -> None:
    async with (
        open_cluster_engine(settings(cluster, rules, "a")) as a,
        open_cluster_engine(settings(cluster, rules, "b")) as b,
    ):
        await a.put([ProfileUpdate(ANNA, 1, ADULT)])
        with cluster.worker() as worker:

            async def known() -> bool:
                return await b.customer(ANNA) is not None

            await until(known)
            answer = await decided(a)
            (result,) = await b.record([response(answer, "accept", "r1")])
            assert result.reason == ""
            before = propensity(answer)

            async def learned() -> bool:
                return propensity(await decided(a)) != before

            await until(learned)
            worker.terminate()


def propensity(answer: Answer) -> float:
    return answer.decision.placements[0].offers[0].propensity
