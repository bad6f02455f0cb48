"""Messages: how gRPC lays messages on a stream, each after its length, compressed or not."""

import zlib
from struct import Struct
from typing import Final

import grpc

from engine.edges.grpc.status import Refusal

PREFIX: Final = 5
"""Octets before a message."""

_PLAIN: Final = b"identity"
_PREFIX: Final = Struct(">BI")
_WINDOW_BITS: Final = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Unfit(Exception):
    """A message that cannot be taken."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        self.refusal = Refusal(code, message)
        super().__init__(message)


def framed(message: bytes) -> bytes:
    r"""The message as it is laid on a stream.

    >>> framed(b"abc")
    b'\x00\x00\x00\x00\x03abc'
    """
    return _PREFIX.pack(0, len(message)) + message


def announced(data: bytes | bytearray, limit: int) -> None:
    """Raises `Unfit` if the first message says that it is of more than `limit` octets."""
    if len(data) >= PREFIX and (length := _PREFIX.unpack_from(data)[1]) > limit:
        raise _too_large(length, limit)


def first(data: bytes | bytearray, encoding: bytes, limit: int) -> tuple[bytes, int] | None:
    """The first message, of at most `limit` octets, and where the next begins; None if more must come.

    Raises `Unfit`.
    """
    if len(data) < PREFIX:
        return None
    compressed, length = _PREFIX.unpack_from(data)
    if length > limit:
        raise _too_large(length, limit)
    end = PREFIX + length
    if len(data) < end:
        return None
    message = bytes(data[PREFIX:end])
    if compressed > 1:
        raise Unfit(grpc.StatusCode.INTERNAL, "the message is neither compressed nor not")
    return (_decompressed(message, encoding, limit) if compressed else message), end


def only(data: bytes | bytearray, encoding: bytes, limit: int) -> bytes:
    """The message of a request that has just one. Raises `Unfit`."""
    found = first(data, encoding, limit)
    if found is None:
        raise Unfit(grpc.StatusCode.INTERNAL, "the request ended before its message did")
    message, end = found
    if end != len(data):
        raise Unfit(grpc.StatusCode.INTERNAL, "the request has more than one message")
    return message


def _decompressed(message: bytes, encoding: bytes, limit: int) -> bytes:
    bits = _WINDOW_BITS.get(encoding)
    if encoding == _PLAIN:
        raise Unfit(grpc.StatusCode.INTERNAL, "a compressed message does not say how it is")
    if bits is None:
        raise Unfit(
            grpc.StatusCode.UNIMPLEMENTED,
            f"messages in {encoding.decode('latin-1')!r} are not read",
        )
    inflating = zlib.decompressobj(bits)
    try:
        plain = inflating.decompress(message, limit + 1)
    except zlib.error:
        raise Unfit(grpc.StatusCode.INTERNAL, "the message cannot be decompressed") from None
    if len(plain) > limit:
        raise _too_large(len(plain), limit)
    if not inflating.eof:
        raise Unfit(grpc.StatusCode.INTERNAL, "the message is cut off")
    if inflating.unused_data:
        raise Unfit(grpc.StatusCode.INTERNAL, "more follows the compressed message")
    return plain


def _too_large(length: int, limit: int) -> Unfit:
    return Unfit(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"Received message larger than max ({length} vs. {limit})",
    )
