"""What a connection does with what clients say: calls, their flow, their end, and nonsense."""

import asyncio
import gc

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.edges.grpc.gate import Context, Handler
from engine.edges.grpc.status import Refusal
from engine.edges.http2 import frames
from engine.edges.http2.call import Call
from engine.edges.http2.frames import END_HEADERS, END_STREAM, Code, Kind, Setting, frame
from engine.edges.http2.hpack import pack
from engine.edges.http2.messages import framed
from engine.edges.http2.sending import Limits
from tests.edges.http2.desk import Desk
from tests.edges.http2.wire import (
    Client,
    call,
    connect,
    converse,
    echo,
    fields,
    greeted,
    headers,
    server,
)

ECHO = Handler(echo)
TALK = Handler(converse, asks_many=True, answers_many=True)


class Patient:
    """A method that waits until it is told, and knows whether it was given up."""

    def __init__(self) -> None:
        self.begun, self.go, self.given_up = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, message: bytes, _: Context) -> bytes:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return message


def status(client: Client, number: int) -> int | None:
    """The gRPC status a call ended with; None if it has not ended."""
    trailers = client.trailers(number)
    return None if trailers is None else int(trailers[b"grpc-status"])


def resets(client: Client) -> dict[int, int]:
    """The streams that were reset, and why."""
    return {f[2]: int.from_bytes(f[3], "big") for f in client.of(Kind.RST_STREAM)}


async def test_a_call_is_answered() -> None:
    client = await greeted(server(Echo=ECHO))
    client.say(call(1, "Echo", b"hello"))
    await client.wait()
    assert client.data(1) == framed(b"hello")
    assert status(client, 1) == 0


async def test_a_prompt_answer_leaves_in_the_same_turn() -> None:
    client = await greeted(server(Echo=Handler(echo, prompt=lambda message, _: message)))
    client.say(call(1, "Echo", b"one"), call(3, "Echo", b"two"))
    assert (client.data(1), client.data(3)) == (framed(b"one"), framed(b"two"))


async def test_many_prompt_answers_let_others_have_their_turn() -> None:
    client = await greeted(server(Echo=Handler(echo, prompt=lambda message, _: message)))
    client.say(*[call(number, "Echo") for number in range(1, 200, 2)])
    assert len(client.of(Kind.DATA)) == 16
    await client.wait()
    assert len(client.of(Kind.DATA)) == 100


async def test_a_call_that_comes_octet_by_octet_is_answered() -> None:
    client = connect(server(Echo=ECHO))
    for octet in frames.PREFACE + frames.settings() + call(1, "Echo", b"slow"):
        client.say(bytes((octet,)))
    await client.wait()
    assert client.data(1) == framed(b"slow")


