"""A worker: takes its share of the log, keeps customers in Redis up to date, and learns. Wired once."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import faust
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from engine.edges.caps.counting import Counting
from engine.edges.caps.recount import Recounting
from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Size, Topics, brokers_of, ensure
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps import RedisAccounts
from engine.edges.redis.caps_catalogue import CapsCatalogue
from engine.edges.redis.caps_run import CapsRun
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Keeping, RedisCustomers
from engine.edges.redis.marks import Marks
from engine.edges.stream.app import worker_app
from engine.edges.stream.deciding import deciding
from engine.edges.stream.fellows import NONE, Fellows, own_name
from engine.edges.stream.group import Group, Share
from engine.edges.stream.inbox import Inbox, Progress
from engine.edges.stream.learning import Learning
from engine.edges.stream.membership import Membership
from engine.edges.stream.rounds import Portion, Rounds
from engine.edges.stream.stalls import Doing
from engine.edges.stream.triggering import Triggering
from engine.edges.stream.vitals import Vitals
from engine.edges.stream.watch import Watch
from engine.errors import InvalidInput, StorageError, Violation
from engine.model import Micros
from engine.settings import Address, Settings
from engine.triggers.rounds import keep

log = logging.getLogger(__name__)

DATA: Final = Path("worker-data")
"""The data directory of a worker that decides, where none is named."""

_FINISHES_WITHIN: Final = 10.0
"""Seconds given to what was begun."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Where a worker works.

    Attributes:
        brokers: of Kafka.
        state: the Redis customers are kept in.
        topics: the names of the topics.
        size: how topics are made that are not there yet.
        keeping: how long what is kept of customers.
        metrics: where metrics and health are told; None for nowhere.
        engine: how to decide what triggers ask for; None where no trigger is heard here.
    """

    brokers: Bootstrap
    state: RedisAddress
    topics: Topics = field(default_factory=Topics)
    size: Size = field(default_factory=Size)
    keeping: Keeping = field(default_factory=Keeping)
    metrics: Address | None = None
    engine: Settings | None = None

    @classmethod
    def of(
        cls,
        stream: str,
        state: str,
        name: str,
        size: Size,
        metrics: str | None = None,
        rules: Path | None = None,
        data: Path = DATA,
    ) -> "WorkerSettings":
        """Reads what the command line says; with `rules` triggers are heard, and `data` is used.

        Raises:
            InvalidInput: one of the URLs is none, or the address of the metrics.
        """
        try:
            address = RedisAddress.parse(state)
        except ValueError as error:
            raise InvalidInput([Violation("state", str(error))]) from None
        try:
            told = None if metrics is None else Address.parse(metrics)
        except ValueError as error:
            raise InvalidInput([Violation("metrics", str(error))]) from None
        engine = None
        if rules is not None:
            engine = Settings.of(rules=rules, data=data, stream=stream, state=state, name=name)
        return cls(brokers_of(stream), address, Topics.of(name), size, metrics=told, engine=engine)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker at work.

    Attributes:
        progress: what it has done.
        vitals: how it is.
        membership: in its group.
        broken: done with the reason once it cannot go on.
    """

    progress: Progress
    vitals: Vitals
    membership: Membership
    broken: "asyncio.Task[None]"


