"""Servers of one cluster, on a real Kafka and a real Redis: what one accepts or learns of, all decide by."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from engine.edges.stream.serving import open_cluster_engine
from engine.engine import AttuneEngine
from engine.errors import RequestConflict
from engine.model import (
    ActionId,
    CustomerId,
    EventId,
    EventStatus,
    IncomingEvent,
    IncomingResponse,
    ProfileUpdate,
    Step,
)
from engine.running.repeats import Answer
from engine.settings import Settings
from engine.telemetry import Gauge
from tests.builders import ADULT, question
from tests.cluster.workers import Cluster, cluster_on
from tests.rulebook.builders import action, files
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

ANNA, BERT = CustomerId("anna"), CustomerId("bert")
OUTCOMES = {"outcomes": {"impression": 0, "click": 0.2, "accept": 1, "not_delivered": None}}
PATIENCE = 60
log = logging.getLogger(__name__)

Pair: TypeAlias = tuple[AttuneEngine, AttuneEngine]


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    write(tmp_path / "rules", files(policies=OUTCOMES))
    return tmp_path / "rules"


def write(directory: Path, texts: dict[str, bytes]) -> None:
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)


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
    answer = await engine.decide(question(**rest), soon())
    assert isinstance(answer, Answer)
    return answer


def response(answer: Answer, outcome: str, event_id: str) -> IncomingEvent:
    decision, token = answer
    offer = decision.placements[0].offers[0]
    body = IncomingResponse(offer.action_id, token, decision.decision_id, outcome, 0.0)
    return IncomingEvent(EventId(event_id), ANNA, decision.decided_at + 1, body)


@asynccontextmanager
async def two(cluster: Cluster, rules: Path) -> AsyncIterator[Pair]:
    async with (
        open_cluster_engine(settings(cluster, rules, "a")) as a,
        open_cluster_engine(settings(cluster, rules, "b")) as b,
    ):
        yield a, b


@pytest.fixture
async def pair(cluster: Cluster, rules: Path) -> AsyncIterator[Pair]:
    async with two(cluster, rules) as servers:
        yield servers


@contextmanager
def working(cluster: Cluster) -> Iterator[None]:
    """A worker is at work."""
    with cluster.worker() as worker:
        try:
            yield
        finally:
            worker.terminate()


def soon() -> float:
    return time.monotonic() + 20.0


async def known_to(server: AttuneEngine, by: AttuneEngine) -> None:
    """Has the customer known."""
    await by.put([ProfileUpdate(ANNA, 1, ADULT)])

    async def known() -> bool:
        return await server.customer(ANNA) is not None

    await until(known)


def offers(answer: Answer) -> set[ActionId]:
    return {offer.action_id for shown in answer.decision.placements for offer in shown.offers}


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Waits until it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await true():
                return
            await asyncio.sleep(0.02)


async def test_two_servers_open_each_others_tokens_and_share_customers_and_model(
    pair: Pair, cluster: Cluster
) -> None:
    a, b = pair
    with working(cluster):
        await known_to(b, a)
        answer = await decided(a)
        (result,) = await b.record([response(answer, "accept", "r1")])
        assert result.reason == ""
        before = propensity(answer)

        async def learned() -> bool:
            return propensity(await decided(a)) != before

        await until(learned)


async def test_a_response_is_joined_by_id_on_another_server_than_the_one_that_decided(
    pair: Pair, cluster: Cluster
) -> None:
    a, b = pair
    with working(cluster):
        await known_to(b, a)
        answer = await decided(a)
        results = await b.record(
            [
                response(answer._replace(token=b""), "accept", "r1"),
                replace(response(answer._replace(token=b""), "accept", "r2"), customer_id=BERT),
            ]
        )
    assert [result.status for result in results] == [EventStatus.ACCEPTED, EventStatus.REJECTED]
    assert "no decision" in results[1].reason


async def test_what_one_server_has_just_offered_counts_on_another(
    cluster: Cluster, rules: Path
) -> None:
    once = {"count": "impression", "at_least": 1, "within": "1d", "pause": "1d", "scope": "action"}
    policies = OUTCOMES | {"contact_policies": {"once": once}}
    write(rules, files(policies=policies, actions=[action("a", contact_policies=["once"])]))
    async with two(cluster, rules) as (a, b):
        with working(cluster):
            await known_to(b, a)
            first = await decided(a)
            then = await decided(b)
            shown = offers(first)
            assert shown
            assert not shown & offers(then)

            (result,) = await b.record([response(first, "not_delivered", "r1")])
            assert result.status is EventStatus.ACCEPTED

            async def offered_again() -> bool:
                return bool(shown & offers(await decided(a, dry_run=True)))

            await until(offered_again)


async def test_while_redis_is_away_the_last_known_profile_decides_and_it_recovers(
    pair: Pair, cluster: Cluster
) -> None:
    a, b = pair
    with working(cluster):
        await known_to(b, a)
        before = await decided(a)
    cluster.redis.stop(signal.SIGKILL)
    meanwhile = [await decided(a) for _ in range(5)]
    stranger = await decided(a, customer_id=BERT)
    cluster.redis.start()
    back = time.monotonic()

    async def recovered() -> bool:
        return not (await decided(a)).decision.degraded

    await until(recovered)
    log.info("recovered %.2f s after Redis", time.monotonic() - back)
    assert all(offers(answer) == offers(before) for answer in (*meanwhile, await decided(a)))
    assert {degraded.step for each in meanwhile for degraded in each.decision.degraded} == {
        Step.PROFILE
    }
    assert "last known" in meanwhile[-1].decision.degraded[0].reason
    assert [degraded.step for degraded in stranger.decision.degraded] == [Step.PROFILE]
    assert stranger.decision.placements[0].fallback


async def test_a_redis_that_hangs_makes_no_decision_late(pair: Pair, cluster: Cluster) -> None:
    a, b = pair
    with working(cluster):
        await known_to(b, a)
    await decided(a)
    os.kill(cluster.redis.pid, signal.SIGSTOP)
    try:
        asked = question(request_id="hangs")
        answer = await a.decide(asked, time.monotonic() + 0.2)
        # Nobody has given up on Redis yet: it was not waited for.
        assert figure(a, "attune_redis_up") == 1.0
    finally:
        os.kill(cluster.redis.pid, signal.SIGCONT)
    assert isinstance(answer, Answer)
    degraded = answer.decision.degraded[0]
    assert degraded.reason.startswith("deadline: the profile could not be read in time")
    assert degraded.reason.endswith("decided by the last known one")

    async def recovered() -> bool:
        return not (await decided(a)).decision.degraded

    await until(recovered)


async def test_a_redis_that_lost_customers_is_not_believed_until_workers_made_up_for_it(
    pair: Pair, cluster: Cluster
) -> None:
    a, b = pair

    async def doubted() -> bool:
        return bool((await decided(a)).decision.degraded)

    async def believed() -> bool:
        return not await doubted()

    with working(cluster):
        await known_to(b, a)
        await a.put([ProfileUpdate(ANNA, 2, ADULT)])
        seen = await decided(a)
        cluster.redis.stop(signal.SIGKILL)
        cluster.redis.forget()
        cluster.redis.start()
        await until(doubted)
        assert offers(await decided(a)) == offers(seen)
        await until(believed)
        assert offers(await decided(a)) == offers(seen)


async def test_while_kafka_is_away_events_are_spooled_and_decisions_go_on(
    pair: Pair, cluster: Cluster
) -> None:
    a, b = pair
    with working(cluster):
        await known_to(b, a)
    await asyncio.to_thread(cluster.kafka.stop)
    try:
        answer = await decided(a)
        assert answer.decision.degraded == ()
        results = await a.record([response(answer, "accept", "r1")])
        assert [result.status for result in results] == [EventStatus.ACCEPTED]
        assert figure(a, "attune_spool_records") == 1.0
        assert offers(await decided(a)) == offers(answer)
    finally:
        await asyncio.to_thread(cluster.kafka.start)

    async def sent() -> bool:
        return figure(a, "attune_spool_records") == 0.0

    await until(sent)
    with working(cluster):

        async def applied() -> bool:
            customer = await b.customer(ANNA)
            return customer is not None and bool(customer.touches)

        await until(applied)


def figure(engine: AttuneEngine, name: str) -> float:
    (found,) = [gauge for gauge in engine.gauges() if gauge.name == name]
    assert isinstance(found, Gauge)
    return found.read()


async def test_another_rule_book_takes_over_also_while_redis_and_kafka_are_away(
    pair: Pair, cluster: Cluster, rules: Path
) -> None:
    a, _ = pair
    before = a.book
    cluster.redis.stop(signal.SIGKILL)
    await asyncio.to_thread(cluster.kafka.stop)
    try:
        write(rules, files(policies=OUTCOMES, actions=[action("urgent", value=9)]))
        a.reload_soon()

        async def taken_over() -> bool:
            return a.book is not before

        await until(taken_over)
        assert a.rulebook_status.last_load_error == ()
        assert (await decided(a)).decision.rulebook_version == a.book.version
    finally:
        cluster.redis.start()
        await asyncio.to_thread(cluster.kafka.start)


async def test_the_same_request_gets_the_same_reply_from_another_server(pair: Pair) -> None:
    a, b = pair
    answer = await decided(a, request_id="q1")
    a.keep("q1", b"the reply")
    again = await b.decide(question(request_id="q1"), soon())
    assert again == b"the reply"
    assert answer.decision.decision_id
    with pytest.raises(RequestConflict):
        await b.decide(question(request_id="q1", max_offers=1), soon())


async def test_of_two_servers_asked_at_once_one_decides(pair: Pair) -> None:
    a, b = pair

    async def asked(engine: AttuneEngine) -> bytes:
        answer = await engine.decide(question(request_id="q2"), soon())
        if isinstance(answer, bytes):
            return answer
        reply = answer.decision.decision_id.encode()
        engine.keep("q2", reply)
        return reply

    replies = await asyncio.gather(*[asked(engine) for engine in (a, b, a, b)])
    assert len(set(replies)) == 1


def propensity(answer: Answer) -> float:
    return answer.decision.placements[0].offers[0].propensity