async def test_headers_and_data_may_come_in_pieces_and_filled_up() -> None:
    client = await greeted(server(Echo=ECHO))
    block, message = pack(*fields("Echo")), framed(b"pieces")
    client.say(
        frame(
            Kind.HEADERS,
            frames.PADDED | frames.PRIORITY_SET,
            1,
            b"\x02" + bytes(4) + b"\x10" + block[:9] + b"..",
        ),
        frame(Kind.CONTINUATION, 0, 1, block[9:20]),
        frame(Kind.CONTINUATION, END_HEADERS, 1, block[20:]),
        frame(Kind.DATA, frames.PADDED, 1, b"\x03" + message[:4] + b"..."),
        frame(Kind.DATA, END_STREAM, 1, message[4:]),
    )
    await client.wait()
    assert client.data(1) == message


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", Code.PROTOCOL_ERROR),
        (frames.PREFACE + frame(Kind.PING, 0, 0, bytes(8)), Code.PROTOCOL_ERROR),
    ],
)
async def test_who_does_not_speak_http2_is_left(said: bytes, code: Code) -> None:
    client = connect(server())
    client.say(said)
    assert client.transport.closed
    assert client.farewell() == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (headers(2, "Echo"), Code.PROTOCOL_ERROR),
        (frame(Kind.DATA, 0, 1, b"x"), Code.PROTOCOL_ERROR),
        (headers(1, "Talk") + headers(1, "Talk"), Code.PROTOCOL_ERROR),
        (frame(Kind.HEADERS, END_HEADERS, 1, b"\x80"), Code.COMPRESSION_ERROR),
        (frame(Kind.HEADERS, 0, 1) + frame(Kind.PING, 0, 0, bytes(8)), Code.PROTOCOL_ERROR),
        (frame(Kind.HEADERS, END_HEADERS, 1, b"\x82" * 1_025), Code.COMPRESSION_ERROR),
        (frames.settings(*[(Setting.ENABLE_PUSH, 0)] * 101), Code.ENHANCE_YOUR_CALM),
        (frame(Kind.CONTINUATION, 0, 1), Code.PROTOCOL_ERROR),
        (frame(Kind.HEADERS, frames.PADDED, 1, b"\x09abc"), Code.PROTOCOL_ERROR),
        (frame(Kind.PING, 0, 0, b"short"), Code.FRAME_SIZE_ERROR),
        (frame(Kind.SETTINGS, 0, 0, b"short"), Code.FRAME_SIZE_ERROR),
        (frame(Kind.WINDOW_UPDATE, 0, 0, bytes(4)), Code.PROTOCOL_ERROR),
        (frame(Kind.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), Code.FLOW_CONTROL_ERROR),
        (frame(Kind.RST_STREAM, 0, 7, bytes(4)), Code.PROTOCOL_ERROR),
        (frame(Kind.PUSH_PROMISE, 0, 1, bytes(4)), Code.PROTOCOL_ERROR),
        (frame(Kind.PING, 0, 0, bytes(8)) * 10_001, Code.ENHANCE_YOUR_CALM),
        (frame(Kind.WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 10_001, Code.ENHANCE_YOUR_CALM),
        (
            frame(Kind.HEADERS, 0, 1) + frame(Kind.CONTINUATION, 0, 1, bytes(16_000)) * 9,
            Code.ENHANCE_YOUR_CALM,
        ),
    ],
)
async def test_what_breaks_the_rules_ends_the_connection(said: bytes, code: Code) -> None:
    client = await greeted(server(Echo=ECHO, Talk=TALK))
    client.say(said)
    assert client.farewell() == code
    assert client.transport.closed


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (fields("Nothing"), {b"grpc-status": b"12"}),
        ((*fields("Echo"), (b"grpc-timeout", b"soon")), {b"grpc-status": b"13"}),
        ((*fields("Echo"), (b"x", bytes(17_000))), {b"grpc-status": b"8"}),
        ((*fields("Echo")[:3], (b"content-type", b"text/html")), {b":status": b"415"}),
        (((b":method", b"GET"), *fields("Echo")[1:]), {b":status": b"405"}),
    ],
    ids=["no such method", "no timeout", "too much", "not gRPC", "not POST"],
)
async def test_who_asks_for_what_is_not_there_is_told(
    block: tuple[tuple[bytes, bytes], ...], told: dict[bytes, bytes]
) -> None:
    client = await greeted(server(Echo=ECHO))
    packed = pack(*block)
    client.say(
        frame(Kind.HEADERS, 0, 1, packed[:16_000]),
        frame(Kind.CONTINUATION, END_HEADERS, 1, packed[16_000:]),
        frame(Kind.DATA, END_STREAM, 1, framed(b"")),
    )
    trailers = client.trailers(1)
    assert trailers is not None
    assert told.items() <= trailers.items()


@pytest.mark.parametrize(
    "block",
    [
        fields("Echo")[:1] + fields("Echo")[2:],
        (*fields("Echo"), (b":scheme", b"http")),
        (*fields("Echo"), (b"Capital", b"1")),
        (*fields("Echo"), (b"connection", b"close")),
        (*fields("Echo")[:2], (b":path", b""), fields("Echo")[3]),
    ],
)
async def test_a_malformed_request_is_reset_and_no_other(
    block: tuple[tuple[bytes, bytes], ...],
) -> None:
    client = await greeted(server(Echo=ECHO))
    client.say(frame(Kind.HEADERS, END_HEADERS | END_STREAM, 1, pack(*block)), call(3, "Echo"))
    await client.wait()
    assert resets(client) == {1: Code.PROTOCOL_ERROR}
    assert status(client, 3) == 0


