"""The parent: starts the servers of a crew, starts again whichever ends, and brings all to an orderly end."""

import asyncio
import logging
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from engine.crew.members import Member
from engine.errors import AttuneError

log = logging.getLogger(__name__)

READY: Final = b"attune is ready on "
"""How the line begins by which a server says that it can be called."""

STEADY: Final = 60.0
"""Seconds after which a server that ends is started again at once, as if it had never ended before."""

_SHORTEST: Final = 0.5
_LONGEST: Final = 30.0


def pause(ended: int) -> float:
    """Seconds before a server that has ended so many times in a row is started again.

    >>> [pause(n) for n in (1, 2, 3, 100)]
    [0.5, 1.0, 2.0, 30.0]
    """
    return min(_LONGEST, _SHORTEST * 2.0 ** min(ended - 1, 16))


class NotStarted(AttuneError):
    """A server of a crew ended before it was ready the first time; it has said why."""


@dataclass(slots=True)
class Standing:
    """How one server does.

    Attributes:
        process: the one that runs now; None between two.
        is_ready: whether it can be called.
        restarts: how often it was started again.
        once_ready: done once it was ready for the first time.
    """

    process: Process | None = None
    is_ready: bool = False
    restarts: int = 0
    once_ready: asyncio.Event = field(default_factory=asyncio.Event)


class Crew:
    """Servers on one port. All calls come from one event loop.

    A server that ends although nobody asked for it is started again, after a pause that doubles while
    it does not last. One that ends before it was ever ready has been set up wrongly: then all end.

    `patience` is how many seconds servers that were asked to end may take.
    """

    def __init__(
        self,
        members: Sequence[Member],
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._members = members
        self._patience = patience
        self._clock = clock
        self._stopping = asyncio.Event()
        self._failure: NotStarted | None = None
        self.standings = {member.number: Standing() for member in members}

    async def run(self, ready: Callable[[], object]) -> None:
        """Runs until `stop`; `ready` is called once, when all servers are.

        The first is started alone: what is wrong with the settings is then said once, and what it
        prepares for the others is there when they come.

        Raises:
            NotStarted: a server could not be started; all have ended.
        """
        async with asyncio.TaskGroup() as group:
            for some in (self._members[:1], self._members[1:]):
                for member in some:
                    group.create_task(self._keep(member))
                for member in some:
                    await self._until(self.standings[member.number].once_ready.wait())
            if not self._stopping.is_set():
                ready()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Has all servers end in order; called again, at once."""
        self._stopping.set()
        self.tell(signal.SIGTERM)

    def unready(self) -> str:
        """Why not all servers can be called; empty while they can."""
        if self._stopping.is_set():
            return "the servers have been asked to stop"
        waiting = [str(n) for n, standing in self.standings.items() if not standing.is_ready]
        return f"not ready: server {', '.join(waiting)}" if waiting else ""

    def tell(self, sent: signal.Signals) -> None:
        """Passes a signal on to every server that runs."""
        for standing in self.standings.values():
            if standing.process is not None:
                with suppress(ProcessLookupError):
                    standing.process.send_signal(sent)

    async def _keep(self, member: Member) -> None:
        """Has a server run until all are to stop."""
        standing, ended = self.standings[member.number], 0
        while not self._stopping.is_set():
            began = self._clock()
            code = await self._run_once(member, standing)
            if self._stopping.is_set():
                return
            if not standing.once_ready.is_set():
                self._failure = NotStarted(
                    f"server {member.number} could not be started (exit code {code})"
                )
                self.stop()
                return
            ended = 1 if self._clock() - began >= STEADY else ended + 1
            wait = pause(ended)
            log.error(
                "server %d has ended (exit code %d); it is started again in %g s",
                member.number, code, wait,
            )  # fmt: skip
            await self._until(asyncio.sleep(wait))
            standing.restarts += 1

    async def _run_once(self, member: Member, standing: Standing) -> int:
        """Runs a server to its end; its exit code. It does not outlive this call."""
        process = await asyncio.create_subprocess_exec(
            *member.command, env=dict(member.environment), stdout=PIPE, start_new_session=True
        )
        standing.process = process
        listening = asyncio.create_task(_listen(process, standing))
        try:
            if self._stopping.is_set():
                process.terminate()
            await self._until(process.wait())
            try:
                async with asyncio.timeout(self._patience):
                    return await process.wait()
            except TimeoutError:
                log.error("server %d does not end, and is killed", member.number)  # noqa: TRY400
        finally:
            standing.process, standing.is_ready = None, False
            if process.returncode is None:
                process.kill()
            await listening
        return await process.wait()

    async def _until(self, happens: Coroutine[Any, Any, object]) -> None:
        """Waits for something to happen, or until all are to stop."""
        waiting = [asyncio.ensure_future(happens), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()


async def _listen(process: Process, standing: Standing) -> None:
    """Reads what a server says until it has ended, and notes when it is ready."""
    if process.stdout is None:
        return
    async for line in process.stdout:
        if line.startswith(READY):
            standing.is_ready = True
            standing.once_ready.set()
