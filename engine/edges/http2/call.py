"""Call: one call of one method, with what our methods use of grpc's servicer context."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, NoReturn
from urllib.parse import quote

import grpc

from engine.edges.grpc.status import Refusal
from engine.edges.grpc.waits import Wait
from engine.edges.http2.bodies import ALLOWANCE, Bodies
from engine.edges.http2.connection import Connection
from engine.edges.http2.frames import Code
from engine.edges.http2.heads import Head, Malformed, NotGrpc
from engine.edges.http2.hpack import Field, pack
from engine.edges.http2.messages import Unfit, announced, framed, only
from engine.edges.http2.stream import Stream

_OPENING: Final = b"\x88" + pack((b"content-type", b"application/grpc"))  # 0x88 is :status 200
_REFUSING: Final = _OPENING + pack((b"grpc-accept-encoding", b"identity, deflate, gzip"))
_WELL: Final = pack((b"grpc-status", b"0"))
_PLAIN: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


class Left(grpc.aio.BaseError):
    """The caller has left, or was told that the call has ended."""


class Declined(Stream):
    """A request that is no call of ours; its data are not looked at."""

    __slots__ = ("_opening",)

    def __init__(
        self, connection: Connection, number: int, opening: Refusal | NotGrpc | Malformed
    ) -> None:
        super().__init__(connection, number)
        self._opening = opening

    def begin(self) -> None:
        """See `Stream`: a gRPC client is told at once."""
        match self._opening:
            case Malformed():
                self.connection.drop(self, Code.PROTOCOL_ERROR)
            case Refusal(code, message):
                self.connection.close(self, _OPENING + _status(code, message, ()))

    def complete(self) -> None:
        """See `Stream`: another client is told when it has said all."""
        if isinstance(self._opening, NotGrpc):
            self.connection.close(self, pack((b":status", str(self._opening.status).encode())))


class Call(Stream):
    """A call as its method sees it, the `Context` of the gate; here one whose caller sends one message."""

    __slots__ = (
        "_begun", "_bodies", "_body", "_deadline", "_encoding", "_handler", "_limit", "_task", "_timer",
        "_wait", "_writing",
    )  # fmt: skip

    def __init__(
        self, connection: Connection, number: int, head: Head, limit: int, bodies: Bodies
    ) -> None:
        super().__init__(connection, number)
        self._handler, timeout, self._encoding = head
        self._deadline = None if timeout is None else monotonic() + timeout
        self._limit = limit
        self._bodies = bodies
        self._body: bytes | bytearray = b""
        self._begun = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wait: Wait[bytes | Refusal] | None = None
        self._writing: asyncio.Future[None] | None = None

    # --- the request comes -------------------------------------------------------------------

    def linger(self) -> None:
        """See `Stream`: the deadline holds for who does not finish asking, too."""
        self._heed_deadline()

    def take(self, data: bytes) -> None:
        """See `Stream`: nothing is kept of a message that is too long to be taken."""
        if self.ended or self.farewell is not None:
            return
        if self._body:
            self._collect(data)
        else:
            self._body = data
        if self.asked:
            return
        try:
            announced(self._body, self._limit)
        except Unfit as unfit:
            self.give_up(unfit.refusal)
        if len(self._body) > ALLOWANCE:
            self._bodies.weigh(self, len(self._body))

    def _collect(self, data: bytes) -> None:
        """Adds to a body that does not come in one piece, as most do."""
        if not isinstance(self._body, bytearray):
            self._body = bytearray(self._body)
        self._body += data

    def complete(self) -> None:
        """See `Stream`."""
        self.connection.queue(self)

    def serve(self) -> None:
        """See `Stream`: a method that takes one message gets it."""
        handler, body = self._handler, self._body
        if self._timer is not None:
            self._forget_deadline()
        self._forget_body()
        try:
            message = only(body, self._encoding, self._limit)
        except Unfit as unfit:
            self.refuse(unfit.refusal)
            return
        if handler.prompt is None:
            self._run(partial(handler.call, message, self))
            return
        remaining = None if self._deadline is None else self._deadline - monotonic()
        answer = handler.prompt(message, remaining)
        if isinstance(answer, bytes | Refusal):
            self._answer(answer)
        else:
            self._wait = answer
            self._heed_deadline()
            answer.begin(self._answer_later)

    def _answer_later(self, answer: bytes | Refusal) -> None:
        """What was waited for is there; who has gone meanwhile has left it."""
        self._wait = None
        self._forget_deadline()
        self._answer(answer)
        if not self.connection.open_streams:
            self.connection.hurry()

    def _answer(self, answer: bytes | Refusal) -> None:
        if isinstance(answer, bytes):
            self.connection.reply(self, _OPENING, framed(answer), _WELL)
        else:
            self.refuse(answer)

    # --- the method runs ---------------------------------------------------------------------

    def _run(self, method: Callable[[], Awaitable[bytes | None]]) -> None:
        """Has the method run beside others, until its deadline."""
        self._task = asyncio.get_running_loop().create_task(self._finish(method))
        self._heed_deadline()

    async def _finish(self, method: Callable[[], Awaitable[bytes | None]]) -> None:
        try:
            answer = await method()
        except grpc.aio.AbortError:
            return
        except asyncio.CancelledError:
            if not self.ended:
                self.refuse(Refusal(grpc.StatusCode.CANCELLED, "the call was given up"))
            raise
        finally:
            self._forget_deadline()
            self._forget_body()
        if self._is_closing():
            return
        if answer is None:
            self._end_well()
        else:
            self.connection.reply(self, _OPENING, framed(answer), _WELL)

    def _heed_deadline(self) -> None:
        if self._deadline is not None and self._timer is None:
            wait = self._deadline - monotonic()
            self._timer = asyncio.get_running_loop().call_later(wait, self._expire)

    def _forget_deadline(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _forget_body(self) -> None:
        if len(self._body) > ALLOWANCE:
            self._bodies.release(self)
        self._body = b""

    def _expire(self) -> None:
        self.give_up(Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))

    def _end_well(self) -> None:
        """Ends the call behind what was written."""
        self._begin_reply()
        self.connection.close(self, _WELL)

    def give_up(self, refusal: Refusal) -> None:
        """See `Holder`."""
        self.refuse(refusal)
        self._stop()

    def _stop(self) -> None:
        """Keeps nothing of the call: who has queued it may still hold it for a while."""
        self._forget_deadline()
        self._forget_body()
        if self._task is not None:
            self._task.cancel()
        if self._wait is not None:
            self._wait.leave()
            self._wait = None

    def sent(self) -> None:
        """See `Stream`."""
        wake(self._writing)

    def lost(self) -> None:
        """See `Stream`."""
        self._stop()

    # --- the reply goes ----------------------------------------------------------------------

    def refuse(self, refusal: Refusal) -> None:
        """Ends the call with this status."""
        self._end(_status(refusal.code, refusal.message, refusal.trailers()))

    def _end(self, status: bytes) -> None:
        """The first status is the call's: it may still wait for the caller to take what goes before."""
        if self.farewell is None:
            self.connection.close(self, status if self._begun else _REFUSING + status)

    def _is_closing(self) -> bool:
        return self.ended or self.farewell is not None

    def _begin_reply(self) -> None:
        if not self._begun:
            self._begun = True
            self.connection.open(self, _OPENING)

    # --- as grpc's servicer context ----------------------------------------------------------

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None if there is none."""
        if self._deadline is None:
            return None
        return self._deadline - monotonic()

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: tuple[tuple[str, bytes], ...] = (),
    ) -> NoReturn:
        """Ends the call with a status; always raises `grpc.aio.AbortError`."""
        self._end(_status(code, details, trailing_metadata))
        raise grpc.aio.AbortError("the call was ended")

    async def read(self) -> Any:
        """There is nothing more to read: `grpc.aio.EOF`."""
        return grpc.aio.EOF

    async def write(self, message: bytes) -> None:
        """Sends a message; waits while the caller takes none. Raises `Left`."""
        if self._is_closing():
            raise Left("the call has ended")
        self._begin_reply()
        self.connection.send(self, framed(message))
        while self.unsent and not self.ended:
            self._writing = asyncio.get_running_loop().create_future()
            await self._writing


def _status(code: grpc.StatusCode, message: str, trailers: Sequence[tuple[str, bytes]]) -> bytes:
    """The headers that end a call with a status."""
    fields: list[Field] = [(b"grpc-status", str(code.value[0]).encode())]
    if message:
        fields.append((b"grpc-message", quote(message, safe=_PLAIN).encode()))
    fields += [(name.encode(), b64encode(value).rstrip(b"=")) for name, value in trailers]
    return pack(*fields)


def wake(waiting: "asyncio.Future[None] | None") -> None:
    """Has whoever waits for this go on, if somebody does."""
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
