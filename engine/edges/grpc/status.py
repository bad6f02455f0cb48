"""Statuses: every error of the tree as the gRPC status a caller can act on."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from engine.errors import (
    AttuneError,
    BrokenRuleBook,
    DamagedData,
    InvalidInput,
    NoRuleBook,
    NotFound,
    OutOfRange,
    Overloaded,
    RequestConflict,
    StorageError,
    UnknownPlacement,
    Violation,
)

DETAILS_KEY: Final = "grpc-status-details-bin"

_CODES: Final[dict[type[AttuneError], grpc.StatusCode]] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownPlacement: grpc.StatusCode.NOT_FOUND,
    RequestConflict: grpc.StatusCode.ALREADY_EXISTS,
    BrokenRuleBook: grpc.StatusCode.FAILED_PRECONDITION,
    NoRuleBook: grpc.StatusCode.FAILED_PRECONDITION,
    NotFound: grpc.StatusCode.NOT_FOUND,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    StorageError: grpc.StatusCode.UNAVAILABLE,
    DamagedData: grpc.StatusCode.UNAVAILABLE,
}

# In bytes. Clients take 8 KiB of trailers and turn more into RESOURCE_EXHAUSTED, hiding what was
# wrong; on the wire the message may grow threefold (percent-encoding), the details by a third.
_MESSAGE_LIMIT: Final = 400
_DETAILS_LIMIT: Final = 3_500
_FIELD_LIMIT: Final = 200
_DESCRIPTION_LIMIT: Final = 300


class Refusal(NamedTuple):
    """A status other than OK: on a call it ends the call, on a stream it answers one question."""

    code: grpc.StatusCode
    message: str
    details: tuple[Message, ...] = ()

    def status(self) -> Status:
        """As `google.rpc.Status`."""
        status = Status(code=self.code.value[0], message=self.message)
        for detail in self.details:
            packed = Any()
            packed.Pack(detail)
            status.details.append(packed)
        return status

    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """The metadata that carries the details beside a call's status."""
        return ((DETAILS_KEY, self.status().SerializeToString()),) if self.details else ()


def refusal_of(error: AttuneError) -> Refusal:
    """The status of an error raised on purpose; its text may be shown.

    >>> refusal_of(NoRuleBook("no rule book is loaded")).code.name
    'FAILED_PRECONDITION'
    """
    kinds = type(error).__mro__
    code = next((_CODES[kind] for kind in kinds if kind in _CODES), grpc.StatusCode.INTERNAL)
    if isinstance(error, InvalidInput):
        return invalid(error.violations)
    message = _cut(str(error), _MESSAGE_LIMIT)
    if isinstance(error, Overloaded):
        pause = RetryInfo()
        pause.retry_delay.FromMicroseconds(round(error.retry_after * 1_000_000))
        return Refusal(code, message, (pause,))
    return Refusal(code, message)


def invalid(violations: Sequence[Violation]) -> Refusal:
    """INVALID_ARGUMENT with one field violation each, as many as fit into a reply's trailers."""
    detail, size = BadRequest(), 0
    for field, description in violations:
        field = _cut(field, _FIELD_LIMIT)  # noqa: PLW2901 -- the cut name is the one to send
        description = _cut(description, _DESCRIPTION_LIMIT)  # noqa: PLW2901 -- as above
        size += len(field.encode()) + len(description.encode()) + 8
        if size > _DETAILS_LIMIT:
            break
        detail.field_violations.add(field=field, description=description)
    told = len(detail.field_violations)
    first = detail.field_violations[0]
    message = f"{first.field}: {first.description}" if first.field else first.description
    if len(violations) > 1:
        more = f" (the first {told} are listed)" if told < len(violations) else ""
        message = f"{len(violations)} fields are wrong{more}; first {message}"
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, _cut(message, _MESSAGE_LIMIT), (detail,))


def _cut(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode(errors="ignore") + "…"