@asynccontextmanager
async def at_work(
    settings: WorkerSettings,
    clock: Callable[[], Micros] = lambda: time.time_ns() // 1_000,
    ended: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> AsyncIterator[Worker]:
    """A worker in its consumer group; at the end it finishes what it began and leaves the group.

    It lets go of everything inside of what `ended` makes, which may set that a limit.

    Raises:
        StorageError: the topics cannot be made, or Kafka went away again while it joined.
        BrokenRuleBook: there is a rule book, and it has mistakes.
        InvalidInput: Redis is another installation's.
    """
    await ensure(settings.brokers, settings.topics, settings.size)
    async with (
        deciding(settings.engine, clock) as triggering,
        _at_work(settings, clock, ended, triggering) as worker,
    ):
        yield worker


@asynccontextmanager
async def _at_work(
    settings: WorkerSettings,
    clock: Callable[[], Micros],
    ended: Callable[[], AbstractContextManager[object]],
    triggering: Triggering | None,
) -> AsyncIterator[Worker]:
    topics, brokers = settings.topics, settings.brokers
    connection = await Connection.open(settings.state, installation=topics.installation)
    publisher = Publisher(brokers)
    customers = RedisCustomers(connection, clock, settings.keeping)
    marks = Marks(connection, topics.events)
    accounts = RedisAccounts(connection, "worker", clock)
    counting = Counting(accounts, CapsCatalogue(connection, clock))
    reread = partial(stretch, brokers, topics.events)
    inbox = Inbox(customers, marks, publisher, topics, reread, counting.count, triggering)
    learning = Learning(brokers, publisher, topics)
    app = worker_app(brokers, topics, inbox, learning).app
    membership = Membership(app)
    watch = Watch(
        Group(brokers, str(app.conf.id), topics),
        membership,
        partial(_doing, inbox, learning),
        partial(_look_after, inbox, topics.events),
        time.monotonic,
    )
    fellows = Fellows(connection, topics.workers, own_name(), partial(_book_of, triggering))
    running: asyncio.Task[None] | None = None
    try:
        await _join(app, brokers)
        recounting = Recounting(CapsRun(connection), counting, reread)
        rounds = _rounds(triggering, connection, topics.events, watch, clock)
        running = asyncio.create_task(
            _run(inbox, learning, watch, recounting, rounds, fellows, app)
        )
        vitals = Vitals(
            watch.seen,
            inbox.progress,
            (inbox, learning),
            lambda: connection.is_up,
            lambda: membership.rebalances,
            time.monotonic,
            None if triggering is None else triggering.outreach.tally,
            lambda: fellows.different,
        )
        yield Worker(inbox.progress, vitals, membership, running)
        await _finish(inbox, learning, app)
    finally:
        with ended():
            if running is not None:
                running.cancel()
                await asyncio.wait([running])
            await app.stop()
            await fellows.leave()
            await publisher.close()
            await connection.close()


def _rounds(
    triggering: Triggering | None,
    connection: Connection,
    events: str,
    watch: Watch,
    clock: Callable[[], Micros],
) -> Rounds | None:
    """Makes the rounds of daily triggers, for what this worker has of the events; None without a book."""
    if triggering is None:
        return None
    return Rounds(triggering, connection, events, partial(_portion, watch, events), clock)


def _portion(watch: Watch, events: str) -> Portion:
    """The partitions of the events this worker has, as last seen."""
    seen = watch.seen
    everywhere = () if seen.standing is None else seen.standing.shares
    mine = frozenset(place.partition for place in seen.owned if place.topic == events)
    return Portion(mine, sum(place.topic == events for place in everywhere))


async def _join(app: faust.App, brokers: Bootstrap) -> None:
    try:
        await app.start()
    except (KafkaError, OSError) as error:
        raise StorageError(f"Kafka at {brokers} cannot be joined: {error}") from error


def _doing(inbox: Inbox, learning: Learning, member: str) -> Doing:
    return Doing(
        member,
        inbox.waiting or learning.waiting,
        inbox.catching_up or learning.catching_up,
        inbox.progress.moved + learning.next,
    )


def _look_after(inbox: Inbox, events: str, owned: Mapping[TopicPartition, Share]) -> None:
    """Has the inbox look after the partitions of the events this worker has."""
    inbox.own(
        {
            place.partition: share.committed
            for place, share in owned.items()
            if place.topic == events
        }
    )


def _book_of(triggering: Triggering | None) -> str:
    """The version of the rule book in force here."""
    return NONE if triggering is None else triggering.lookout.triggers.book.version


async def _run(
    inbox: Inbox,
    learning: Learning,
    watch: Watch,
    recounting: Recounting,
    rounds: Rounds | None,
    fellows: Fellows,
    app: faust.App,
) -> None:
    """Runs until one of them cannot go on."""
    async with asyncio.TaskGroup() as group:
        group.create_task(inbox.run())
        group.create_task(learning.run())
        group.create_task(recounting.keep())
        group.create_task(watch.run())
        group.create_task(fellows.run())
        if rounds is not None:
            group.create_task(keep(rounds.go_on))
        await app.wait_until_stopped()
        raise StorageError(f"the log is followed no more: {app.crash_reason!r}")


async def _finish(inbox: Inbox, learning: Learning, app: faust.App) -> None:
    """Finishes what was begun, within reason; the rest comes again to whoever takes over."""
    try:
        async with asyncio.timeout(_FINISHES_WITHIN):
            await inbox.finish()
            await learning.finish()
            await app.consumer.commit()
    except (TimeoutError, StorageError) as error:
        log.warning("not all that was begun could be finished, it comes again: %s", error)
