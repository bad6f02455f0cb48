"""A server's state over a real Kafka and a real Redis, with a worker applying what it accepts."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.codec import Entry
from engine.edges.kafka.publisher import Publisher
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Change, Keeping
from engine.edges.state.port import State
from engine.edges.stream.state import ClusterState
from engine.engine import Sources, open_engine
from engine.errors import StorageError
from engine.model import CustomerId, DecisionId, EventId, EventStatus, ProfileUpdate, Step
from engine.running.repeats import Answer
from engine.settings import Settings
from engine.topology import apply
from tests.builders import ADULT, NOW, question
from tests.cluster.workers import Cluster, cluster_on
from tests.happenings import decision, interaction, update
from tests.rulebook.builders import files
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

ACCEPTED, DUPLICATE = EventStatus.ACCEPTED, EventStatus.DUPLICATE
ADA, ANNA = CustomerId("ada"), CustomerId("anna")
PATIENCE = 200


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@asynccontextmanager
async def server(
    cluster: Cluster, data: Path, patience: float = 20, keeping: Keeping | None = None
) -> AsyncIterator[ClusterState]:
    connection = await Connection.open(RedisAddress.parse(cluster.redis.url), patience)
    publisher = Publisher(cluster.kafka.bootstrap, patience)
    try:
        state = await ClusterState.open(
            data, connection, publisher, cluster.topics, lambda: NOW, keeping
        )
    except StorageError:
        await connection.close()
        await publisher.close()
        raise
    try:
        yield state
    finally:
        await state.close()


async def test_what_a_server_accepts_another_knows(cluster: Cluster, tmp_path: Path) -> None:
    async with server(cluster, tmp_path / "a") as a, server(cluster, tmp_path / "b") as b:
        state: State = a
        call = interaction("e1", at=NOW)
        batch: list[Entry] = [update("ada", at=NOW, age=40), call, call]
        assert await state.append(batch) == [ACCEPTED, ACCEPTED, DUPLICATE]
        with cluster.worker() as worker:
            async with asyncio.timeout(PATIENCE):
                await cluster.settled()
            worker.terminate()
        assert (await b.load(ADA)).attributes == {"age": 40}
        assert await b.knows(EventId("e1"), ADA)
        assert await b.append([interaction("e1", at=NOW), interaction("e2", at=NOW)]) == [
            DUPLICATE,
            ACCEPTED,
        ]


async def test_while_redis_is_away_events_are_accepted_and_customers_as_last_seen(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with server(cluster, tmp_path) as state:
        seen = await state.load(ADA)
        cluster.redis.stop(signal.SIGKILL)
        try:
            assert await state.append([interaction("e1", at=NOW)]) == [ACCEPTED]
            with pytest.raises(StorageError):
                await state.load(ADA)
            assert state.last_known(ADA) is seen
        finally:
            cluster.redis.start()


async def test_an_engine_decides_by_the_last_known_profile_while_redis_is_away(
    cluster: Cluster, tmp_path: Path
) -> None:
    for name, text in files().items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    settings = Settings(rules=tmp_path / "rules", data=tmp_path / "data", watch=False)
    held = await cluster.customers.read(ANNA)
    apply(held.customer, ProfileUpdate(ANNA, NOW, ADULT))
    assert await cluster.customers.swap(Change(held.mark, held.customer, []))
    sources = Sources(now=lambda: NOW, monotonic=lambda: 0.0, seed=lambda: 1)
    stale = Keeping(fresh=-1)
    async with (
        server(cluster, tmp_path / "server", keeping=stale) as state,
        open_engine(settings, sources) as engine,
    ):
        engine._state = engine._means.knowing.store = state
        before = await engine.decide(question(), 20.0)
        cluster.redis.stop(signal.SIGKILL)
        try:
            meanwhile = await engine.decide(question(), 20.0)
        finally:
            cluster.redis.start()
    assert isinstance(before, Answer)
    assert isinstance(meanwhile, Answer)
    assert before.decision.degraded == ()
    (degraded,) = meanwhile.decision.degraded
    assert degraded.step is Step.PROFILE
    assert degraded.reason.endswith("decided by the last known one")
    told = [
        [offer.action_id for offer in a.decision.placements[0].offers] for a in (before, meanwhile)
    ]
    assert told[0] == told[1] != []
    assert not meanwhile.decision.placements[0].fallback


async def test_while_kafka_is_away_events_are_accepted_and_sent_after_a_restart(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.kafka.stop()
    try:
        async with server(cluster, tmp_path, patience=2) as state:
            assert await state.append([interaction("e1", at=NOW)]) == [ACCEPTED]
            assert state.backlog == 1
    finally:
        cluster.kafka.start()
    async with server(cluster, tmp_path) as state:
        async with asyncio.timeout(PATIENCE):
            await state.sent()
        assert state.backlog == 0
    customers, _ = await cluster.folded()
    assert [past.event_id for past in customers[ADA].interactions] == ["e1"]


async def test_decisions_are_found_where_they_were_made(cluster: Cluster, tmp_path: Path) -> None:
    async with server(cluster, tmp_path) as state:
        assert state.record(decision("d1", request_id="r1", at=NOW))
        assert await state.decision(DecisionId("d1")) is not None
    async with server(cluster, tmp_path) as state:
        assert [request.request_id for request in await state.recent_requests(0)] == ["r1"]
        last = await state.last_decision()
        assert last is not None
        assert last.decision_id == "d1"


async def test_one_process_has_a_servers_directory(cluster: Cluster, tmp_path: Path) -> None:
    async with server(cluster, tmp_path):
        with pytest.raises(StorageError, match="in use by process"):
            async with server(cluster, tmp_path):
                pass
