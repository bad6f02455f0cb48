"""The move, told once: the log, the tokens' key, decisions, customers, the model, and where workers begin.

The topic of events holds the whole log afterwards, so that Redis can be made again from it; customers are
written as they are, so that nobody waits for that now. What was learned is the first thing in the topic
of lessons, and comes last: where it stands, the move is complete. Whatever dies before, the next run goes
on from what Kafka and Redis have.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Final, TypeAlias

from engine.capsule import Capsules
from engine.edges.journal.decisions import Retention
from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.topics import Size, Topics, ensure
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps_run import CapsRun
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Keeping, RedisCustomers
from engine.edges.redis.marks import Marks
from engine.edges.stream.sealing import SharedKey
from engine.errors import AttuneError, StorageError
from engine.migration import group
from engine.migration.customers import write_customers, write_event_ids
from engine.migration.decisions import JUST_OFFERED, Decided, is_wanted
from engine.migration.log import Topic, movable
from engine.migration.model import Inherited, hand_on, inherited, publish, weights_of
from engine.migration.source import Source

_PATIENCE: Final = 30.0

Steps: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""Shows a piece of work of so many steps; what it gives is told how many more are done."""


class NotMovable(AttuneError):
    """The cluster is not one that this installation may move to."""


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster an installation moves to, as `attune worker` names it."""

    brokers: Bootstrap
    state: RedisAddress
    topics: Topics
    size: Size


@dataclass(frozen=True, slots=True)
class Moved:
    """What a migration has done.

    Attributes:
        already: whether an earlier run had come to the end.
        entries: entries of the log that are in the topic of events now.
        sent: those of them this run has put there.
        damaged: entries that nobody can read any more, and that stayed behind.
        customers: customers in Redis.
        decisions: decisions that a response may still name by their id.
        event_ids: events that are recognised when they come again.
        lessons: lessons the model has learned from.
        partitions: of the topic of events, which may have been there before; 0 where it was not asked.
    """

    already: bool = False
    entries: int = 0
    sent: int = 0
    damaged: int = 0
    customers: int = 0
    decisions: int = 0
    event_ids: int = 0
    lessons: int = 0
    partitions: int = 0


def survey(source: Source, steps: Steps) -> Moved:
    """What there is to be moved, counted as the move counts it. Reads all of the log for that."""
    entries = damaged = 0
    with steps("the log", source.last_seq) as tell:
        for batch in source.entries():
            there = movable(batch)
            entries += there.entries
            damaged += there.damaged
            tell(len(batch))
    now, keep = time.time_ns() // 1_000, Retention().age
    kept = source.decisions(now - keep)
    return Moved(
        entries=entries,
        damaged=damaged,
        customers=source.count_customers(),
        decisions=sum(is_wanted(decision, keep, now) for _, decision in kept),
        lessons=source.mind.learner.version,
    )


async def migrate(source: Source, target: Target, steps: Steps) -> Moved:
    """Moves an installation; run again, it goes on where it was broken off, and does nothing twice.

    Raises:
        NotMovable: workers are at work there, or the cluster is another installation's.
        InvalidInput: the Redis is another installation's.
        StorageError: Kafka or Redis is away; run it again.
    """
    await ensure(target.brokers, target.topics, target.size)
    found = await inherited(target.brokers, target.topics)
    if found is not None:
        return await _again(source, target, found)
    if workers := await group.at_work(target.brokers, target.topics):
        raise NotMovable(f"{workers} of the cluster's workers are at work: stop them first")
    async with AsyncExitStack() as stack:
        connection = await Connection.open(target.state, _PATIENCE, target.topics.installation)
        stack.push_async_callback(connection.close)
        topic = await Topic.open(target.brokers, target.topics, source.origin)
        stack.push_async_callback(topic.close)
        await stack.enter_async_context(_caps_closed(connection))
        sent, damaged = await _move_log(source, topic, steps)
        capsules = await _share_key(source, connection)
        decisions = await _move_decisions(source, connection, capsules, steps)
        customers, event_ids = await _move_customers(source, connection, steps)
        await _mark(connection, target.topics, topic.ends)
    await group.begin_at(target.brokers, target.topics, topic.ends)
    await _move_model(source, target, topic.ends)
    return Moved(
        entries=sum(topic.ends.values()),
        sent=sent,
        damaged=damaged,
        customers=customers,
        decisions=decisions,
        event_ids=event_ids,
        lessons=source.mind.learner.version,
        partitions=len(topic.ends),
    )


async def _again(source: Source, target: Target, found: Inherited) -> Moved:
    """What is to be said where the move is complete. The weights may still be missing: they come now."""
    if found.origin != source.origin:
        raise NotMovable(
            f"another installation has moved to {target.topics.installation!r} on this cluster:"
            " name this one otherwise, with --name"
        )
    if (since := source.last_seq - found.last_seq) > 0:
        raise NotMovable(
            f"{since} entries were accepted in {source.data} after it had moved; they are not in"
            " the cluster, and what came there since cannot be put behind them"
        )
    await _publish(target, found)
    return Moved(already=True, lessons=source.mind.learner.version)


@asynccontextmanager
async def _caps_closed(connection: Connection) -> AsyncIterator[None]:
    """Keeps caps closed meanwhile, and after it until workers have counted what the log says was shown.

    Whatever Redis says of caps before is of servers that did not know this log.
    """
    run = CapsRun(connection)
    await run.begin_move(token_hex(8))
    try:
        yield
    finally:
        await run.forget()


async def _move_log(source: Source, topic: Topic, steps: Steps) -> tuple[int, int]:
    sent = damaged = 0
    with steps("the log", source.last_seq) as tell:
        for batch in source.entries():
            done = await topic.send(batch)
            sent += done.entries
            damaged += done.damaged
            tell(len(batch))
    topic.verify()
    return sent, damaged


async def _share_key(source: Source, connection: Connection) -> Capsules:
    """Has the cluster's servers open the tokens that were given out so far."""
    key = SharedKey(connection, source.data)
    capsules = await key.open()
    await key.look()
    return capsules


