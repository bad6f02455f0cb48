"""A service that moved to a cluster: what it gave out and took in before still counts."""

from dataclasses import replace
from pathlib import Path

from engine.edges.stream.serving import open_cluster_engine
from engine.engine import open_engine
from engine.model import EventStatus, ProfileUpdate
from tests.builders import ADULT
from tests.cluster.test_migrate import move
from tests.cluster.test_serving import (
    ANNA,
    cluster,
    decided,
    propensity,
    response,
    rules,
    settings,
    until,
)
from tests.cluster.workers import Cluster

__all__ = ["cluster", "rules"]


async def test_tokens_given_out_before_still_open_and_what_was_learned_decides(
    cluster: Cluster, rules: Path
) -> None:
    of_cluster = settings(cluster, rules, "a")
    alone = replace(of_cluster, stream=None, state=None, data=rules.parent / "alone")
    async with open_engine(alone) as engine:
        await engine.put([ProfileUpdate(ANNA, 1, ADULT)])
        reported = response(await decided(engine), "accept", "r1")
        await engine.record([reported])
        given_out = await decided(engine)
        expected = propensity(given_out)

    await move(alone.data, cluster)
    async with open_cluster_engine(of_cluster) as engine:
        assert propensity(await decided(engine)) == expected
        (repeated,) = await engine.record([reported])
        assert repeated.status == EventStatus.DUPLICATE
        (late,) = await engine.record([response(given_out, "accept", "r2")])
        assert (late.status, late.reason) == (EventStatus.ACCEPTED, "")
        with cluster.worker() as worker:

            async def learned() -> bool:
                customer = await engine.customer(ANNA)
                both = customer is not None and customer.counts["accept"] == 2
                return both and propensity(await decided(engine)) > expected

            await until(learned)
            worker.terminate()