async def test_a_message_too_long_is_refused_before_it_is_there() -> None:
    client = await greeted(server(Limits(100), Echo=ECHO))
    begun = b"\x00" + (101).to_bytes(4, "big") + b"x"
    client.say(headers(1, "Echo"), frame(Kind.DATA, 0, 1, begun))
    assert status(client, 1) == 8
    assert resets(client) == {1: Code.NO_ERROR}
    client.say(frame(Kind.DATA, END_STREAM, 1, b"x"), call(3, "Echo"))
    await client.wait()
    assert status(client, 3) == 0


@given(
    st.integers(0, 2_000),
    st.lists(st.tuples(st.booleans(), st.integers(1, 5_000)), max_size=40),
)
def test_no_more_is_sent_than_a_client_takes(first: int, grown: list[tuple[bool, int]]) -> None:
    async def story() -> None:
        answer = bytes(range(256)) * 400  # 102,400: more than the connection's window at first
        size = len(framed(answer))
        client = await greeted(
            server(Limits(200_000), Echo=ECHO), (Setting.INITIAL_WINDOW_SIZE, first)
        )
        at = range(0, size, 16_000)
        client.say(headers(1, "Echo"))
        client.say(*[frame(Kind.DATA, 0, 1, framed(answer)[i : i + 16_000]) for i in at])
        client.say(frame(Kind.DATA, END_STREAM, 1))
        await client.wait()
        window, whole = first, frames.WINDOW
        for is_whole, more in grown:
            client.say(frame(Kind.WINDOW_UPDATE, 0, 0 if is_whole else 1, more.to_bytes(4, "big")))
            whole, window = whole + more * is_whole, window + more * (not is_whole)
            await client.wait()
            assert len(client.data(1)) == min(whole, window, size)
        assert client.trailers(1) is None or min(whole, window) >= size
        client.say(*[frame(Kind.WINDOW_UPDATE, 0, n, (200_000).to_bytes(4, "big")) for n in (0, 1)])
        await client.wait()
        assert client.data(1) == framed(answer)
        assert status(client, 1) == 0

    asyncio.run(story())


async def test_a_window_told_later_counts_for_replies_under_way() -> None:
    client = await greeted(server(Echo=ECHO), (Setting.INITIAL_WINDOW_SIZE, 3))
    client.say(call(1, "Echo", b"hello"))
    await client.wait()
    assert client.data(1) == framed(b"hello")[:3]
    client.say(frames.settings((Setting.INITIAL_WINDOW_SIZE, 100)))
    await client.wait()
    assert client.data(1) == framed(b"hello")


async def test_who_does_not_read_is_not_listened_to() -> None:
    client = await greeted(server(Echo=ECHO))
    client.connection.pause_writing()
    assert not client.transport.listens
    client.say(call(1, "Echo", b"hello"))
    await client.wait()
    assert client.data(1) == b""
    client.connection.resume_writing()
    await client.wait()
    assert client.transport.listens
    assert client.data(1) == framed(b"hello")


async def test_a_conversation_goes_on_until_the_caller_is_done() -> None:
    client = await greeted(server(Talk=TALK))
    client.say(headers(1, "Talk"), frame(Kind.DATA, 0, 1, framed(b"a") + framed(b"b")[:3]))
    await client.wait()
    assert client.data(1) == framed(b"a")
    assert status(client, 1) is None
    client.say(frame(Kind.DATA, END_STREAM, 1, framed(b"b")[3:]))
    await client.wait()
    assert client.data(1) == framed(b"a") + framed(b"b")
    assert status(client, 1) == 0