async def _move_decisions(
    source: Source, connection: Connection, capsules: Capsules, steps: Steps
) -> int:
    """Has decisions found by their ids for as long as the installation would have kept them."""
    now, keep = time.time_ns() // 1_000, Retention().age
    decided = Decided(connection, capsules, now)
    with steps("decisions", source.count_decisions()) as tell:
        count = await decided.write(source.decisions(now - keep), keep, tell)
    await decided.write_offers(await source.offers(now - JUST_OFFERED))
    return count


async def _move_customers(source: Source, connection: Connection, steps: Steps) -> tuple[int, int]:
    """Writes customers and event ids. A Redis that restarts meanwhile may have lost some of them."""
    keeping, now = Keeping(), time.time_ns() // 1_000
    customers = RedisCustomers(connection, lambda: now, keeping)
    epoch = connection.epoch
    with steps("customers", source.count_customers()) as tell:
        written = await write_customers(customers, source.customers(), tell)
    event_ids = await write_event_ids(customers, source.events_since(now - keeping.event_ids))
    if connection.epoch != epoch:
        raise StorageError("Redis was lost meanwhile: run it again")
    return written, event_ids


async def _mark(connection: Connection, topics: Topics, ends: dict[int, int]) -> None:
    """Notes in Redis that everything in the topic is applied."""
    marks = Marks(connection, topics.events)
    for partition, end in ends.items():
        await marks.move(partition, await marks.read(partition), end)


async def _move_model(source: Source, target: Target, ends: dict[int, int]) -> None:
    weights = weights_of(source.mind, ends)
    publisher = Publisher(target.brokers, _PATIENCE)
    try:
        await hand_on(publisher, target.topics, source.origin, source.last_seq, weights)
    finally:
        await publisher.close()
    found = await inherited(target.brokers, target.topics)
    if found is None:
        raise StorageError("the model is not in the topic of lessons: run it again")
    await _publish(target, found)


async def _publish(target: Target, found: Inherited) -> None:
    publisher = Publisher(target.brokers, _PATIENCE)
    try:
        await publish(publisher, target.topics, found)
    finally:
        await publisher.close()
