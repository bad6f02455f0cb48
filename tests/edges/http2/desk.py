"""A desk: answers messages with themselves, some of them only when it is told to go on."""

import asyncio
from collections.abc import Callable
from typing import Never

import grpc

from engine.edges.grpc.gate import Context, Exchange, Handler
from engine.edges.grpc.status import Refusal
from engine.edges.grpc.waits import Wait

BYE = Refusal(grpc.StatusCode.UNAVAILABLE, "another time")
SLOW = b"slow"


class Desk:
    """Answers at once, but for messages that begin with `slow`; at most `most` of those may wait.

    Attributes:
        go: to be set for those that wait.
        taken: what was taken up, in order.
        waiting, most_waiting: how many wait now, and did at most.
        given_up: how many waited in vain.
    """

    def __init__(self, most: int = 64) -> None:
        self.go, self.closing = asyncio.Event(), asyncio.Event()
        self.taken: list[bytes] = []
        self.waited: list[float] = []
        self.waiting = self.most_waiting = self.given_up = 0
        self._most = most

    def handler(self) -> Handler:
        """The desk as a method."""
        exchange = Exchange(self._at_once, self._most, self.closing, BYE)
        return Handler(_never, asks_many=True, answers_many=True, exchange=exchange)

    def _at_once(self, message: bytes, waited: float) -> bytes | Wait[bytes]:
        self.taken.append(message)
        self.waited.append(waited)
        return _Later(self, message) if message.startswith(SLOW) else message

    async def later(self, message: bytes) -> bytes:
        """The answer to one that waits."""
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.waiting -= 1
        return message


class _Later:
    """What there is to wait for."""

    def __init__(self, desk: Desk, message: bytes) -> None:
        self._desk, self._message = desk, message

    def begin(self, told: Callable[[bytes], None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._wait(told))

    async def _wait(self, told: Callable[[bytes], None]) -> None:
        told(await self._desk.later(self._message))

    def leave(self) -> None:
        self._task.cancel()


async def _never(_: object, __: Context) -> Never:
    raise AssertionError("this transport goes by the exchange")
