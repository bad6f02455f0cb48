"""The gate: every call passes it, so that no malformed message and no fault reaches a caller raw.

grpc.aio answers a message it cannot parse, and any exception, with UNKNOWN and the exception's text.
Here methods are registered on raw bytes and wrapped once, at start; an interceptor of grpc.aio's own
would be asked again on every call.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from engine.edges.grpc.status import Refusal, invalid, refusal_of
from engine.errors import AttuneError, Violation
from engine.telemetry import Meter

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Request = TypeVar("Request", bound=Message)

_log = structlog.get_logger(__name__)


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
                return await self._end(context, self.refusal(name, error))

        return grpc.unary_unary_rpc_method_handler(call)

    def timed(
        self,
        name: str,
        request: type[Request],
        method: Callable[[Request, float | None], Awaitable[bytes]],
    ) -> Handler:
        """One message in, one out, serialized, within what remains of the caller's deadline (seconds).

        A call whose deadline has passed while it waited is not taken up.
        """
        decode = request.FromString

        async def call(raw: bytes, context: Context) -> bytes:
            try:
                remaining = context.time_remaining()
                if remaining is not None and remaining <= 0.0:  # type: ignore[redundant-expr]  # the stubs forget None
                    raise Ended(
                        grpc.StatusCode.DEADLINE_EXCEEDED,
                        "the deadline passed before the call was taken up",
                    )
                return await method(decode(raw), remaining)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the gate owns faults
                return await self._end(context, self.refusal(name, error))

        return grpc.unary_unary_rpc_method_handler(call)

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
                await self._end(context, self.refusal(name, error))

        return grpc.unary_stream_rpc_method_handler(call)

    def conversation(self, name: str, method: Callable[[Context], Awaitable[None]]) -> Handler:
        """Many messages in and out; `method` reads and writes raw bytes on the context."""

        async def call(_: object, context: Context) -> None:
            try:
                await method(context)
            except Gone:
                return
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the gate owns faults
                await self._end(context, self.refusal(name, error))

        return grpc.stream_stream_rpc_method_handler(call)

    def refusal(self, method: str, error: BaseException) -> Refusal:
        """What a caller may know of an error; the rest is in the log, under the id they are told.

        A cancellation that came from the caller (or from the server's end) goes on its way.
        """
        if isinstance(error, asyncio.CancelledError) and _cancelled():
            raise error
        refusal = _refusal(method, error)
        self._meter.failed(method, refusal.code.name)
        return refusal

    async def _end(self, context: Context, refusal: Refusal) -> bytes:
        """Ends the call with the refusal; quietly, if the caller has gone and cannot be told."""
        try:
            await context.abort(refusal.code, refusal.message, refusal.trailers())
        except grpc.aio.AbortError:
            raise
        except grpc.aio.BaseError:
            return b""


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
