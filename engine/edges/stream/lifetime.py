"""A worker's process: it begins once Kafka is there, and ends in order when it is asked to."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from engine.edges.journal.database import DataDirectory
from engine.edges.stream.bedside import told_at
from engine.edges.stream.ending import ended_within
from engine.edges.stream.vitals import Vitals
from engine.edges.stream.worker import Worker, WorkerSettings, at_work
from engine.errors import InvalidInput, StorageError, Violation
from engine.settings import Settings

_ENDS_WITHIN: Final = 12.0
"""Seconds given to leaving the group and letting go of connections."""

_AGAIN: Final = 1.0
"""Seconds between two attempts to begin while Kafka is away."""


async def work(settings: WorkerSettings, say: Callable[[str], object]) -> None:
    """Works until the process is asked to stop, or cannot go on. Waits for a Kafka that is away at first.

    Raises:
        StorageError: the log cannot be followed any more; what helps is another start. Or the data
            directory cannot be used.
        InvalidInput: the address of the metrics cannot be listened on, or there are no rules.
    """
    if settings.engine is not None:
        _look_over(settings.engine)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, stop.set)
    asked = asyncio.create_task(stop.wait())
    at_hand: list[Worker] = []

    def vitals() -> Vitals | None:
        return at_hand[0].vitals if at_hand else None

    async with AsyncExitStack() as stack:
        if settings.metrics is not None:
            where = stack.enter_context(told_at(vitals, settings.metrics))
            say(f"attune worker tells how it is at http://{where}/metrics, /live and /ready")
        worker = await _begun(stack, settings, asked, say)
        if worker is None:
            say("attune worker has ended before it could begin")
            return
        at_hand.append(worker)
        say(f"attune worker follows {settings.topics.events} at {settings.brokers}")
        await asyncio.wait([asked, worker.broken], return_when=asyncio.FIRST_COMPLETED)
        if worker.broken.done():
            raise StorageError(f"the worker cannot go on: {_reason(worker.broken.exception())}")
    say(f"attune worker has ended: {worker.progress}")


def _look_over(engine: Settings) -> None:
    """Says what no waiting for Kafka mends.

    Raises:
        InvalidInput: there is no directory of rules.
        StorageError: the data directory cannot be used, or another process uses it.
    """
    if not engine.rules.is_dir():
        wrong = f"{engine.rules} is no directory: name that of a rule book"
        raise InvalidInput([Violation("rules", wrong)])
    DataDirectory(engine.data).close()


async def _begun(
    stack: AsyncExitStack,
    settings: WorkerSettings,
    asked: "asyncio.Task[object]",
    say: Callable[[str], object],
) -> Worker | None:
    """A worker, once Kafka is there; None if it was asked to stop before."""
    said = ""
    while not asked.done():
        worker = at_work(settings, ended=partial(ended_within, _ENDS_WITHIN))
        begun = asyncio.create_task(stack.enter_async_context(worker))
        await asyncio.wait([begun, asked], return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            begun.cancel()
            await asyncio.wait([begun])
            return None
        try:
            return begun.result()
        except StorageError as error:
            if said != (said := str(error)):
                say(f"attune worker waits, {error}")
            await asyncio.wait([asked], timeout=_AGAIN)
    return None


def _reason(error: BaseException | None) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
