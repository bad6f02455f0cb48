"""A service that moved to a cluster: what it gave out and took in before still counts."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from engine.edges.stream.serving import open_cluster_engine
from engine.engine import open_engine
from engine.migration.migrate import survey
from engine.migration.source import opened
from engine.model import CustomerId, EventStatus, IncomingEvent, IncomingResponse, ProfileUpdate
from tests.builders import ADULT
from tests.cluster.test_caps import GREEDY
from tests.cluster.test_migrate import move, unseen
from tests.cluster.test_serving import (
    ANNA,
    cluster,
    decided,
    propensity,
    response,
    settings,
    until,
)
from tests.cluster.test_worker import workers
from tests.cluster.workers import PARTITIONS, Cluster
from tests.rulebook.builders import files

__all__ = ["cluster", "workers"]


def without_token(event: IncomingEvent) -> IncomingEvent:
    assert isinstance(event.body, IncomingResponse)
    return replace(event, body=replace(event.body, token=b""))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A book that always offers what it thinks best, so that offers can be compared."""
    for name, text in files(policies=GREEDY).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    return tmp_path / "rules"


async def test_tokens_and_ids_given_out_before_still_join_and_what_was_learned_decides(
    cluster: Cluster, rules: Path, workers: list["subprocess.Popen[str]"]
) -> None:
    of_cluster = settings(cluster, rules, "a")
    alone = replace(of_cluster, stream=None, state=None, data=rules.parent / "alone")
    async with open_engine(alone) as engine:
        await engine.put([ProfileUpdate(ANNA, 1, ADULT)])
        reported = response(await decided(engine), "accept", "r1")
        await engine.record([reported])
        given_out = await decided(engine)
        by_id = without_token(response(await decided(engine), "click", "r3"))
        expected = propensity(given_out)
        stranger = await decided(engine, customer_id=CustomerId("stranger"))
        assert stranger.decision.placements[0].fallback

    async with opened(alone.data) as source:
        foreseen = survey(source, unseen)
    moved = await move(alone.data, cluster)
    assert moved == replace(foreseen, sent=2, event_ids=1, partitions=PARTITIONS)
    assert (moved.entries, moved.decisions) == (2, 3)
    async with open_cluster_engine(of_cluster) as engine:
        assert propensity(await decided(engine)) == expected
        (repeated,) = await engine.record([reported])
        assert repeated.status == EventStatus.DUPLICATE
        (late,) = await engine.record([response(given_out, "accept", "r2")])
        assert (late.status, late.reason) == (EventStatus.ACCEPTED, "")
        (named,) = await engine.record([by_id])
        assert (named.status, named.reason) == (EventStatus.ACCEPTED, "")
        workers.append(cluster.worker())

        async def learned() -> bool:
            customer = await engine.customer(ANNA)
            counts = {} if customer is None else customer.counts
            applied = counts == {"accept": 2, "click": 1}
            return applied and propensity(await decided(engine)) != expected

        await until(learned)
