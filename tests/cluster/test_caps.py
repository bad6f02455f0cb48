"""Caps of a cluster, on a real Kafka and a real Redis: what was shown is counted once, wherever it is told."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import CAPS_RUN, account_keys
from engine.edges.stream.serving import open_cluster_engine
from engine.engine import AttuneEngine
from engine.model import ProfileUpdate
from engine.running.repeats import Answer
from tests.builders import ADULT
from tests.cluster.test_serving import ANNA, OUTCOMES, cluster, decided, response, settings, until
from tests.cluster.workers import Cluster
from tests.rulebook.builders import action, files

__all__ = ["cluster"]

GREEDY = OUTCOMES | {"arbitration": {"exploration": {"policy": "greedy"}}}
TOTAL = 4


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    capped = action("a", caps={"total": TOTAL, "when_scarce": "first_come"})
    for name, text in files(policies=GREEDY, actions=[capped]).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    return tmp_path / "rules"


@pytest.fixture
async def redis_asked(cluster: Cluster) -> AsyncIterator[Connection]:
    connection = await Connection.open(RedisAddress.parse(cluster.redis.url), patience=20)
    yield connection
    await connection.close()


@contextmanager
def at_work(cluster: Cluster) -> Iterator[None]:
    """A worker, which ends also where the test fails."""
    worker = cluster.worker()
    try:
        yield
    finally:
        worker.terminate()
        worker.communicate()


async def offered(engine: AttuneEngine) -> Answer | None:
    answer = await decided(engine)
    placed = answer.decision.placements[0]
    return None if placed.fallback or not placed.offers else answer


async def test_what_was_shown_counts_once_wherever_it_is_told_and_after_redis_lost_everything(
    cluster: Cluster, rules: Path, redis_asked: Connection
) -> None:
    async def figures() -> list[int]:
        keys = account_keys("a/offers/total", 0)
        told = await redis_asked.ask("HMGET", keys[0], "shown", "held")
        return [int(figure or 0) for figure in told]

    async with (
        open_cluster_engine(settings(cluster, rules, "a")) as a,
        open_cluster_engine(settings(cluster, rules, "b")) as b,
    ):
        await a.put([ProfileUpdate(ANNA, 1, ADULT)])
        with at_work(cluster):

            async def one_each() -> bool:
                return await offered(a) is not None

            await until(one_each)
            shown, undelivered = await offered(a), await offered(b)
            assert shown is not None
            assert undelivered is not None
            await b.record([response(shown, "impression", "r1")])
            await a.record([response(shown, "click", "r2")])
            await a.record([response(undelivered, "not_delivered", "r3")])

            async def counted() -> bool:
                return await figures() == [1, 1]

            await until(counted)
            cluster.redis.stop()
            await redis_asked.down()
            cluster.redis.forget()
            cluster.redis.start()
            await redis_asked.up()

            async def counted_again() -> bool:
                return (await figures())[0] == 1

            await until(counted_again)
            assert await offered(a) is None
            assert await offered(b) is None
            await redis_asked.ask("HSET", CAPS_RUN, "closed", 0)  # as if the hold had passed
            left = 0

            async def all_offered() -> bool:
                nonlocal left
                left += sum([await offered(engine) is not None for engine in (a, b)])
                return left == TOTAL - 1

            await until(all_offered)
            assert await offered(a) is None
            assert await offered(b) is None
