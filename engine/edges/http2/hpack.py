"""HPACK: header fields as they are packed on the wire (RFC 7541)."""

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from engine.edges.http2.huffman import BadText
from engine.edges.http2.huffman import decode as unshortened

Field: TypeAlias = tuple[bytes, bytes]
"""A header's name and its value."""

Read = TypeVar("Read")

TABLE_SIZE: Final = 4_096
"""Octets an encoder may have its peer remember, unless told otherwise."""

_FIELD_COST: Final = 32
_LARGEST: Final = 1 << 24
_MOST_FIELDS: Final = 1_024
_MEMO: Final = 64
_MEMORABLE: Final = 1_024

_STATIC: Final[tuple[Field, ...]] = tuple(
    (name, value)
    for line in (
        b":authority=|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https",
        b":status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500",
        b"accept-charset=|accept-encoding=gzip, deflate|accept-language=|accept-ranges=|accept=",
        b"access-control-allow-origin=|age=|allow=|authorization=|cache-control=",
        b"content-disposition=|content-encoding=|content-language=|content-length=",
        b"content-location=|content-range=|content-type=|cookie=|date=|etag=|expect=|expires=|from=",
        b"host=|if-match=|if-modified-since=|if-none-match=|if-range=|if-unmodified-since=",
        b"last-modified=|link=|location=|max-forwards=|proxy-authenticate=|proxy-authorization=",
        b"range=|referer=|refresh=|retry-after=|server=|set-cookie=|strict-transport-security=",
        b"transfer-encoding=|user-agent=|vary=|via=|www-authenticate=",
    )
    for name, _, value in (field.partition(b"=") for field in line.split(b"|"))
)


class Unpackable(ValueError):
    """A header block that cannot be read; what follows it on the connection cannot either."""


class Unpacker(Generic[Read]):
    """Reads the header blocks of one connection, in order: each may refer to those before it.

    A block that adds nothing means the same for as long as nothing is added: a client's calls are
    alike, and so what `read` makes of their fields is kept and given again.

    >>> Unpacker(list).unpack(bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff"))[-1]
    (b':authority', b'www.example.com')
    """

    __slots__ = ("_fields", "_limit", "_memo", "_read", "_size")

    def __init__(self, read: Callable[[list[Field]], Read]) -> None:
        self._read = read
        self._fields: deque[Field] = deque()
        self._size = 0
        self._limit = TABLE_SIZE
        self._memo: dict[bytes, Read] = {}

    def unpack(self, block: bytes) -> Read:
        """What `read` makes of the next block's fields. Raises `Unpackable`."""
        known = self._memo.get(block)
        if known is not None:
            return known
        try:
            fields, lasting = self._unpack(block)
        except (IndexError, BadText) as error:
            raise Unpackable(str(error)) from error
        found = self._read(fields)
        if lasting and len(block) <= _MEMORABLE and len(self._memo) < _MEMO:
            self._memo[block] = found
        return found

    def _unpack(self, block: bytes) -> tuple[list[Field], bool]:
        """The fields, and whether the same octets will mean the same next time."""
        fields: list[Field] = []
        at, end, lasting = 0, len(block), True
        for _ in range(_MOST_FIELDS):
            if at == end:
                return fields, lasting
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 7)
                fields.append(self._field(index))
            elif first & 0x40:
                index, at = _integer(block, at, 6)
                field, at = self._literal(block, index, at)
                self._add(field)
                fields.append(field)
                lasting = False
            elif first & 0x20:
                size, at = _integer(block, at, 5)
                self._resize(size, begun=bool(fields))
                lasting = False
            else:
                index, at = _integer(block, at, 4)
                field, at = self._literal(block, index, at)
                fields.append(field)
        raise Unpackable("there are too many fields")

    def _field(self, index: int) -> Field:
        if index == 0:
            raise Unpackable("a field refers to nothing")
        return (
            _STATIC[index - 1] if index <= len(_STATIC) else self._fields[index - len(_STATIC) - 1]
        )

    def _literal(self, block: bytes, index: int, at: int) -> tuple[Field, int]:
        if index:
            name = self._field(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return (name, value), at

    def _add(self, field: Field) -> None:
        self._memo.clear()
        self._fields.appendleft(field)
        self._size += _cost(field)
        self._evict()

    def _resize(self, size: int, *, begun: bool) -> None:
        if begun or size > TABLE_SIZE:
            raise Unpackable("the table is resized where or beyond what is allowed")
        self._memo.clear()
        self._limit = size
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            self._size -= _cost(self._fields.pop())


def _cost(field: Field) -> int:
    return len(field[0]) + len(field[1]) + _FIELD_COST


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """The number whose first `bits` bits end the octet at `at`, and where it ends."""
    most = (1 << bits) - 1
    number = block[at] & most
    at += 1
    if number < most:
        return number, at
    shift = 0
    while True:
        octet = block[at]
        at += 1
        number += (octet & 0x7F) << shift
        shift += 7
        if number > _LARGEST or shift > 28:
            raise Unpackable("a number is too large")
        if not octet & 0x80:
            return number, at


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    is_short = block[at] & 0x80
    length, at = _integer(block, at, 7)
    end = at + length
    if end > len(block):
        raise Unpackable("a text is longer than its block")
    text = block[at:end]
    return (unshortened(text) if is_short else text), end


def pack(*fields: Field) -> bytes:
    r"""A header block that neither refers to another nor is to be remembered.

    >>> pack((b"grpc-status", b"0"))
    b'\x00\x0bgrpc-status\x010'
    """
    return b"".join(
        b"".join((b"\x00", _length(name), name, _length(value), value)) for name, value in fields
    )


def _length(text: bytes) -> bytes:
    length = len(text)
    if length < 0x7F:
        return bytes((length,))
    digits = bytearray((0x7F,))
    length -= 0x7F
    while length >= 0x80:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits)