async def test_more_than_there_is_room_for_breaks_the_connection() -> None:
    deaf = Patient()
    client = await greeted(server(Limits(100), Deaf=Handler(deaf, asks_many=True)))
    part = frame(Kind.DATA, 0, 1, framed(bytes(100)) * 100)
    client.say(headers(1, "Deaf"), part * 6)
    assert client.farewell() is None
    client.say(part)
    assert client.farewell() == Code.FLOW_CONTROL_ERROR


async def test_a_message_that_comes_octet_by_octet_is_read() -> None:
    client = await greeted(server(Echo=ECHO, Talk=TALK))
    message = framed(bytes(range(200)))
    for number, method in ((1, "Echo"), (3, "Talk")):
        client.say(headers(number, method))
        client.say(*[frame(Kind.DATA, 0, number, bytes((octet,))) for octet in message])
        client.say(frame(Kind.DATA, END_STREAM, number))
        await client.wait()
        assert client.data(number) == message


async def test_what_was_read_of_a_conversation_makes_room_for_more_told_now_and_then() -> None:
    client = await greeted(server(Talk=TALK))
    part = framed(bytes(995))
    client.say(headers(1, "Talk"), *[frame(Kind.DATA, 0, 1, part)] * 32)
    await client.wait()
    assert not client.of(Kind.WINDOW_UPDATE, 1)
    client.say(frame(Kind.DATA, 0, 1, part))
    await client.wait()
    (more,) = client.of(Kind.WINDOW_UPDATE, 1)
    assert frames.number(more[3]) == 33 * len(part)


async def test_a_reset_gives_the_method_up() -> None:
    slow = Patient()
    client = await greeted(server(Slow=Handler(slow)))
    client.say(call(1, "Slow"))
    await client.wait()
    assert slow.begun.is_set()
    client.say(frame(Kind.RST_STREAM, 0, 1, Code.CANCEL.to_bytes(4, "big")))
    await client.wait()
    assert slow.given_up.is_set()
    assert client.trailers(1) is None


async def test_a_lost_connection_gives_all_its_methods_up() -> None:
    slow, made = Patient(), server()
    made.add("floor.Floor", {"Slow": Handler(slow)})
    client = await greeted(made)
    client.say(call(1, "Slow"))
    await client.wait()
    client.connection.connection_lost(None)
    await client.wait()
    assert slow.given_up.is_set()


async def test_a_method_past_its_deadline_is_given_up_and_the_caller_told() -> None:
    slow = Patient()
    client = await greeted(server(Slow=Handler(slow)))
    client.say(call(1, "Slow", b"", (b"grpc-timeout", b"1m")))
    await asyncio.wait_for(slow.given_up.wait(), 10)
    await client.wait()
    assert status(client, 1) == 4


async def test_who_does_not_finish_asking_is_told_when_the_deadline_has_passed() -> None:
    client = await greeted(server(Echo=ECHO))
    client.say(headers(1, "Echo", (b"grpc-timeout", b"0m")))
    await client.wait()
    assert status(client, 1) == 4
    assert resets(client) == {1: Code.NO_ERROR}


@pytest.mark.parametrize("method", ["Echo", "Talk", "Desk"])
async def test_nothing_is_kept_of_a_call_that_was_reset(method: str) -> None:
    client = await greeted(server(Echo=ECHO, Talk=TALK, Desk=Desk().handler()))
    begun = headers(1, method, (b"grpc-timeout", b"99999999H"))
    reset = frame(Kind.RST_STREAM, 0, 1, Code.CANCEL.to_bytes(4, "big"))
    client.say(begun, reset)
    await client.wait()
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, Call)]


async def test_the_first_status_is_told_to_who_takes_the_reply_late() -> None:
    client = await greeted(server(Talk=TALK), (Setting.INITIAL_WINDOW_SIZE, 3))
    client.say(headers(1, "Talk", (b"grpc-timeout", b"10m")), frame(Kind.DATA, 0, 1, framed(b"a")))
    while not any(call.farewell for call in gc.get_objects() if isinstance(call, Call)):
        await client.wait()
    await client.wait()
    assert status(client, 1) is None
    client.say(frame(Kind.WINDOW_UPDATE, 0, 1, (100).to_bytes(4, "big")))
    assert client.data(1) == framed(b"a")
    assert status(client, 1) == 4


