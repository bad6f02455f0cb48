"""Triggers on a real Kafka and a real Redis: an interaction in the log, an offer on the topic of offers."""

import asyncio
import signal
import subprocess
import time
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.stream.fellows import NONE, Fellows
from engine.edges.stream.serving import open_cluster_engine
from engine.errors import NotFound
from engine.model import (
    ActionId,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    EventStatus,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    ProfileUpdate,
)
from engine.rulebook.load import load
from engine.settings import Settings
from engine.triggers.outbox import Outgoing
from tests.builders import ADULT
from tests.cluster.workers import Cluster, cluster_on, follows
from tests.rulebook.builders import files
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

PATIENCE = 60
DROPS = {"events.drops_1d": {"type": "int", "default": 0, "from": {"event": "drop", "count": "1d"}}}
THIRD = {"on": "drop", "when": "events.drops_1d >= 3", "placements": ["web.hero"], "rest": "7d"}


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    yield opened
    await opened.close()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    policies = {"outcomes": {"impression": 0, "accept": 1}, "triggers": {"third": THIRD}}
    for name, text in files(attributes=DROPS, policies=policies).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    return tmp_path / "rules"


def daily(now: datetime) -> dict[str, object]:
    """A trigger whose day has begun twelve hours ago at most, and lasts for as many."""
    zone = f"Etc/GMT{now.hour - 12:+d}"
    return {
        "every": "day",
        "at": "00:00",
        "timezone": zone,
        "placements": ["web.hero"],
        "max_age": "1d",
    }


@pytest.fixture
def rules_by_the_clock(rules: Path) -> Path:
    policies = {"triggers": {"hello": daily(datetime.now(UTC))}}
    (rules / "policies.yaml").write_bytes(files(policies=policies)["policies.yaml"])
    return rules


