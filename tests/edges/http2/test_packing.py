"""Header fields, frames and messages as they are laid on the wire."""

import gzip
import zlib

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.edges.http2 import frames, huffman, messages
from engine.edges.http2.frames import Broken, Code, Kind, Setting
from engine.edges.http2.hpack import TABLE_SIZE, Field, Unpackable, Unpacker, pack
from engine.edges.http2.messages import Unfit

TEXT = st.binary(max_size=40)
NAME = st.binary(min_size=1, max_size=12)
FIELD = st.tuples(NAME, TEXT)
CODES = {symbol: code for code, symbol in huffman._SYMBOLS.items()}


def shortened(text: bytes) -> bytes:
    """The text in Huffman's code."""
    bits = "".join(f"{code:0{length}b}" for length, code in map(CODES.__getitem__, text))
    bits += "1" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def remembered(*fields: Field) -> bytes:
    """A block whose fields are all to be remembered."""
    return b"".join(
        b"\x40" + bytes((len(name),)) + name + bytes((len(value),)) + value
        for name, value in fields
    )


@given(st.binary(max_size=200))
def test_a_text_is_read_as_it_was_shortened(text: bytes) -> None:
    assert huffman.decode(shortened(text)) == text


@pytest.mark.parametrize("coded", [b"\xff\xff", b"\x00\xff\xff", b"\x18", b"\xff\xff\xff\xff"])
def test_a_text_nobody_shortens_like_this_is_refused(coded: bytes) -> None:
    with pytest.raises(huffman.BadText):
        huffman.decode(coded)


def test_the_requests_of_rfc_7541_appendix_c_4() -> None:
    unpacker: Unpacker[list[Field]] = Unpacker(list)
    first = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"www.example.com"),
    ]
    blocks = (
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    )
    read = [unpacker.unpack(bytes.fromhex(block)) for block in blocks]
    assert read == [
        first,
        [*first, (b"cache-control", b"no-cache")],
        [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":path", b"/index.html"),
            (b":authority", b"www.example.com"),
            (b"custom-key", b"custom-value"),
        ],
    ]


@given(st.lists(st.lists(FIELD, max_size=6), max_size=8))
def test_fields_are_read_as_they_were_packed(blocks: list[list[Field]]) -> None:
    unpacker: Unpacker[list[Field]] = Unpacker(list)
    for block in blocks:
        assert unpacker.unpack(pack(*block)) == block
        assert unpacker.unpack(remembered(*block)) == block


@given(st.lists(FIELD, min_size=1, max_size=200))
def test_what_is_referred_to_is_what_was_last_remembered(fields: list[Field]) -> None:
    unpacker: Unpacker[list[Field]] = Unpacker(list)
    for field in fields:
        unpacker.unpack(remembered(field))
        assert unpacker.unpack(b"\xbe") == [field]  # 62 is the newest
    room, kept = TABLE_SIZE, 0
    for name, value in reversed(fields):
        room -= len(name) + len(value) + 32
        kept += room >= 0
        if room < 0:
            break
    assert len(unpacker._fields) == kept


def test_a_block_read_before_means_another_thing_once_something_was_added() -> None:
    unpacker: Unpacker[list[Field]] = Unpacker(list)
    unpacker.unpack(remembered((b"a", b"1")))
    assert unpacker.unpack(b"\xbe") == [(b"a", b"1")]
    unpacker.unpack(remembered((b"b", b"2")))
    assert unpacker.unpack(b"\xbe") == [(b"b", b"2")]


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_no_block_does_worse_than_be_refused(blocks: list[bytes]) -> None:
    unpacker: Unpacker[list[Field]] = Unpacker(list)
    try:
        for block in blocks:
            unpacker.unpack(block)
    except Unpackable:
        pass
    assert unpacker._size <= TABLE_SIZE


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xff\xff\xff\xff\xff\x0f",
        b"\xbe",
        b"\x00\x05ab",
        b"\x3f\xff\xff\x7f",
        b"\x82\x20",
    ],
    ids=["nothing", "huge", "not there", "cut off", "table too large", "resized too late"],
)
def test_a_block_that_cannot_be_meant_is_refused(block: bytes) -> None:
    with pytest.raises(Unpackable):
        Unpacker(list).unpack(block)


