"""Caps across a move to a cluster: closed until what was shown before is counted, and then not exceeded."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import CAPS_RUN, account_keys
from engine.edges.stream.serving import open_cluster_engine
from engine.engine import open_engine
from engine.model import ProfileUpdate
from tests.builders import ADULT
from tests.cluster.test_caps import TOTAL, at_work, cluster, offered, redis_asked, rules
from tests.cluster.test_migrate import move
from tests.cluster.test_serving import ANNA, response, settings, until
from tests.cluster.workers import Cluster

__all__ = ["cluster", "redis_asked", "rules"]

SHOWN = 2


@pytest.mark.parametrize("tried", [False, True])
async def test_what_was_shown_before_the_move_is_used_up_after_it(
    cluster: Cluster, rules: Path, redis_asked: Connection, *, tried: bool
) -> None:
    of_cluster = settings(cluster, rules, "a")
    if tried:  # a server began on the empty cluster, whose caps it found in order
        async with open_cluster_engine(of_cluster):
            assert (await redis_asked.ask("HGET", CAPS_RUN, "counted")) == b"1"
    alone = replace(of_cluster, stream=None, state=None, data=rules.parent / "alone")
    async with open_engine(alone) as engine:
        await engine.put([ProfileUpdate(ANNA, 1, ADULT)])
        for number in range(SHOWN):
            answer = await offered(engine)
            assert answer is not None
            await engine.record([response(answer, "impression", f"r{number}")])
    await move(alone.data, cluster)

    async def counted() -> bool:
        told = await redis_asked.ask("HGET", account_keys("a/offers/total", 0)[0], "shown")
        return int(told or 0) == SHOWN

    async with open_cluster_engine(of_cluster) as engine:
        assert await offered(engine) is None
        with at_work(cluster):
            await until(counted)
            assert await offered(engine) is None
            await redis_asked.ask("HSET", CAPS_RUN, "closed", 0)  # as if the hold had passed
            left = 0

            async def all_offered() -> bool:
                nonlocal left
                left += await offered(engine) is not None
                return left == TOTAL - SHOWN

            await until(all_offered)
            assert await offered(engine) is None
