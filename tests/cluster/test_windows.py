"""Windows across a cluster: what one server accepts, late, twice and in disorder, another counts."""

import random
import time
from pathlib import Path

import pytest

from engine.model import (
    DAY,
    HOUR,
    EventId,
    EventStatus,
    IncomingEvent,
    Interaction,
    ProfileUpdate,
)
from tests.builders import ADULT
from tests.cluster.test_serving import ANNA, OUTCOMES, decided, offers, two, until, write
from tests.cluster.workers import cluster_on
from tests.rulebook.builders import action, files
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

KEPT = {
    "events.paid_7d": {"type": "double", "from": {"event": "paid", "sum": "7d", "of": "amount"}},
    "events.topics_1d": {"type": "int", "from": {"event": "call", "distinct": "1d", "of": "topic"}},
}
CALL = Interaction("call", "ivr", {"topic": "roaming"})
"""A fourth thing to be asked of, by the question itself."""

THANKS = action("thanks", eligible_when={"paid": "events.paid_7d == 100.25"})
HELP = action("help", eligible_when={"asked": "events.topics_1d == 3"})


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    write(tmp_path / "rules", files(attributes=KEPT, policies=OUTCOMES, actions=[THANKS, HELP]))
    return tmp_path / "rules"


def events() -> list[IncomingEvent]:
    """Paid 100.25 in a week, asked of three things in a day and of a fourth before."""
    now = time.time_ns() // 1_000
    paid = [(6 * DAY + 23 * HOUR, 0.25), (2 * DAY, 80.0), (HOUR, 20.0)]
    calls = [(HOUR, "bill"), (2 * HOUR, "bill"), (9 * HOUR, "fault"), (22 * HOUR, "travel")]
    happened = [
        *[(ago, Interaction("paid", "app", {"amount": amount})) for ago, amount in paid],
        *[(ago, Interaction("call", "ivr", {"topic": topic})) for ago, topic in calls],
        (26 * HOUR, Interaction("call", "ivr", {"topic": "handset"})),
    ]
    return [
        IncomingEvent(EventId(f"e{n}"), ANNA, now - ago, what)
        for n, (ago, what) in enumerate(happened)
    ]


async def test_all_servers_count_the_same_whatever_came_when(
    kafka: Kafka, redis: Redis, rules: Path
) -> None:
    chance = random.Random(3)
    async with cluster_on(kafka, redis) as cluster, two(cluster, rules) as (a, b):
        with cluster.worker() as worker:
            await a.put([ProfileUpdate(ANNA, 1, ADULT)])
            once = events()
            for batch in (chance.sample(once, len(once)), chance.sample(once, 5)):
                results = await a.record(batch)
                assert EventStatus.REJECTED not in {result.status for result in results}

            async def counted() -> bool:
                return offers(await decided(b, dry_run=True)) == {"thanks", "help"}

            await until(counted)
            again = [await decided(one, interaction=CALL, dry_run=True) for one in (a, b)]
            assert [offers(answer) for answer in again] == [{"thanks"}] * 2
            worker.terminate()
