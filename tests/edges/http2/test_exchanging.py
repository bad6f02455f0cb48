"""Messages of one call that are answered each by itself: at once where that can be, and never too many."""

import asyncio
import gc
import gzip
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.edges.grpc.gate import Handler
from engine.edges.http2 import frames
from engine.edges.http2.bodies import ALLOWANCE
from engine.edges.http2.call import Call
from engine.edges.http2.frames import END_STREAM, Code, Kind, Setting, frame
from engine.edges.http2.messages import first, framed
from engine.edges.http2.sending import Limits
from tests.edges.http2.desk import BYE, SLOW, Desk
from tests.edges.http2.wire import Client, call, echo, greeted, headers, server

ENOUGH = (1 << 30).to_bytes(4, "big")
CANCEL = frame(Kind.RST_STREAM, 0, 1, Code.CANCEL.to_bytes(4, "big"))
OPEN = headers(1, "Desk")


def asking(*messages: bytes, number: int = 1, last: bool = False) -> bytes:
    """Messages in one frame each."""
    said = b"".join(frame(Kind.DATA, 0, number, framed(message)) for message in messages)
    return said + frame(Kind.DATA, END_STREAM, number) if last else said


def answers(client: Client, number: int = 1) -> list[bytes]:
    """The messages that came on a stream, in order."""
    data, found = client.data(number), []
    while (message := first(data, b"identity", 1 << 20)) is not None:
        found.append(message[0])
        data = data[message[1] :]
    assert not data
    return found


def status(client: Client, number: int = 1) -> int | None:
    """The gRPC status a call ended with; None if it has not ended."""
    trailers = client.trailers(number)
    return None if trailers is None else int(trailers[b"grpc-status"])


async def test_a_message_is_answered_within_the_turn_in_which_it_comes() -> None:
    client = await greeted(server(Desk=Desk().handler()))
    client.say(OPEN, asking(b"a"))
    assert answers(client) == [b"a"]
    client.say(asking(b"b"))
    assert answers(client) == [b"a", b"b"]
    client.say(frame(Kind.DATA, END_STREAM, 1))
    assert status(client) == 0


async def test_a_conversation_that_comes_in_one_piece_ends_in_the_same_turn() -> None:
    client = await greeted(server(Desk=Desk().handler()))
    client.say(OPEN, asking(b"a", b"b", last=True))
    assert answers(client) == [b"a", b"b"]
    assert status(client) == 0


@given(
    st.lists(st.binary(max_size=200), max_size=20),
    st.lists(st.integers(1, 40), min_size=1, max_size=10),
)
def test_where_frames_end_means_nothing(messages: list[bytes], sizes: list[int]) -> None:
    async def story() -> None:
        client = await greeted(server(Desk=Desk().handler()))
        client.say(OPEN)
        said, at, turn = b"".join(map(framed, messages)), 0, 0
        while at < len(said):
            size = sizes[turn % len(sizes)]
            client.say(frame(Kind.DATA, 0, 1, said[at : at + size]))
            at, turn = at + size, turn + 1
        client.say(frame(Kind.DATA, END_STREAM, 1))
        await client.wait()
        assert answers(client) == messages
        assert status(client) == 0

    asyncio.run(story())


async def test_a_conversation_that_comes_octet_by_octet_is_answered() -> None:
    client = await greeted(server(Desk=Desk().handler()))
    for octet in OPEN + asking(b"one", b"two", last=True):
        client.say(bytes((octet,)))
    assert answers(client) == [b"one", b"two"]
    assert status(client) == 0


async def test_many_messages_in_one_piece_let_others_have_their_turn() -> None:
    made = server(Desk=Desk().handler(), Echo=Handler(echo))
    client, other = await greeted(made), await greeted(made)
    messages = [b"%d" % n for n in range(100)]
    client.say(OPEN, frame(Kind.DATA, 0, 1, b"".join(map(framed, messages))))
    assert answers(client) == messages[:16]
    other.say(headers(1, "Desk"), asking(b"me, too"))
    assert answers(other) == [b"me, too"]
    await client.wait()
    assert answers(client) == messages


