"""Frames: the units in which HTTP/2 is spoken (RFC 9113, sections 4 and 6)."""

from enum import IntEnum
from struct import Struct
from typing import Final, TypeAlias

from engine.native import native
from engine.native.interpreted import FRAME, STREAM

Frame: TypeAlias = tuple[int, int, int, bytes]
"""Its kind, its flags, its stream (0 for the connection itself), and its body."""

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What every client begins with."""

HEADER: Final = FRAME.size
"""Octets before a frame's body."""

MOST: Final = 16_384
"""Octets a body may have at most; a peer may allow more, never less."""

WINDOW: Final = 65_535
"""Octets of messages that may be on their way to a peer who has said nothing else."""

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_SET: Final = 0x20

_SETTING: Final = Struct(">HI")
_MOST_SETTINGS: Final = 100


class Kind(IntEnum):
    """What a frame is about."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Code(IntEnum):
    """Why a stream or a connection ends."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class Setting(IntEnum):
    """What peers tell each other when they begin."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class Broken(Exception):
    """The connection cannot go on."""

    def __init__(self, code: Code, why: str) -> None:
        self.code = code
        super().__init__(why)


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """The frame as bytes.

    >>> frame(Kind.PING, ACK, 0, b"12345678").hex()
    '0000080601000000003132333435363738'
    """
    return header(kind, flags, stream, len(body)) + body


def header(kind: int, flags: int, stream: int, length: int) -> bytes:
    """What stands before a body of so many octets."""
    return FRAME.pack(length >> 8, length & 0xFF, kind, flags, stream)


def split(data: bytes, at: int = 0) -> tuple[list[Frame], bytes]:
    """The whole frames from `at` on, and what is there of the next. Raises `Broken` if one is too long."""
    found, end = native.frames(data, at, MOST)
    if end < 0:
        raise Broken(Code.FRAME_SIZE_ERROR, "a frame is too long")
    return found, data[end:]


def unpadded(flags: int, body: bytes) -> bytes:
    """The body without what it was filled up with. Raises `Broken`."""
    if not flags & PADDED:
        return body
    if not body or body[0] >= len(body):
        raise Broken(Code.PROTOCOL_ERROR, "a frame is filled up with more than it has")
    return body[1 : len(body) - body[0]]


def settings(*chosen: tuple[Setting, int]) -> bytes:
    """A frame that tells these settings."""
    return frame(Kind.SETTINGS, 0, 0, b"".join(_SETTING.pack(*setting) for setting in chosen))


def settings_of(body: bytes) -> list[tuple[int, int]]:
    """The settings told in a frame, in order. Raises `Broken`."""
    if len(body) % _SETTING.size:
        raise Broken(Code.FRAME_SIZE_ERROR, "settings are cut off")
    if len(body) > _MOST_SETTINGS * _SETTING.size:
        raise Broken(Code.ENHANCE_YOUR_CALM, "there are too many settings")
    told = list(_SETTING.iter_unpack(body))
    for name, value in told:
        if name == Setting.INITIAL_WINDOW_SIZE and value > STREAM:
            raise Broken(Code.FLOW_CONTROL_ERROR, "a window is too large")
        if name == Setting.MAX_FRAME_SIZE and not MOST <= value < 1 << 24:
            raise Broken(Code.PROTOCOL_ERROR, "a largest frame is out of range")
        if name == Setting.ENABLE_PUSH and value > 1:
            raise Broken(Code.PROTOCOL_ERROR, "a switch is neither on nor off")
    return told


def number(body: bytes) -> int:
    """The 31-bit number a body begins with; the bit before it means nothing."""
    return int.from_bytes(body[:4], "big") & STREAM
