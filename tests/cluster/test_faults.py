"""Servers and workers under load while brokers fail and workers come and go; a checker reads the history."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.model import CustomerId, EventId, TrainingExample
from engine.wire.customer_pb2 import PutCustomersRequest
from engine.wire.event_pb2 import Event, EventResult, Interaction, RecordEventsRequest
from tests.cluster.checker import Offer, check, check_lessons
from tests.cluster.history import Fault, Picture, write
from tests.cluster.load import NUMBER, Load, profile
from tests.cluster.workers import Cluster, cluster_on, follows
from tests.rulebook.builders import files
from tests.service import Service, serving
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

CLIENTS = 4
LAST = CustomerId("last")
OUTCOMES = {"outcomes": {"impression": 0, "click": 0.2, "accept": 1}}


class Run(NamedTuple):
    """A cluster under load."""

    cluster: Cluster
    servers: Sequence[Service]
    load: Load
    copies: Path

    async def go_on(self, calls: int) -> None:
        """Waits until clients have made so many calls more."""
        await asyncio.to_thread(self.load.reached, len(self.load.calls) + calls)


async def a_worker_joins_and_leaves(run: Run) -> bool:
    """… both with a rebalance; whether Redis lost anything."""
    third = run.cluster.worker()
    await asyncio.to_thread(follows, third)
    await run.go_on(100)
    third.terminate()
    await asyncio.to_thread(third.wait)
    return False


async def kafka_is_killed(run: Run) -> bool:
    """… and stays away for a while, in which events are spooled."""
    await asyncio.to_thread(run.cluster.kafka.stop, signal.SIGKILL)
    await run.go_on(100)
    await asyncio.to_thread(run.cluster.kafka.start)
    return False


async def redis_is_killed(run: Run) -> bool:
    """… and comes back with all it had."""
    await _away(run, lambda: None)
    return False


async def redis_loses_everything(run: Run) -> bool:
    """… while it is away."""
    await _away(run, run.cluster.redis.forget)
    return True


async def redis_is_emptied(run: Run) -> bool:
    """… while it runs, so that nobody loses the connection."""
    await run.cluster.flush()
    return True


async def redis_goes_back(run: Run) -> bool:
    """… to what it had some time ago."""
    copy = run.copies / f"{time.monotonic_ns()}"
    run.cluster.redis.copy(copy)
    await run.go_on(100)
    await _away(run, lambda: run.cluster.redis.go_back(copy))
    return True


FAULTS: Sequence[Callable[[Run], Awaitable[bool]]] = (
    a_worker_joins_and_leaves,
    redis_is_killed,
    redis_goes_back,
    redis_is_emptied,
    redis_loses_everything,
    kafka_is_killed,
)


async def _away(run: Run, meanwhile: Callable[[], object]) -> None:
    await asyncio.to_thread(run.cluster.redis.stop, signal.SIGKILL)
    meanwhile()
    await run.go_on(20)
    await asyncio.to_thread(run.cluster.redis.start)


async def hit(run: Run, fault: Callable[[Run], Awaitable[bool]]) -> Fault:
    """Does it, and waits until Redis has again what it had."""
    marked, begun = await run.cluster.marked(), time.monotonic_ns()
    loses = await fault(run)
    await run.cluster.made_up(marked)
    return Fault(fault.__name__, begun, time.monotonic_ns(), loses)


@pytest.mark.parametrize(
    ("calls", "rounds", "customers", "pause"),
    [
        (1_000, 1, 100, 0.02),
        pytest.param(20_000, 4, 1_000, 0.0, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)]),
    ],
)
async def test_nothing_accepted_is_lost_or_counts_twice_whatever_fails(
    kafka: Kafka,
    redis: Redis,
    tmp_path: Path,
    calls: int,
    rounds: int,
    customers: int,
    pause: float,
) -> None:
    async with under_load(kafka, redis, tmp_path, customers, pause) as run:
        faults = [await _hit_then_go_on(run, fault) for _ in range(rounds) for fault in FAULTS]
        await asyncio.to_thread(run.load.reached, calls)
        await asyncio.to_thread(run.load.stop)
        write(tmp_path / "history.jsonl", run.load.calls, faults)
        await settled(run)
        final, rewards = await left(run.cluster, customers)
        pupil, learned = await run.cluster.taught()
        weights = await run.cluster.weights()
        folded, _ = await run.cluster.folded()
        differing = await run.cluster.differing(folded)
        lag = await run.cluster.lag()

    assert run.load.offered > calls // 40
    assert not run.load.reasons
    assert check(run.load.calls, faults, final) == []
    lessons = [one for taught in learned for one in taught.lessons]
    examples = [one for one in lessons if isinstance(one, TrainingExample)]
    assert len(examples) >= len(rewards) > 0
    assert check_lessons(examples, rewards) == []
    assert not differing
    assert weights is not None
    assert weights.snapshot == pupil.weights().snapshot
    assert lag == 0


async def _hit_then_go_on(run: Run, fault: Callable[[Run], Awaitable[bool]]) -> Fault:
    passed = await hit(run, fault)
    await run.go_on(50)
    return passed


@asynccontextmanager
async def under_load(
    kafka: Kafka, redis: Redis, scratch: Path, customers: int, pause: float
) -> AsyncIterator[Run]:
    """Two servers and two workers, and clients asking about so many customers."""
    for name, text in files(policies=OUTCOMES).items():
        (scratch / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / "rules" / name).write_bytes(text)
    async with cluster_on(kafka, redis) as cluster:
        with ExitStack() as stack:
            words = ["--stream", f"kafka://{kafka.bootstrap}", "--state", redis.url]
            words += ["--name", cluster.topics.installation]
            servers = await asyncio.gather(
                *[
                    asyncio.to_thread(
                        stack.enter_context, serving(scratch / "rules", scratch / name, *words)
                    )
                    for name in ("a", "b")
                ]
            )
            for _ in range(2):
                await asyncio.to_thread(follows, cluster.worker())
            everybody = [profile(f"c{n}", 0) for n in range(customers)]
            servers[0].customers.PutCustomers(PutCustomersRequest(customers=everybody))
            await cluster.settled()
            load = Load(servers, customers, CLIENTS, seed=customers, pause=pause)
            load.start()
            yield Run(cluster, servers, load, scratch)


async def settled(run: Run) -> None:
    """Waits until all that servers accepted is applied, also what they had spooled.

    What a server accepts last is in the log behind everything it had spooled before.
    """
    ids = [EventId(f"last{n}") for n in range(len(run.servers))]
    for server, event_id in zip(run.servers, ids, strict=True):
        said = Event(event_id=event_id, customer_id=LAST)
        said.interaction.CopyFrom(Interaction(type=event_id, channel="web"))
        said.time.FromMicroseconds(time.time_ns() // 1_000)
        answer = server.events.RecordEvents(RecordEventsRequest(events=[said]), timeout=20)
        assert answer.results[0].status == EventResult.STATUS_ACCEPTED
    while not all(await run.cluster.customers.applied(LAST, ids)):  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0.05)
    await run.cluster.settled()


async def left(
    cluster: Cluster, customers: int
) -> tuple[dict[str, Picture], dict[Offer, float | None]]:
    """What Redis has in the end: of each customer, and the reward each offer has taught."""
    final: dict[str, Picture] = {}
    rewards: dict[Offer, float | None] = {}
    for who in (f"c{n}" for n in range(customers)):
        customer = await cluster.customers.load(CustomerId(who))
        events = [past.type for past in customer.interactions]
        for touch in customer.touches:
            offer = (touch.decision_id, touch.action_id)
            events += [f"{'/'.join(offer)}/{outcome}" for outcome in touch.outcomes]
            rewards[offer] = touch.taught
        number = customer.attributes[NUMBER]
        assert isinstance(number, float)
        final[who] = Picture(tuple(events), int(number))
    return final, rewards