async def test_calls_of_one_connection_take_turns() -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler()))
    many = frame(Kind.DATA, 0, 1, framed(b"many") * 100)
    client.say(OPEN, headers(3, "Desk"), many, asking(b"one", number=3))
    assert desk.taken[:2] == [b"many", b"one"]


async def test_ten_thousand_messages_are_answered_among_slow_ones() -> None:
    desk, chance, made = Desk(most=100), random.Random(20261122), Limits(200_000)
    client = await greeted(
        server(made, Desk=desk.handler()), (Setting.INITIAL_WINDOW_SIZE, 1 << 30)
    )
    client.say(frame(Kind.WINDOW_UPDATE, 0, 0, ENOUGH), OPEN)
    slow = sorted(chance.sample(range(10_000), 90))
    quick = [b"%d" % n for n in range(10_000) if n not in slow]
    said = b"".join(framed((b"slow%d" if n in slow else b"%d") % n) for n in range(10_000))
    while said:
        size = chance.randint(1, 5_000)
        client.say(frame(Kind.DATA, 0, 1, said[:size]))
        said = said[size:]
    while len(desk.taken) < 10_000:
        await client.wait()
    client.listen()
    assert answers(client) == quick
    desk.go.set()
    client.say(frame(Kind.DATA, END_STREAM, 1))
    await client.wait()
    assert sorted(answers(client)[len(quick) :]) == sorted(b"slow%d" % n for n in slow)
    assert status(client) == 0


async def test_only_so_many_messages_wait_and_no_more_are_taken_up_meanwhile() -> None:
    desk = Desk(most=3)
    client = await greeted(server(Desk=desk.handler()))
    client.say(OPEN, asking(*[b"slow"] * 10, b"quick", last=True))
    await client.wait()
    assert (len(desk.taken), desk.waiting) == (3, 3)
    desk.go.set()
    await client.wait()
    assert sorted(answers(client)) == [b"quick"] + [b"slow"] * 10
    assert desk.most_waiting == 3
    assert status(client) == 0


async def test_who_had_to_wait_for_its_turn_is_told_how_long() -> None:
    desk = Desk(most=1)
    client = await greeted(server(Desk=desk.handler()))
    client.say(OPEN, asking(SLOW, b"behind"))
    begun = time.monotonic()
    await asyncio.sleep(0)
    least = time.monotonic() - begun
    desk.go.set()
    await client.wait()
    assert answers(client) == [SLOW, b"behind"]
    assert desk.waited[1] > least >= 0.0
    assert desk.waited[0] < desk.waited[1]


