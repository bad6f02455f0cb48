"""What our own HTTP/2 costs a question in a hot loop, with the answer ready: as a call, and on a stream.

    python -m pytest benchmarks/test_transport.py --benchmark-enable

The client is bytes, and so is the socket; each piece says what grpc's clients say with a question: that
they have taken the last answer. Sixteen questions on a stream come in one piece.
"""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import grpc
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import calibration
from engine.edges.grpc.gate import Exchange, Handler
from engine.edges.grpc.status import Refusal
from engine.edges.http2 import frames
from engine.edges.http2.frames import END_STREAM, Kind, Setting, frame
from engine.edges.http2.messages import framed
from engine.edges.http2.sending import Limits
from tests.edges.http2.wire import Client, connect, echo, headers, server

QUESTION, ANSWER = bytes(60), bytes(1_450)
WIDE = (1 << 30).to_bytes(4, "big")
TALK, ROUNDS = 1, 3_000


@pytest.fixture
def client() -> Iterator[Client]:
    """A client with an open stream."""
    loop = asyncio.new_event_loop()
    opened = loop.run_until_complete(_opened())
    yield opened
    opened.connection.connection_lost(None)
    loop.run_until_complete(opened.wait())
    loop.close()


async def _opened() -> Client:
    exchange = Exchange(
        lambda _, __: ANSWER, 64, asyncio.Event(), Refusal(grpc.StatusCode.UNAVAILABLE, "")
    )
    made = server(
        Limits(1 << 18),
        Call=Handler(echo, prompt=lambda _, __: ANSWER),
        Talk=Handler(echo, asks_many=True, answers_many=True, exchange=exchange),
    )
    client = connect(made)
    client.say(frames.PREFACE, frames.settings((Setting.INITIAL_WINDOW_SIZE, 1 << 30)))
    client.say(frame(Kind.WINDOW_UPDATE, 0, 0, WIDE), headers(TALK, "Talk"))
    return client


def _taken(number: int, questions: int = 1) -> bytes:
    """That the last answers were taken, on their stream and on the connection."""
    octets = (questions * len(framed(ANSWER))).to_bytes(4, "big")
    return b"".join(frame(Kind.WINDOW_UPDATE, 0, each, octets) for each in (number, 0))


def _answers(client: Client) -> int:
    """How many answers were written since; what was written is forgotten."""
    size = len(client.transport.written)
    client.transport.written.clear()
    return size // len(ANSWER)


@pytest.mark.benchmark(group="transport")
def test_a_call(benchmark: BenchmarkFixture, client: Client) -> None:
    numbers, message = count(TALK + 2, 2), framed(QUESTION)

    def asked() -> tuple[tuple[bytes], dict[str, object]]:
        number = next(numbers)
        call = headers(number, "Call") + frame(Kind.DATA, END_STREAM, number, message)
        return (call + _taken(number),), {}

    def ask(said: bytes) -> int:
        client.connection.data_received(said)
        return _answers(client)

    timed: Any = benchmark
    assert timed.pedantic(ask, setup=asked, rounds=ROUNDS, warmup_rounds=ROUNDS // 10) == 1


@pytest.mark.benchmark(group="transport")
@pytest.mark.parametrize("questions", [1, 16])
def test_questions_on_a_stream(benchmark: BenchmarkFixture, client: Client, questions: int) -> None:
    asked = frame(Kind.DATA, 0, TALK, framed(QUESTION)) * questions + _taken(TALK, questions)

    def ask() -> int:
        client.connection.data_received(asked)
        return _answers(client)

    assert benchmark(ask) == questions


@pytest.mark.benchmark(group="transport")
def test_the_calibration_loop(benchmark: BenchmarkFixture) -> None:
    benchmark(calibration.loop)