FRAME = st.tuples(
    st.integers(0, 255), st.integers(0, 255), st.integers(0, (1 << 31) - 1), st.binary(max_size=50)
)


@given(st.lists(FRAME, max_size=8), st.data())
def test_frames_are_the_same_however_they_arrive(
    sent: list[frames.Frame], data: st.DataObject
) -> None:
    stream = b"".join(frames.frame(*each) for each in sent)
    read: list[frames.Frame] = []
    rest = b""
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found, rest = frames.split(rest + stream[:cut])
        stream = stream[cut:]
        read += found
    assert (read, rest) == (sent, b"")


def test_a_frame_of_more_than_was_agreed_breaks_the_connection() -> None:
    with pytest.raises(Broken) as broken:
        frames.split(frames.header(Kind.DATA, 0, 1, frames.MOST + 1))
    assert broken.value.code is Code.FRAME_SIZE_ERROR


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        (Setting.INITIAL_WINDOW_SIZE, 1 << 31, Code.FLOW_CONTROL_ERROR),
        (Setting.MAX_FRAME_SIZE, 16_383, Code.PROTOCOL_ERROR),
        (Setting.MAX_FRAME_SIZE, 1 << 24, Code.PROTOCOL_ERROR),
        (Setting.ENABLE_PUSH, 2, Code.PROTOCOL_ERROR),
    ],
)
def test_settings_out_of_range_break_the_connection(
    setting: Setting, value: int, code: Code
) -> None:
    with pytest.raises(Broken) as broken:
        frames.settings_of(frames.settings((setting, value))[frames.HEADER :])
    assert broken.value.code is code


def _compressed(packed: bytes) -> bytes:
    return b"\x01" + len(packed).to_bytes(4, "big") + packed


@given(st.binary(max_size=300))
def test_a_message_is_read_as_it_was_sent(message: bytes) -> None:
    assert messages.only(messages.framed(message), b"identity", 300) == message
    for encoding, packed in (
        (b"gzip", gzip.compress(message, mtime=0)),
        (b"deflate", zlib.compress(message)),
    ):
        assert messages.only(_compressed(packed), encoding, 1_000) == message


def refused(data: bytes, encoding: bytes = b"identity", limit: int = 100) -> grpc.StatusCode:
    with pytest.raises(Unfit) as unfit:
        messages.only(data, encoding, limit)
    return unfit.value.refusal.code


def test_a_message_that_grows_too_large_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    assert refused(_compressed(bomb), b"gzip", len(bomb)) is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("data", "encoding", "code"),
    [
        (messages.framed(bytes(101)), b"identity", grpc.StatusCode.RESOURCE_EXHAUSTED),
        (messages.framed(b"abc")[:-1], b"identity", grpc.StatusCode.INTERNAL),
        (messages.framed(b"abc") * 2, b"identity", grpc.StatusCode.INTERNAL),
        (b"", b"identity", grpc.StatusCode.INTERNAL),
        (b"\x01\x00\x00\x00\x01x", b"identity", grpc.StatusCode.INTERNAL),
        (b"\x02\x00\x00\x00\x01x", b"gzip", grpc.StatusCode.INTERNAL),
        (_compressed(gzip.compress(b"x", mtime=0) + b"y"), b"gzip", grpc.StatusCode.INTERNAL),
        (b"\x01\x00\x00\x00\x01x", b"snappy", grpc.StatusCode.UNIMPLEMENTED),
        (b"\x01\x00\x00\x00\x01x", b"gzip", grpc.StatusCode.INTERNAL),
    ],
)
def test_a_request_without_its_one_message_is_refused(
    data: bytes, encoding: bytes, code: grpc.StatusCode
) -> None:
    assert refused(data, encoding) is code
