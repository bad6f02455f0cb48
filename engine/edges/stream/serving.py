"""The engine over the cluster's edge: the log in Kafka, customers in Redis, models as workers learn them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import structlog

from engine.capsule import Capsules, open_capsules
from engine.edge import Edge
from engine.edges.caps.lending import Clocks
from engine.edges.caps.recount import Recount
from engine.edges.caps.shared import SharedCaps
from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.progress import committed
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import ends
from engine.edges.kafka.topics import Size, Topics, brokers_of, ensure
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.answers import RedisAnswers
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Keeping
from engine.edges.rules.compiler import Compile, compile_apart
from engine.edges.rules.watch import Look, look
from engine.edges.stream.apart import followed
from engine.edges.stream.left_behind import left_behind, send_left_behind
from engine.edges.stream.sealing import SharedKey
from engine.edges.stream.state import ClusterState
from engine.edges.stream.taking_up import TakingUp
from engine.edges.stream.wholeness import Wholeness
from engine.engine import AttuneEngine, Sources, running
from engine.errors import InvalidInput, StorageError, Violation
from engine.model import SECOND
from engine.rulebook.book import RuleBook
from engine.running.native import tell_if_interpreted
from engine.running.reload import first_book
from engine.settings import Settings

log = structlog.get_logger(__name__)

REST = 0.5
"""Seconds Redis is left alone after it failed three times running; reaching it again takes half of that."""

AGAIN = 1.0
"""Seconds between two attempts to reach Kafka at the start."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where a cluster keeps what.

    Attributes:
        brokers: of Kafka.
        redis: customers, and what servers share.
        topics: the names of the topics.
        size: how topics are made that are not there yet.
    """

    brokers: Bootstrap
    redis: RedisAddress
    topics: Topics
    size: Size

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The one the settings name.

        Raises:
            InvalidInput: they name none, or what they say is no URL.
        """
        try:
            redis = RedisAddress.parse(settings.state or "")
        except ValueError as error:
            raise InvalidInput([Violation("state", str(error))]) from None
        return cls(
            brokers_of(settings.stream or ""),
            redis,
            Topics.of(settings.name),
            Size(settings.partitions, settings.copies),
        )


@asynccontextmanager
async def open_cluster_engine(
    settings: Settings,
    sources: Sources | None = None,
    compiled: Compile = compile_apart,
    before: Look | None = None,
    *,
    at_worker: bool = False,
) -> AsyncIterator[AttuneEngine]:
    """An engine over the cluster that the settings name, deciding by the book in `settings.rules`.

    When it is yielded it knows what the workers had learned when it began. `settings.data` is this
    process's alone: it holds the spool and the decisions made here. Where Kafka cannot be reached at the
    start that is waited for; Redis is, only where the data directory has no key to seal tokens by.
    `before` is how the book's files looked when `compiled` began to read them, if it has begun already.
    `at_worker` says that it decides for a worker, whose customers are those it is about to write.

    Raises:
        BrokenRuleBook: the book has mistakes; nothing was opened.
        InvalidInput: the settings name no cluster, or one whose Redis is another installation's, or a data
            directory that is an embedded installation's.
        StorageError: the data directory is in use, damaged, or cannot be read.
    """
    sources = sources or Sources()
    installation = Installation.of(settings)
    before = look(settings.rules) if before is None else before
    tell_if_interpreted()
    first = await first_book(settings, compiled)
    taking_up = TakingUp()
    async with (
        _edge(settings, installation, first.book, sources, taking_up, at_worker) as edge,
        running(settings, edge, first, before, sources, compiled) as engine,
        _meanwhile(taking_up.run(engine.take_up)),
    ):
        del first  # held here, the first book would never go
        yield engine


@asynccontextmanager
async def _edge(
    settings: Settings,
    installation: Installation,
    book: RuleBook,
    sources: Sources,
    taking_up: TakingUp,
    at_worker: bool,
) -> AsyncIterator[Edge]:
    async with AsyncExitStack() as stack:
        connection = await Connection.open(
            installation.redis, installation=installation.topics.installation
        )
        publisher = Publisher(installation.brokers)
        state = await _state(settings, installation, connection, publisher, sources)
        state.at_worker = at_worker
        stack.push_async_callback(state.close)
        await stack.enter_async_context(
            _meanwhile(
                send_left_behind(left_behind(settings.data, {settings.data}), installation.brokers)
            )
        )
        state.marks.highest |= await _progress(installation)
        await _trusting(stack, connection, state)
        capsules = await _capsules(stack, settings, connection)
        await stack.enter_async_context(
            followed(installation.brokers, installation.topics, taking_up.take)
        )
        events = installation.topics.events
        recount = Recount(partial(ends, installation.brokers, events))
        clocks = Clocks(sources.now, sources.monotonic)
        caps = await stack.enter_async_context(SharedCaps.open(connection, book, recount, clocks))
        del book  # held here, the first book would never go
        yield Edge(
            state,
            await taking_up.first(),
            caps,
            capsules,
            state.pending,
            REST,
            RedisAnswers(
                connection,
                state.aside,
                int(settings.request_ttl * SECOND),
                int(settings.join_by_id * SECOND),
            ),
            lambda: [*state.gauges(), *taking_up.gauges()],
            offers_topic=installation.topics.offers,
            scored=state.scored,
        )


async def _state(
    settings: Settings,
    installation: Installation,
    connection: Connection,
    publisher: Publisher,
    sources: Sources,
) -> ClusterState:
    keeping = Keeping(fresh=int(settings.staleness * SECOND) or -1)
    try:
        return await ClusterState.open(
            settings.data, connection, publisher, installation.topics, sources.now, keeping
        )
    except BaseException:
        await connection.close()
        await publisher.close()
        raise


async def _progress(installation: Installation) -> Mapping[int, int]:
    """How far workers have come; waits until Kafka can be reached and has all topics."""
    while True:
        try:
            await ensure(installation.brokers, installation.topics, installation.size)
            return await committed(installation.brokers, installation.topics)
        except StorageError as error:
            log.warning("cluster.waiting", message=f"{error}; it is tried again until it is there")
            await asyncio.sleep(AGAIN)


async def _trusting(
    stack: AsyncExitStack,
    connection: Connection,
    state: ClusterState,
) -> None:
    """Has customers read only from a Redis that has all that was applied."""
    telling: set[asyncio.Task[None]] = set()

    def back() -> None:
        task = asyncio.create_task(state.tell_again())
        telling.add(task)
        task.add_done_callback(telling.discard)

    wholeness = Wholeness(connection, state.marks, back)
    state.trusted = lambda: wholeness.holds
    if connection.is_up:
        await wholeness.look()
    await stack.enter_async_context(_meanwhile(wholeness.run()))


async def _capsules(stack: AsyncExitStack, settings: Settings, connection: Connection) -> Capsules:
    """The capsules by the key all servers share, or by the one the settings name."""
    if settings.seal_key_file is not None:
        return open_capsules(settings.data, settings.seal_key_file)
    shared = SharedKey(connection, settings.data)
    capsules = await shared.open()
    await stack.enter_async_context(_meanwhile(shared.follow(capsules)))
    return capsules


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Within, `work` goes on; it is cancelled at the end."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _tell(task: "asyncio.Task[None]") -> None:
    """Says what should not have ended."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("cluster.fault", exc_info=error)