async def test_what_is_unfit_is_found_when_it_is_read() -> None:
    client = await greeted(server(Limits(100), Talk=TALK))
    long = b"\x00" + (101).to_bytes(4, "big")
    client.say(headers(1, "Talk"), frame(Kind.DATA, 0, 1, framed(b"a") + framed(b"b") + long))
    await client.wait()
    assert client.data(1) == framed(b"a") + framed(b"b")
    assert status(client, 1) == 8


async def test_a_conversation_lets_others_have_their_turn() -> None:
    client = await greeted(server(Talk=TALK))
    client.say(headers(1, "Talk"), frame(Kind.DATA, 0, 1, framed(b"") * 200))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.listen()
    assert 0 < len(client.of(Kind.DATA)) < 40
    await client.wait()
    assert len(client.of(Kind.DATA)) == 200


async def test_a_refusal_tells_its_message_and_details() -> None:
    def refuse(_: bytes, __: float | None) -> Refusal:
        return Refusal(grpc.StatusCode.NOT_FOUND, "100 % wäg\n")

    client = await greeted(server(No=Handler(echo, prompt=refuse)))
    client.say(call(1, "No"))
    trailers = client.trailers(1)
    assert trailers is not None
    assert trailers[b"grpc-status"] == b"5"
    assert trailers[b"grpc-message"] == b"100 %25 w%C3%A4g%0A"


async def test_more_calls_than_are_allowed_are_refused_to_be_tried_again() -> None:
    slow = Patient()
    client = await greeted(server(Limits(100, streams=2), Slow=Handler(slow)))
    client.say(*[call(number, "Slow") for number in (1, 3, 5)])
    assert resets(client) == {5: Code.REFUSED_STREAM}
    slow.go.set()
    await client.wait()
    assert (status(client, 1), status(client, 3)) == (0, 0)


async def test_a_server_that_stops_lets_open_calls_end() -> None:
    slow, made = Patient(), server()
    made.add("floor.Floor", {"Slow": Handler(slow)})
    client = await greeted(made)
    client.say(call(1, "Slow"))
    stopping = asyncio.ensure_future(made.stop(60.0))
    await client.wait()
    (ping,) = client.of(Kind.PING)
    client.say(frame(Kind.PING, frames.ACK, 0, ping[3]))
    assert client.farewell() == Code.NO_ERROR
    assert not client.transport.closed
    slow.go.set()
    await client.wait()
    assert status(client, 1) == 0
    assert client.transport.closed
    client.connection.connection_lost(None)
    await asyncio.wait_for(stopping, 10)


async def test_a_server_that_stops_does_not_wait_for_who_never_spoke() -> None:
    made = server()
    client = connect(made)
    stopping = asyncio.ensure_future(made.stop(60.0))
    await client.wait()
    assert client.transport.closed
    client.connection.connection_lost(None)
    await asyncio.wait_for(stopping, 10)


async def test_a_server_that_stops_waits_no_longer_than_its_grace() -> None:
    slow, made = Patient(), server()
    made.add("floor.Floor", {"Slow": Handler(slow)})
    client = await greeted(made)
    client.say(call(1, "Slow"))
    await asyncio.wait_for(made.stop(0.0), 10)
    assert client.transport.closed


async def test_a_call_that_comes_after_the_last_farewell_is_not_taken_up() -> None:
    slow = Patient()
    made = server(Slow=Handler(slow), Echo=ECHO)
    client = await greeted(made)
    client.say(call(1, "Slow"))
    stopping = asyncio.ensure_future(made.stop(60.0))
    await client.wait()
    (ping,) = client.of(Kind.PING)
    client.say(frame(Kind.PING, frames.ACK, 0, ping[3]))
    client.say(call(3, "Echo"))
    assert resets(client) == {3: Code.REFUSED_STREAM}
    slow.go.set()
    await client.wait()
    assert status(client, 1) == 0
    client.connection.connection_lost(None)
    await asyncio.wait_for(stopping, 10)


