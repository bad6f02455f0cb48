"""The gate: every call passes it, so that no malformed message and no fault reaches a caller raw.

grpc.aio answers a message it cannot parse, and any exception, with UNKNOWN and the exception's text.
Here methods are registered on raw bytes and wrapped once, at start; an interceptor of grpc.aio's own
would be asked again on every call.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, Protocol, TypeAlias, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from engine.edges.grpc.status import Refusal, invalid, refusal_of
from engine.edges.grpc.waits import Wait, awaited
from engine.errors import AttuneError, Violation
from engine.telemetry import Meter

Request = TypeVar("Request", bound=Message)

_log = structlog.get_logger(__name__)


class Context(Protocol):
    """A call while it lasts, as far as our methods use grpc.aio's servicer context."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None if there is none."""

    async def read(self) -> Any:
        """The next message, or `grpc.aio.EOF`."""

    async def write(self, message: Any) -> None:
        """Sends a message. Raises `grpc.aio.BaseError` if the caller has gone."""

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: tuple[tuple[str, bytes], ...] = (),
    ) -> NoReturn:
        """Ends the call with a status. Raises `grpc.aio.AbortError`, or as `write` does."""


@dataclass(frozen=True, slots=True)
class Handler:
    """What answers the calls of one method.

    Attributes:
        call: takes the request, or None where `asks_many`, and its context; returns the answer, or
            None where `answers_many`.
        asks_many: whether the caller sends any number of messages, to be read from the context.
        answers_many: whether the answers are written to the context.
        prompt: how the method answers without a coroutine, mostly at once.
        exchange: the same for a method whose caller sends any number of messages.
    """

    call: Callable[[Any, Context], Awaitable[bytes | None]]
    asks_many: bool = False
    answers_many: bool = False
    prompt: "Prompt | None" = None
    exchange: "Exchange | None" = None


Prompt: TypeAlias = Callable[[bytes, float | None], "bytes | Refusal | Wait[bytes | Refusal]"]
"""The answer to a request, or why there is none, or what there is to wait for.

Takes the seconds that remain of the caller's deadline. A caller who has gone meanwhile is not waited for.
"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Messages that are answered each by itself, in the order in which answers are ready, mostly at once.

    What is wrong with a message is told in its answer: neither half raises anything, but for the
    cancellation of whoever waits.

    Attributes:
        at_once: the answer to a message, or what there is to wait for; it is told how many seconds the
            message has waited for its turn, 0 where that is not known.
        most: messages that may wait at once; while so many do, no more are taken up.
        closing: set once no more messages are taken up; what was asked by then is answered.
        farewell: the status for a caller who had more to ask then.
    """

    at_once: Callable[[bytes, float], bytes | Wait[bytes]]
    most: int
    closing: asyncio.Event
    farewell: Refusal


