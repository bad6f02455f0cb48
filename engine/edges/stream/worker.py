"""A worker: takes its share of the log, keeps customers in Redis up to date, and learns. Wired once."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import faust

from engine.edges.caps.counting import Counting
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Size, Topics, brokers_of, ensure
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps import RedisAccounts
from engine.edges.redis.caps_catalogue import CapsCatalogue
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Keeping, RedisCustomers
from engine.edges.redis.marks import Marks
from engine.edges.stream.app import worker_app
from engine.edges.stream.inbox import Inbox, Progress
from engine.edges.stream.learning import Learning
from engine.errors import InvalidInput, StorageError, Violation
from engine.model import Micros

log = logging.getLogger(__name__)

_ENDS_WITHIN: Final = 10.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Where a worker works.

    Attributes:
        brokers: of Kafka, `HOST:PORT`, several with commas between.
        state: the Redis customers are kept in.
        topics: the names of the topics.
        size: how topics are made that are not there yet.
        keeping: how long what is kept of customers.
    """

    brokers: str
    state: RedisAddress
    topics: Topics = field(default_factory=Topics)
    size: Size = field(default_factory=Size)
    keeping: Keeping = field(default_factory=Keeping)

    @classmethod
    def of(cls, stream: str, state: str, name: str, size: Size) -> "WorkerSettings":
        """Reads what the command line says.

        Raises:
            InvalidInput: one of the URLs is none.
        """
        try:
            address = RedisAddress.parse(state)
        except ValueError as error:
            raise InvalidInput([Violation("state", str(error))]) from None
        return cls(brokers_of(stream), address, Topics(name), size)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker at work.

    Attributes:
        progress: what it has done.
        broken: done with the reason once it cannot go on.
    """

    progress: Progress
    broken: "asyncio.Task[None]"


@asynccontextmanager
async def at_work(
    settings: WorkerSettings, clock: Callable[[], Micros] = lambda: time.time_ns() // 1_000
) -> AsyncIterator[Worker]:
    """A worker in its consumer group; at the end it finishes what it began and leaves the group.

    Raises:
        StorageError: the topics cannot be made.
    """
    topics = settings.topics
    await ensure(settings.brokers, topics, settings.size)
    connection = await Connection.open(settings.state)
    publisher = Publisher(settings.brokers)
    customers = RedisCustomers(connection, clock, settings.keeping)
    marks = Marks(connection, topics.events)
    reread = partial(stretch, settings.brokers, topics.events)
    accounts = RedisAccounts(connection, "worker", clock)
    counting = Counting(accounts, CapsCatalogue(connection, clock))
    inbox = Inbox(customers, marks, publisher, topics, reread, counting.count)
    learning = Learning(settings.brokers, publisher, topics)
    agents = worker_app(settings.brokers, topics, inbox, learning)
    await agents.app.start()
    running = asyncio.create_task(_run(inbox, learning, agents.app))
    try:
        yield Worker(inbox.progress, running)
        await _finish(inbox, learning)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await agents.app.stop()
        await publisher.close()
        await connection.close()


async def _run(inbox: Inbox, learning: Learning, app: faust.App) -> None:
    """Runs until one of them cannot go on."""
    async with asyncio.TaskGroup() as group:
        group.create_task(inbox.run())
        group.create_task(learning.run())
        await app.wait_until_stopped()
        raise StorageError(f"the log is followed no more: {app.crash_reason!r}")


async def _finish(inbox: Inbox, learning: Learning) -> None:
    """Finishes what was begun, within reason; the rest comes again to whoever takes over."""
    with suppress(TimeoutError, StorageError):
        async with asyncio.timeout(_ENDS_WITHIN):
            await inbox.emptied()
            await learning.publish()


async def work(settings: WorkerSettings, say: Callable[[str], object]) -> None:
    """Works until the process is asked to stop, or cannot go on.

    Raises:
        StorageError: the topics cannot be made, or the log cannot be followed any more.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, stop.set)
    async with at_work(settings) as worker:
        say(f"attune worker follows {settings.topics.events} at {settings.brokers}")
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait([asked, worker.broken], return_when=asyncio.FIRST_COMPLETED)
        if worker.broken.done():
            raise StorageError(f"the worker cannot go on: {worker.broken.exception()}")
        asked.cancel()
    say(f"attune worker has ended: {worker.progress}")