async def test_what_frames_are_filled_up_with_makes_room_too() -> None:
    client = await greeted(server(Talk=TALK))
    filled = frame(Kind.DATA, frames.PADDED, 1, b"\xffa" + bytes(255))
    client.say(headers(1, "Talk"), *[filled] * 127)
    assert not client.of(Kind.WINDOW_UPDATE, 1)
    client.say(filled)
    (more,) = client.of(Kind.WINDOW_UPDATE, 1)
    assert frames.number(more[3]) == 128 * 256


@given(st.lists(st.integers(1, 300), max_size=30))
def test_replies_that_wait_for_the_connection_share_what_it_takes(grown: list[int]) -> None:
    async def story() -> None:
        client = await greeted(server(Limits(frames.WINDOW), Echo=ECHO))
        for number in range(1, 15, 2):
            client.say(call(number, "Echo", bytes(10_000)))
        await client.wait()
        size, sent = 7 * len(framed(bytes(10_000))), frames.WINDOW
        for more in grown:
            client.say(frame(Kind.WINDOW_UPDATE, 0, 0, more.to_bytes(4, "big")))
            sent = min(size, sent + more)
            assert sum(len(client.data(number)) for number in range(1, 15, 2)) == sent
        client.say(frame(Kind.WINDOW_UPDATE, 0, 0, size.to_bytes(4, "big")))
        assert [status(client, number) for number in range(1, 15, 2)] == [0] * 7

    asyncio.run(story())


async def test_who_has_many_streams_changes_their_windows_seldom() -> None:
    client = await greeted(server(Echo=ECHO))
    client.say(*[headers(number, "Echo") for number in range(1, 2_000, 2)])
    change = [frames.settings((Setting.INITIAL_WINDOW_SIZE, i % 2)) for i in range(101)]
    client.say(*change[:90])
    assert client.farewell() is None
    client.say(*change)
    assert client.farewell() == Code.ENHANCE_YOUR_CALM


async def test_who_is_restless_for_long_but_never_much_at_once_may_stay() -> None:
    client = connect(server(Limits(100, silence=0.0, patience=60.0)))
    client.say(frames.PREFACE, frames.settings())
    await asyncio.sleep(0)
    for _ in range(3):
        client.say(frame(Kind.PING, 0, 0, bytes(8)) * 9_000)
        await asyncio.sleep(0)
    assert client.farewell() is None


async def test_who_does_not_come_to_speak_http2_is_left() -> None:
    client = connect(server(Limits(100, silence=0.0, patience=60.0)))
    client.say(frames.PREFACE[:10])
    await client.wait()
    assert client.transport.closed


async def test_who_stays_silent_when_asked_is_left() -> None:
    client = await greeted(server(Limits(100, silence=0.0, patience=0.0)))
    await client.wait()
    assert client.of(Kind.PING)
    assert client.transport.closed


FRAMES = st.builds(
    frame,
    st.integers(0, 10),
    st.sampled_from([0, 1, 4, 5, 8, 0x20, 0x2D, 255]),
    st.sampled_from([0, 1, 1, 3, 5, 2]),
    st.one_of(
        st.binary(max_size=30),
        st.just(pack(*fields("Echo"))),
        st.just(pack(*fields("Talk"))),
        st.just(pack(*fields("Desk"))),
        st.just(framed(b"message")),
        st.just(framed(b"slow message")),
        st.just((5).to_bytes(4, "big")),
    ),
)


@settings(max_examples=300)
@given(st.lists(st.one_of(FRAMES, st.binary(max_size=20)), max_size=12))
def test_nonsense_never_does_more_than_end_its_connection(said: list[bytes]) -> None:
    async def story() -> None:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        made = server(Echo=ECHO, Talk=TALK, Desk=Desk(most=1).handler())
        client = await greeted(made)
        for part in said:
            client.say(part)
        await client.wait()
        client.connection.connection_lost(None)
        await client.wait()
        assert not faults
        another = await greeted(made)
        another.say(call(1, "Echo", b"well"))
        await another.wait()
        assert another.data(1) == framed(b"well")

    asyncio.run(story())
