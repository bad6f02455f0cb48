"""Conversation: a call whose caller sends any number of messages, read one by one by its method."""

import asyncio
from functools import partial
from typing import Any, Final

import grpc

from engine.edges.http2.bodies import ALLOWANCE, Bodies
from engine.edges.http2.call import Call, wake
from engine.edges.http2.connection import Connection
from engine.edges.http2.heads import Head
from engine.edges.http2.messages import Unfit, first

_AT_ONCE: Final = 16


class Conversation(Call):
    """A call as its method sees it that reads and writes messages, the `Context` of the gate."""

    __slots__ = ("_read", "_reading")

    def __init__(
        self, connection: Connection, number: int, head: Head, limit: int, bodies: Bodies
    ) -> None:
        super().__init__(connection, number, head, limit, bodies)
        self._read = 0
        self._reading: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """See `Stream`: the method begins before there is anything to read."""
        self._run(partial(self._handler.call, None, self))

    def take(self, data: bytes) -> None:
        """See `Stream`."""
        if self.ended or self.farewell is not None:
            return
        if self._body:
            self._collect(data)
        else:
            self._body = data
        if len(self._body) > ALLOWANCE:
            self._bodies.weigh(self, len(self._body))
        self._go_on()

    def complete(self) -> None:
        """See `Stream`."""
        self._go_on()

    def _go_on(self) -> None:
        """There may be something to read."""
        wake(self._reading)

    def _next(self) -> bytes | None:
        """The next message, whose room the caller has again; None if it is not whole. Raises `Unfit`."""
        body = self._body
        found = first(body, self._encoding, self._limit)
        if found is None:
            return None
        message, octets = found
        before = len(body)
        if octets == before:
            self._body = b""
        else:
            if not isinstance(body, bytearray):
                body = self._body = bytearray(body)
            del body[:octets]
        if before > ALLOWANCE:
            self._bodies.weigh(self, before - octets)
        self.connection.more(self, octets)
        return message

    async def read(self) -> Any:
        """The next message, or `grpc.aio.EOF` when there are no more.

        Who finds many of them waiting lets others have their turn in between.
        """
        self._read += 1
        if self._read % _AT_ONCE == 0:
            await asyncio.sleep(0)
        try:
            while (message := self._next()) is None:
                if self.asked or self.ended:
                    return grpc.aio.EOF
                self._reading = asyncio.get_running_loop().create_future()
                await self._reading
        except Unfit as unfit:
            self.refuse(unfit.refusal)
            return grpc.aio.EOF
        return message
