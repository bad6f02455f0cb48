"""Heads: what a call says of itself before its message comes."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import grpc

from engine.edges.grpc.gate import Handler
from engine.edges.grpc.status import Refusal
from engine.edges.http2.hpack import Field

MOST: Final = 16_384
"""Octets the fields of a call may have, 32 more counted for each."""

_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_NEEDED: Final = frozenset({b":method", b":scheme", b":path"})
_OF_HTTP_1: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_FIELD_COST: Final = 32
_KEPT: Final = 256
_SOME_TIMEOUT: Final = (b"grpc-timeout", b"1S")


class Head(NamedTuple):
    """A call that can be taken up.

    `timeout` is in seconds, None for none; `encoding` is what its compressed messages are in.
    """

    handler: Handler
    timeout: float | None
    encoding: bytes


class NotGrpc(NamedTuple):
    """A request that is none of ours: the HTTP status it is answered with."""

    status: int


class Malformed(NamedTuple):
    """A request no HTTP/2 client may send."""

    why: str


Opening: TypeAlias = Head | Refusal | NotGrpc | Malformed
"""What a request's head comes to."""


def opening(methods: Mapping[str, Handler]) -> Callable[[list[Field]], Opening]:
    """Reads heads. `methods` are by path, such as `/attune.v1.DecisionService/Decide`."""
    return _Heads(methods).read


class _Heads:
    """Calls differ in what time they leave, hardly in anything else: the rest is kept and given again."""

    def __init__(self, methods: Mapping[str, Handler]) -> None:
        self._methods = methods
        self._timeless = lru_cache(_KEPT)(self._read_timeless)

    def read(self, fields: list[Field]) -> Opening:
        """What a head comes to."""
        size, timeout = 0, None
        for at, (name, value) in enumerate(fields):
            size += len(name) + len(value) + _FIELD_COST
            if name == b"grpc-timeout":
                timeout, fields[at] = value, _SOME_TIMEOUT
        if size > MOST:
            return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "the call's metadata are too large")
        found = self._timeless(tuple(fields))
        if timeout is None or not isinstance(found, Head):
            return found
        try:
            return Head(found.handler, _seconds(timeout), found.encoding)
        except ValueError as error:
            return Refusal(grpc.StatusCode.INTERNAL, str(error))

    def _read_timeless(self, fields: tuple[Field, ...]) -> Opening:
        if (wrong := _mistake(fields)) is not None:
            return Malformed(wrong)
        said = dict(fields)
        if said[b":method"] != b"POST":
            return NotGrpc(405)
        if not said.get(b"content-type", b"").startswith(b"application/grpc"):
            return NotGrpc(415)
        handler = self._methods.get(said[b":path"].decode("latin-1"))
        if handler is None:
            return Refusal(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return Head(handler, None, said.get(b"grpc-encoding", b"identity"))


def _mistake(fields: Sequence[Field]) -> str | None:
    """What is against RFC 9113, section 8, in these fields; None if nothing is."""
    pseudo = [name for name, _ in fields if name[:1] == b":"]
    names = {name for name, _ in fields}
    if [name for name, _ in fields[: len(pseudo)]] != pseudo:
        return "a pseudo-header stands behind a header"
    if (
        len(set(pseudo)) != len(pseudo)
        or not names.issuperset(_NEEDED)
        or not _PSEUDO.issuperset(pseudo)
    ):
        return "pseudo-headers are missing, repeated or unknown"
    if any(name != name.lower() for name in names):
        return "a header's name has capitals"
    if names & _OF_HTTP_1 or any(n == b"te" and value != b"trailers" for n, value in fields):
        return "a header belongs to HTTP/1"
    return None if dict(fields)[b":path"] else "the path is empty"


def _seconds(timeout: bytes) -> float:
    found = _TIMEOUT.fullmatch(timeout)
    if found is None:
        raise ValueError("grpc-timeout is no timeout")
    return int(found[1]) * _UNITS[found[2]]