class Sent:
    """What was published on the topic of offers, and when it came (monotonic seconds)."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.at: dict[str, float] = {}
        self._came = asyncio.Event()

    async def read(self, cluster: Cluster) -> None:
        consumer = AIOKafkaConsumer(
            cluster.topics.offers,
            bootstrap_servers=cluster.kafka.bootstrap,
            auto_offset_reset="earliest",
        )
        async with consumer:
            async for record in consumer:
                message = Outgoing.decode(record.value)
                assert record.key == message.customer_id.encode()
                self.messages.append(message)
                self.at.setdefault(message.document["event_id"], time.monotonic())
                self._came.set()

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not enough():
                self._came.clear()
                await self._came.wait()


@pytest.fixture
async def sent(cluster: Cluster) -> AsyncIterator[Sent]:
    found = Sent()
    reading = asyncio.create_task(found.read(cluster))
    yield found
    reading.cancel()
    await asyncio.wait([reading])


def worker(cluster: Cluster, rules: Path, name: str) -> "subprocess.Popen[str]":
    return cluster.worker("--rules", str(rules), "--data", str(rules.parent / name))


def drop(who: str, number: int) -> Event:
    now = time.time_ns() // 1_000
    return Event(EventId(f"{who}.{number}"), CustomerId(who), now, Interaction("drop", "app"))


def known(names: list[str]) -> list[ProfileUpdate]:
    return [ProfileUpdate(CustomerId(name), 1, ADULT) for name in names]


async def test_the_third_dropped_call_brings_an_offer_that_any_server_hears_back_of(
    cluster: Cluster, rules: Path, sent: Sent, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"c{n}" for n in range(40)]
    at_work = worker(cluster, rules, "w")
    await asyncio.to_thread(follows, at_work)
    await cluster.send(known([*names, "warm"]))
    await cluster.send([drop("warm", number) for number in range(3)])
    await sent.until(lambda: len(sent.messages) == 1)
    began: dict[str, float] = {}
    for name in names:
        await cluster.send([drop(name, 1), drop(name, 2)])
        began[f"{name}.3"] = time.monotonic()
        await cluster.send([drop(name, 3)])
        await sent.until(lambda name=name: f"{name}.3" in sent.at)  # type: ignore[misc]
        await cluster.send([drop(name, 4), drop(name, 3)])
    took = sorted(1_000 * (sent.at[event_id] - since) for event_id, since in began.items())
    with capsys.disabled():
        print(  # noqa: T201  # a figure for people
            f"\ninteraction to offer: p50 {took[20]:.0f} ms, p99 {took[-1]:.0f} ms of {len(took)}"
        )
    first = sent.messages[0]
    settings = Settings(
        rules=rules,
        data=rules.parent / "server",
        watch=False,
        stream=f"kafka://{cluster.kafka.bootstrap}",
        state=cluster.redis.url,
        name=cluster.topics.installation,
    )
    async with open_cluster_engine(settings) as server:
        offer = first.document["placements"][0]["offers"][0]
        token = b64decode(first.document["token"])
        body = IncomingResponse(ActionId(offer["action_id"]), token, DecisionId(""), "accept", 0.0)
        now = time.time_ns() // 1_000
        (result,) = await server.record(
            [IncomingEvent(EventId("yes"), first.customer_id, now, body)]
        )
        await server.customer(CustomerId("c7"))
        with pytest.raises(NotFound, match=rf"topic {cluster.topics.offers},"):
            server.offers(0, only_kept=True)
        assert server._edge.scored is not None
        scored = server._edge.scored(CustomerId("c7"))
    assert scored is not None
    assert scored.channel == "app"
    assert {action for action, _ in scored.best} == {"data_5gb", "stay"}
    at_work.send_signal(signal.SIGTERM)
    await asyncio.to_thread(at_work.wait, 30)
    customer = await cluster.customers.load(CustomerId("c7"))
    assert result.status is EventStatus.ACCEPTED, result.reason
    assert [message.document["event_id"] for message in sent.messages[1:]] == [
        f"{name}.3" for name in names
    ]
    assert {past.type for past in customer.interactions} == {"drop", "trigger:third"}
    assert at_work.returncode == 0


async def test_a_worker_killed_at_work_loses_no_offer_and_makes_none_twice(
    cluster: Cluster, rules: Path, sent: Sent
) -> None:
    names = [f"c{n}" for n in range(150)]
    killed, other = worker(cluster, rules, "a"), worker(cluster, rules, "b")
    for one in (killed, other):
        await asyncio.to_thread(follows, one)
    await cluster.send(known(names))
    await cluster.send([drop(name, number) for number in (1, 2, 3, 4) for name in names])
    await sent.until(lambda: len(sent.messages) > 10)
    killed.kill()
    await sent.until(lambda: len(sent.at) == len(names))
    await cluster.settled()
    decisions: dict[str, set[str]] = {}
    for message in sent.messages:
        decisions.setdefault(message.message_id, set()).add(message.document["decision_id"])
    assert set(sent.at) == {f"{name}.3" for name in names}
    assert all(len(made) == 1 for made in decisions.values())
    noted = Counter[str]()
    for name in names:
        customer = await cluster.customers.load(CustomerId(name))
        noted[name] = sum(past.type == "trigger:third" for past in customer.interactions)
    assert set(noted.values()) == {1}


async def test_workers_with_and_without_a_rule_book_are_told_apart(
    cluster: Cluster, rules: Path, connection: Connection
) -> None:
    hearing, deaf = worker(cluster, rules, "h"), cluster.worker()
    for one in (hearing, deaf):
        await asyncio.to_thread(follows, one)
    fellow = Fellows(connection, cluster.topics.workers, "the test", lambda: NONE)
    async with asyncio.timeout(PATIENCE):
        while fellow.different < 2 or len(fellow.books) < 3:
            await fellow.look()
    assert sorted(fellow.books.values()) == [NONE, NONE, load(rules).book.version]  # type: ignore[union-attr]  # it is valid
    hearing.send_signal(signal.SIGTERM)
    await asyncio.to_thread(hearing.wait, 30)
    await fellow.look()
    assert set(fellow.books.values()) == {NONE}


@pytest.mark.parametrize("kills", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_once_a_day_all_are_offered_something_also_where_a_worker_is_killed(
    cluster: Cluster, rules_by_the_clock: Path, sent: Sent, *, kills: bool
) -> None:
    names = [f"d{n}" for n in range(400)]
    at_work = [worker(cluster, rules_by_the_clock, name) for name in ("ab" if kills else "a")]
    for one in at_work:
        await asyncio.to_thread(follows, one)
    await cluster.send(known(names))
    await cluster.settled()
    await cluster.heard_before("hello")
    await sent.until(lambda: len(sent.messages) > 10)
    if kills:
        at_work[0].kill()
    await sent.until(lambda: len({one.message_id for one in sent.messages}) == len(names))
    await cluster.settled()
    decisions: dict[str, set[str]] = {}
    for message in sent.messages:
        decisions.setdefault(message.customer_id, set()).add(message.document["decision_id"])
    assert decisions.keys() == set(names)
    assert all(len(made) == 1 for made in decisions.values())
    for name in names:
        customer = await cluster.customers.load(CustomerId(name))
        assert [past.type for past in customer.interactions] == ["trigger:hello"]