@given(st.lists(st.integers(1, 400), max_size=30))
def test_who_takes_no_answer_is_asked_no_more(grown: list[int]) -> None:
    async def story() -> None:
        desk, message = Desk(), bytes(100)
        client = await greeted(server(Desk=desk.handler()), (Setting.INITIAL_WINDOW_SIZE, 0))
        client.say(OPEN, asking(*[message] * 50))
        await client.wait()
        window, size = 0, len(framed(message))
        for more in grown:
            window += more
            client.say(frame(Kind.WINDOW_UPDATE, 0, 1, more.to_bytes(4, "big")))
            await client.wait()
            assert len(client.data(1)) == min(window, 50 * size)
            assert len(desk.taken) == min(window // size + 1, 50)
        client.say(frame(Kind.WINDOW_UPDATE, 0, 1, ENOUGH), frame(Kind.DATA, END_STREAM, 1))
        await client.wait()
        assert answers(client) == [message] * 50
        assert status(client) == 0

    asyncio.run(story())


async def test_nothing_is_taken_up_while_the_connection_takes_nothing() -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler()))
    client.say(OPEN)
    client.connection.pause_writing()
    client.say(asking(b"a", b"b", b"c"))
    await client.wait()
    assert (desk.taken, client.data(1)) == ([b"a"], b"")
    client.connection.resume_writing()
    await client.wait()
    assert answers(client) == [b"a", b"b", b"c"]


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=400))
def test_who_heeds_the_window_may_ask_for_ever(sizes: list[int]) -> None:
    async def story() -> None:
        client = await greeted(
            server(Limits(1_000), Desk=Desk().handler()), (Setting.INITIAL_WINDOW_SIZE, 1 << 30)
        )
        client.say(frame(Kind.WINDOW_UPDATE, 0, 0, ENOUGH), OPEN)
        room, told = 1_000 + frames.WINDOW, 0
        for size in sizes * 3:
            part = framed(bytes(size))
            room -= len(part)
            client.say(frame(Kind.DATA, 0, 1, part))
            grown = [frames.number(f[3]) for f in client.of(Kind.WINDOW_UPDATE, 1)][told:]
            told += len(grown)
            room += sum(grown)
            assert room >= 1_000 + frames.WINDOW // 2
        asked = sum(size + 5 for size in sizes * 3)
        assert told <= asked // 30_000
        assert client.farewell() is None
        assert len(answers(client)) == 3 * len(sizes)

    asyncio.run(story())


@pytest.mark.parametrize("ends", ["the caller resets it", "the connection is lost"])
async def test_who_leaves_takes_along_what_waits(ends: str) -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler()))
    client.say(OPEN, asking(b"slow", b"slow", b"a"))
    await client.wait()
    if ends == "the caller resets it":
        client.say(CANCEL)
    else:
        client.connection.connection_lost(None)
    await client.wait()
    assert (desk.given_up, desk.waiting) == (2, 0)
    assert status(client) is None
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, Call)]


async def test_a_deadline_ends_the_call_and_what_waits() -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler()))
    client.say(headers(1, "Desk", (b"grpc-timeout", b"20m")), asking(b"a", b"slow", last=True))
    while status(client) is None:
        await client.wait()
    await client.wait()
    assert (status(client), desk.given_up, answers(client)) == (4, 1, [b"a"])


async def test_a_call_that_ends_forgets_its_deadline_and_the_closing() -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler()))
    client.say(headers(1, "Desk", (b"grpc-timeout", b"99999999H")))
    await client.wait()
    client.say(asking(b"a", last=True))
    await client.wait()
    assert status(client) == 0
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, Call)]


async def test_when_it_closes_what_waits_is_answered_and_no_more_taken_up() -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler()))
    client.say(OPEN, asking(b"slow"))
    await client.wait()
    desk.closing.set()
    await client.wait()
    client.say(asking(b"a"))
    assert status(client) is None
    desk.go.set()
    await client.wait()
    assert answers(client) == [b"slow"]
    assert status(client) == BYE.code.value[0]


async def test_when_it_closes_who_has_asked_all_gets_every_answer() -> None:
    desk = Desk(most=1)
    client = await greeted(server(Desk=desk.handler()))
    client.say(OPEN)
    await client.wait()
    client.say(asking(b"slow", b"slow", b"a", last=True))
    await client.wait()
    desk.closing.set()
    await client.wait()
    desk.go.set()
    await client.wait()
    assert answers(client) == [b"slow", b"slow", b"a"]
    assert status(client) == 0


async def test_who_has_nothing_to_wait_for_is_told_at_once_that_it_closes() -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler()))
    client.say(OPEN, asking(b"a"))
    await client.wait()
    desk.closing.set()
    await client.wait()
    assert status(client) == BYE.code.value[0]


