"""The memory of requests that are begun and not read: how it is counted, and who is given up."""

import asyncio
import gc

import grpc
from hypothesis import given
from hypothesis import strategies as st

from engine.edges.grpc.gate import Context, Handler
from engine.edges.grpc.status import DETAILS_KEY, Refusal
from engine.edges.http2.bodies import ALLOWANCE, Bodies
from engine.edges.http2.call import Call
from engine.edges.http2.frames import END_STREAM, Kind, frame
from engine.edges.http2.messages import framed
from engine.edges.http2.sending import Limits
from tests.edges.http2.wire import Client, call, converse, echo, greeted, headers, server

ECHO = Handler(echo)
MOST = 3 * ALLOWANCE
LIMITS = Limits(100_000, unfinished=MOST)
PART = bytes(2 * ALLOWANCE)


async def deaf(_: None, context: Context) -> None:
    """Reads nothing for as long as the call lasts."""
    await asyncio.get_running_loop().create_future()


class Holder:
    """What is held, as its holder knows it."""

    def __init__(self) -> None:
        self.octets = 0
        self.told: Refusal | None = None

    def give_up(self, refusal: Refusal) -> None:
        self.octets, self.told = 0, refusal


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2 * MOST)), max_size=40))
def test_all_together_never_hold_more_than_there_is(grown: list[tuple[int, int]]) -> None:
    bodies, holders = Bodies(MOST), [Holder() for _ in range(6)]
    for who, octets in grown:
        holder = holders[who]
        holder.octets = octets
        bodies.weigh(holder, octets)
        assert sum(h.octets for h in holders if h.octets > ALLOWANCE) <= MOST
    for holder in holders:
        bodies.release(holder)
    last = Holder()
    bodies.weigh(last, MOST)
    assert last.told is None


@given(st.integers(2, 6))
def test_the_oldest_is_given_up_first_and_told_when_to_come_back(many: int) -> None:
    bodies, holders = Bodies(many * 2 * ALLOWANCE), [Holder() for _ in range(many + 1)]
    for holder in holders:
        bodies.weigh(holder, 2 * ALLOWANCE)
    assert [holder.told is None for holder in holders] == [False] + [True] * many
    told = holders[0].told
    assert told is not None
    assert told.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert told.details


def begun(client: Client, number: int, method: str = "Echo") -> None:
    """Says half of a request."""
    client.say(
        headers(number, method), frame(Kind.DATA, 0, number, framed(PART + PART)[: len(PART)])
    )


def status(client: Client, number: int) -> bytes | None:
    """The gRPC status a call ended with; None if it has not ended."""
    client.listen()
    return (client.trailers(number) or {}).get(b"grpc-status")


async def test_who_has_not_finished_for_longest_makes_room_for_others() -> None:
    made = server(LIMITS, Echo=ECHO)
    first, second = await greeted(made), await greeted(made)
    begun(first, 1)
    begun(second, 1)
    await first.wait()
    assert status(first, 1) == b"8"
    assert DETAILS_KEY.encode() in (first.trailers(1) or {})
    second.say(frame(Kind.DATA, END_STREAM, 1, framed(PART + PART)[len(PART) :]))
    first.say(call(3, "Echo", b"another"))
    await second.wait()
    assert second.data(1) == framed(PART + PART)
    assert status(first, 3) == b"0"


async def test_requests_that_end_one_way_or_another_are_not_kept() -> None:
    made = server(LIMITS, Echo=ECHO, Talk=Handler(converse, asks_many=True, answers_many=True))
    client, gone = await greeted(made), await greeted(made)
    begun(client, 1)
    client.say(frame(Kind.DATA, END_STREAM, 1, framed(PART + PART)[len(PART) :]))
    begun(client, 3)
    client.say(frame(Kind.RST_STREAM, 0, 3, bytes(4)))
    client.say(headers(5, "Talk"), frame(Kind.DATA, END_STREAM, 5, framed(PART)))
    await client.wait()
    begun(gone, 1)
    gone.connection.connection_lost(None)
    await client.wait()
    assert [status(client, number) for number in (1, 3, 5)] == [b"0", None, b"0"]
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, Call)]


async def test_a_conversation_nobody_reads_holds_what_was_said_to_its_end() -> None:
    client = await greeted(server(LIMITS, Echo=ECHO, Deaf=Handler(deaf, asks_many=True)))
    client.say(headers(1, "Deaf"), frame(Kind.DATA, END_STREAM, 1, framed(PART)))
    begun(client, 3)
    await client.wait()
    assert (status(client, 1), status(client, 3)) == (b"8", None)
