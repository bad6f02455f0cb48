"""Waits: an answer that is not there yet, and is told in the turn of the loop in which it comes to be."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from engine.edges.grpc.port import Inquiring, Outcome
from engine.model import Decision

Told = TypeVar("Told")
Told_co = TypeVar("Told_co", covariant=True)


class Wait(Protocol[Told_co]):
    """What there is to wait for. Nothing happens before it is begun, once."""

    def begin(self, told: Callable[[Told_co], None], /) -> None:
        """Has `told` the answer, once: at once, or in the turn in which it is there."""

    def leave(self) -> None:
        """Nobody waits any more: `told` is not called, and nothing more is done for it."""


class Later(Generic[Told]):
    """The answer made of what comes of an inquiry; `answer` makes it, of errors as well, and raises nothing."""

    __slots__ = ("_answer", "_inquiring", "_told")

    def __init__(self, inquiring: Inquiring, answer: Callable[[Outcome], Told]) -> None:
        self._inquiring = inquiring
        self._answer = answer
        self._told: Callable[[Told], None] | None = None

    def begin(self, told: Callable[[Told], None]) -> None:
        """See `Wait`."""
        self._told = told
        self._inquiring.begin(self._hear)

    def leave(self) -> None:
        """See `Wait`."""
        self._told = None
        self._inquiring.leave()

    def _hear(self, outcome: Outcome) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(self._answer(outcome))


class Attended:
    """What a coroutine answers, by a task of its own; an `engine.edges.grpc.port.Inquiring`."""

    __slots__ = ("_answer", "_left", "_task")

    def __init__(
        self, answer: Callable[[], Coroutine[Any, Any, tuple[Decision, bytes] | bytes]]
    ) -> None:
        self._answer = answer
        self._left = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, told: Callable[[Outcome], None]) -> None:
        """See `Inquiring`."""
        self._task = asyncio.get_running_loop().create_task(self._attend(told))

    def leave(self) -> None:
        """See `Inquiring`."""
        self._left = True
        if self._task is not None:
            self._task.cancel()

    async def _attend(self, told: Callable[[Outcome], None]) -> None:
        outcome: Outcome
        try:
            outcome = await self._answer()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- for whoever asked
            outcome = error
        try:
            if not self._left:
                told(outcome)
        finally:
            del outcome  # an error knows this frame: together they would stay for the collector


async def awaited(wait: Wait[Told]) -> Told:
    """The answer, for who waits by a task; whoever cancels that leaves."""
    coming: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
    wait.begin(partial(_settle, coming))
    try:
        return await coming
    finally:
        wait.leave()


def _settle(coming: "asyncio.Future[Told]", answer: Told) -> None:
    if not coming.done():
        coming.set_result(answer)