async def test_compressed_messages_are_answered_among_others() -> None:
    client = await greeted(server(Desk=Desk().handler()))
    packed = gzip.compress(b"packed")
    said = framed(b"a") + b"\x01" + len(packed).to_bytes(4, "big") + packed + framed(b"b")
    client.say(headers(1, "Desk", (b"grpc-encoding", b"gzip")), frame(Kind.DATA, 0, 1, said))
    assert answers(client) == [b"a", b"packed", b"b"]


async def test_a_message_too_long_ends_the_call_when_it_is_its_turn() -> None:
    desk = Desk()
    client = await greeted(server(Limits(100), Desk=desk.handler()))
    long = b"\x00" + (101).to_bytes(4, "big")
    client.say(OPEN, asking(b"a", b"slow"), frame(Kind.DATA, 0, 1, long))
    await client.wait()
    assert answers(client) == [b"a"]
    assert (status(client), desk.waiting) == (8, 0)


async def test_what_cannot_be_taken_up_yet_counts_as_held() -> None:
    desk = Desk(most=1)
    limits = Limits(100_000, unfinished=3 * ALLOWANCE)
    client = await greeted(server(limits, Desk=desk.handler()))
    for number in (1, 3):
        client.say(headers(number, "Desk"), asking(b"slow", bytes(2 * ALLOWANCE), number=number))
    await client.wait()
    assert (status(client, 1), status(client, 3)) == (8, None)
    desk.go.set()
    await client.wait()
    assert answers(client, 3) == [b"slow", bytes(2 * ALLOWANCE)]


async def test_other_calls_of_the_connection_go_on_beside_it() -> None:
    desk = Desk()
    client = await greeted(server(Desk=desk.handler(), Echo=Handler(echo)))
    client.say(OPEN, asking(b"slow"), call(3, "Echo", b"hello"))
    await client.wait()
    assert client.data(3) == framed(b"hello")
    client.say(asking(b"a"))
    assert answers(client) == [b"a"]


STEPS = st.one_of(
    st.tuples(st.just("ask"), st.lists(st.booleans(), min_size=1, max_size=30)),
    st.tuples(st.just("take"), st.integers(1, 500)),
    st.tuples(st.sampled_from(["go", "pause", "resume", "turn"]), st.none()),
)


@given(st.lists(STEPS, max_size=30), st.integers(1, 4), st.integers(0, 300))
def test_whatever_comes_in_between_each_message_is_answered_once(
    steps: list[tuple[str, Any]], most: int, window: int
) -> None:
    """Messages, some slow; windows, pauses and turns in any order; and all of it within the limits."""

    async def story() -> None:
        desk = Desk(most)
        client = await greeted(server(Desk=desk.handler()), (Setting.INITIAL_WINDOW_SIZE, window))
        client.say(OPEN)
        asked: list[bytes] = []
        taken, listens = window, True
        for step, value in steps:
            match step:
                case "ask":
                    first_of_these = len(asked)
                    asked += [
                        b"%s%d" % (b"slow" if slow else b"", first_of_these + n)
                        for n, slow in enumerate(value)
                    ]
                    client.say(asking(*asked[first_of_these:]))
                case "take":
                    taken += value
                    client.say(frame(Kind.WINDOW_UPDATE, 0, 1, value.to_bytes(4, "big")))
                case "go":
                    desk.go.set()
                case "pause" if listens:
                    client.connection.pause_writing()
                    listens = False
                case "resume" if not listens:
                    client.connection.resume_writing()
                    listens = True
                case _:
                    await client.wait()
            client.listen()
            assert len(client.data(1)) <= taken
        desk.go.set()
        if not listens:
            client.connection.resume_writing()
        client.say(frame(Kind.WINDOW_UPDATE, 0, 1, ENOUGH), frame(Kind.DATA, END_STREAM, 1))
        while status(client) is None:
            await client.wait()
        assert desk.taken == asked
        assert sorted(answers(client)) == sorted(asked)
        assert desk.most_waiting <= most
        assert status(client) == 0

    asyncio.run(story())