class Gate:
    """Wraps methods into handlers on raw bytes. `meter` hears of every refusal."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def unary(
        self, name: str, request: type[Request], method: Callable[[Request], Awaitable[Message]]
    ) -> Handler:
        """One message in, one out."""

        async def call(raw: bytes, context: Context) -> bytes:
            try:
                return (await method(request.FromString(raw))).SerializeToString()
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the gate owns faults
                return await self.end(context, self.refusal(name, error))

        return Handler(call)

    def prompt(
        self,
        name: str,
        request: type[Request],
        method: Callable[[Request, float | None], bytes | Wait[bytes | Refusal]],
    ) -> Handler:
        """One message in, one out, serialized, within what remains of the caller's deadline (seconds).

        `method` answers at once where it can. A call whose deadline has passed while it waited is not
        taken up.
        """
        prompted = _Prompted(self, name, request, method)
        return Handler(prompted.call, prompt=prompted.at_once)

    def answers(
        self,
        name: str,
        request: type[Request],
        method: Callable[[Request], AsyncIterator[Message]],
    ) -> Handler:
        """One message in, many out."""

        async def call(raw: bytes, context: Context) -> None:
            try:
                async for answer in method(request.FromString(raw)):
                    await send(context, answer.SerializeToString())
            except Gone:
                return
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the gate owns faults
                await self.end(context, self.refusal(name, error))

        return Handler(call, answers_many=True)

    def conversation(
        self,
        name: str,
        method: Callable[[Context], Awaitable[None]],
        exchange: Exchange | None = None,
    ) -> Handler:
        """Many messages in and out; `method` reads and writes raw bytes on the context.

        A transport that knows how may go by the `exchange` instead, which comes to the same.
        """

        async def call(_: object, context: Context) -> None:
            try:
                await method(context)
            except Gone:
                return
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the gate owns faults
                await self.end(context, self.refusal(name, error))

        return Handler(call, asks_many=True, answers_many=True, exchange=exchange)

    def refusal(self, method: str, error: BaseException) -> Refusal:
        """What a caller may know of an error; the rest is in the log, under the id they are told.

        A cancellation that came from the caller (or from the server's end) goes on its way.
        """
        if isinstance(error, asyncio.CancelledError) and _cancelled():
            raise error
        refusal = _refusal(method, error)
        self._meter.failed(method, refusal.code.name)
        return refusal

    async def end(self, context: Context, refusal: Refusal) -> bytes:
        """Ends the call with the refusal; quietly, if the caller has gone and cannot be told."""
        try:
            await context.abort(refusal.code, refusal.message, refusal.trailers())
        except grpc.aio.AbortError:
            raise
        except grpc.aio.BaseError:
            return b""


class _Prompted(Generic[Request]):
    """A method behind `Gate.prompt`: with its answer at once, and as a coroutine for who needs one."""

    __slots__ = ("_decode", "_gate", "_method", "_name")

    def __init__(
        self,
        gate: Gate,
        name: str,
        request: type[Request],
        method: Callable[[Request, float | None], bytes | Wait[bytes | Refusal]],
    ) -> None:
        self._gate = gate
        self._name = name
        self._decode: Callable[[bytes], Request] = request.FromString
        self._method = method

    def at_once(
        self, raw: bytes, remaining: float | None
    ) -> bytes | Refusal | Wait[bytes | Refusal]:
        """See `Prompt`."""
        try:
            if remaining is not None and remaining <= 0.0:
                raise Ended(
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                    "the deadline passed before the call was taken up",
                )
            return self._method(self._decode(raw), remaining)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the gate owns faults
            return self._gate.refusal(self._name, error)

    async def call(self, raw: bytes, context: Context) -> bytes:
        """See `Handler`."""
        answer = self.at_once(raw, context.time_remaining())
        if not isinstance(answer, bytes | Refusal):
            answer = await awaited(answer)
        if isinstance(answer, Refusal):
            return await self._gate.end(context, answer)
        return answer


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _refusal(method: str, error: BaseException) -> Refusal:
    if isinstance(error, AttuneError):
        return refusal_of(error)
    if isinstance(error, Ended):
        return error.refusal
    if isinstance(error, DecodeError):
        return invalid(
            [
                Violation(
                    "", "the message is malformed: it is not the protobuf message this method takes"
                )
            ]
        )
    fault = secrets.token_hex(6)
    with suppress(OSError, ValueError):  # a log that is full or closed must not become the answer
        _log.error("fault", fault=fault, method=method, exc_info=error)
    return Refusal(
        grpc.StatusCode.INTERNAL,
        f"internal error {fault}; the server's log tells more under this id",
    )


class Gone(Exception):
    """The caller is no longer there to be answered."""


async def send(context: Context, message: bytes) -> None:
    """Writes a message to an open stream. Raises `Gone` if nobody is listening any more."""
    try:
        await context.write(message)
    except grpc.aio.BaseError as error:
        raise Gone from error


class Ended(Exception):
    """Raised by a method to end its call with a status."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        self.refusal = Refusal(code, message)
        super().__init__(message)
