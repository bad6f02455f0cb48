"""The wire: `Decide` and `DecideStream` beside a bare gRPC echo of the same sizes, in turn, one client.

One question at a time for latency; sixteen under way for capacity, which is told as questions a CPU
second of the server: on two cores the client, being Python too, would run out of CPU first. Nobody else is asked
before a server has written its log: that counts as its own, and is not in the others' way.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import grpc
import uvloop

from benchmarks import echo, floor, workloads
from benchmarks.targets.process import cpu_seconds, wait_for_rest
from benchmarks.targets.target import Outcome, at_least, at_most
from engine.wire.decision_pb2 import (
    DecideRequest,
    DecideResponse,
    DecideStreamRequest,
    DecideStreamResponse,
)

ACTIONS: Final = 200
STREAM: Final = "/attune.v1.DecisionService/DecideStream"
WAYS: Final = ("echo", "decide", "stream")
_CALLS: Final = 200
_UNDER_WAY: Final = 16
_WARM_UP: Final = 2

Send = Callable[[int, int], Awaitable[list[float]]]
"""Asks so many questions, so many under way; the seconds each took if it was one."""

More = Callable[[grpc.aio.Channel], dict[str, Send]]
"""Other ways to ask the service, by name."""


@dataclass(slots=True)
class Samples:
    """What was measured of one way to ask: by round percentiles (seconds), all latencies, and CPU."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    every: list[float] = field(default_factory=list)
    cpu: float = 0.0
    asked: int = 0

    def note(self, took: list[float]) -> None:
        """One round."""
        ordered = sorted(took)
        self.p50.append(ordered[len(ordered) // 2])
        self.p99.append(ordered[int(len(ordered) * 0.99)])
        self.every += took


class Wire(NamedTuple):
    """Ways to ask, by name, and whose process answers each: the service's or the echo's."""

    senders: dict[str, Send]
    pids: dict[str, int]


async def measure(
    rounds: int, step: Callable[[], None], options: Sequence[object] = (), more: More | None = None
) -> dict[str, Samples]:
    """All three ways, by name, and `more`; `step` is called after each round.

    `options` are more for `attune serve`.
    """
    async with wired(options, more) as wire:
        return await _rounds(wire, rounds, step)


@asynccontextmanager
async def wired(
    options: Sequence[object] = (),
    more: More | None = None,
    serve: Sequence[object] = floor.SERVE,
) -> AsyncIterator[Wire]:
    """The service, which is asked once for each customer, and the echo, whose answers are as long."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", ACTIONS)
        with floor.attune(book, folder / "data", options, serve=serve) as service:
            async with grpc.aio.insecure_channel(service.address) as channel:
                size = await _answer_size(channel)
                with floor.server(["benchmarks.echo", size]) as bare:
                    async with grpc.aio.insecure_channel(bare.address) as to_echo:
                        ours = {
                            "decide": _unary(channel, floor.DECIDE),
                            "stream": _streaming(channel),
                            **(more(channel) if more is not None else {}),
                        }
                        yield Wire(
                            {"echo": _unary(to_echo, echo.METHOD), **ours},
                            {"echo": bare.pid, **dict.fromkeys(ours, service.pid)},
                        )


async def _rounds(wire: Wire, rounds: int, step: Callable[[], None]) -> dict[str, Samples]:
    found = {way: Samples() for way in wire.senders}
    for round_ in range(rounds + _WARM_UP):
        for way, send in wire.senders.items():
            took, pid = await send(_CALLS, 1), wire.pids[way]
            wait_for_rest(pid)
            before = cpu_seconds(pid)
            await send(2 * _CALLS, _UNDER_WAY)
            wait_for_rest(pid)
            used = cpu_seconds(pid) - before
            if round_ >= _WARM_UP:
                found[way].note(took)
                found[way].cpu += used
                found[way].asked += 2 * _CALLS
        step()
    return found


async def _answer_size(channel: grpc.aio.Channel) -> int:
    ask: Any = channel.unary_unary(floor.DECIDE)
    sizes = []
    for request in floor.questions():
        answer = await ask(request)
        _check(DecideResponse.FromString(answer))
        sizes.append(len(answer))
    return int(median(sizes))


def _check(decision: DecideResponse) -> None:
    placed = decision.placements[0]
    if placed.fallback or len(placed.offers) != workloads.SLOTS or decision.degraded:
        raise SystemExit(f"not a full decision: {decision}")


def _unary(channel: grpc.aio.Channel, method: str) -> Send:
    ask: Any = channel.unary_unary(method)
    requests = cycle(floor.questions())

    async def send(calls: int, under_way: int) -> list[float]:
        took: list[float] = []

        async def some() -> None:
            for _ in range(calls // under_way):
                request = next(requests)
                begun = time.perf_counter()
                await ask(request)
                took.append(time.perf_counter() - begun)

        await asyncio.gather(*(some() for _ in range(under_way)))
        return took

    return send


def _streaming(channel: grpc.aio.Channel) -> Send:
    customers, ids = cycle(floor.questions()), count()

    def message() -> bytes:
        question = DecideRequest.FromString(next(customers))
        question.request_id = f"q{next(ids)}"
        return DecideStreamRequest(request=question).SerializeToString()

    async def send(calls: int, under_way: int) -> list[float]:
        messages = [message() for _ in range(calls)]
        open_: Any = channel.stream_stream(STREAM)
        stream, took = open_(), []
        await stream.write(message())
        answer = DecideStreamResponse.FromString(await stream.read())
        _check(answer.response)
        for first in messages[: under_way - 1]:
            await stream.write(first)
        for asked in messages[under_way - 1 :]:
            begun = time.perf_counter()
            await stream.write(asked)
            await stream.read()
            took.append(time.perf_counter() - begun)
        for _ in messages[: under_way - 1]:
            await stream.read()
        await stream.done_writing()
        await stream.read()
        return took

    return send


def outcomes(found: dict[str, Samples]) -> list[Outcome]:
    """The lines of the table."""
    bare, decide, stream = (found[way] for way in WAYS)
    per_cpu = {way: samples.asked / samples.cpu for way, samples in found.items()}
    unary = f"Decide, {ACTIONS} × {ACTIONS}, {workloads.SLOTS} offers, asyncio client"
    capacity = "capacity of a process, against the unary echo"
    how = "questions a CPU second of the server, 16 under way"
    return [
        at_most(f"{unary}: p50 / echo", ratio(decide.p50, bare.p50), 1.20),
        at_most(f"{unary}: p99 / echo", ratio(decide.p99, bare.p99), 1.5),
        at_most("DecideStream: p50 / unary echo", ratio(stream.p50, bare.p50), 0.80),
        at_least(f"{capacity}: Decide", per_cpu["decide"] / per_cpu["echo"], 0.65, remark=how),
        at_least(f"{capacity}: DecideStream", per_cpu["stream"] / per_cpu["echo"], 1.2, remark=how),
    ]


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of each round's ratio."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def run(rounds: int, step: Callable[[], None]) -> dict[str, Samples]:
    """`measure` on a loop of its own."""
    return uvloop.run(measure(rounds, step))
