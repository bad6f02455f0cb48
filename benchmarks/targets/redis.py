"""The wire once more, by a server of a cluster: every decision waits for Redis to say who the customer is now."""

import tempfile
import time
from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop

from benchmarks import floor
from benchmarks.clustered import clustered
from benchmarks.targets import wire
from benchmarks.targets.target import Outcome, at_most
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Change, RedisCustomers
from engine.model import CustomerId, ProfileUpdate
from engine.topology import apply
from engine.wire.decision_pb2 import DecideRequest
from tools.brokers.install import NotInstalled

_UNARY: Final = "Decide with the profile in Redis: p50 / echo"
_STREAM: Final = "DecideStream with the profile in Redis: p50 / unary echo"
_CHANGED: Final = "changed"
_CHANGES: Final = 20


def outcomes(rounds: int, step: Callable[[], None]) -> list[Outcome]:
    """The lines of the table; without Redis and Kafka they say how to get them."""
    try:
        found = _run(rounds, step)
    except NotInstalled as absent:
        return [
            Outcome(_UNARY, "≤ 1.35 ×", remark=f"not measured: {absent}"),
            Outcome(_STREAM, "≤ 0.95 ×", remark=f"not measured: {absent}"),
        ]
    bare = found["echo"]
    changed = wire.ratio(found[_CHANGED].p50, bare.p50)
    return [
        at_most(_UNARY, wire.ratio(found["decide"].p50, bare.p50), 1.35),
        at_most(_STREAM, wire.ratio(found["stream"].p50, bare.p50), 0.95),
        Outcome(
            f"{_UNARY}, each customer changed since they were last asked for",
            "",
            f"{changed:.2f} ×",
            figure=changed,
        ),
    ]


def _run(rounds: int, step: Callable[[], None]) -> dict[str, wire.Samples]:
    with (
        tempfile.TemporaryDirectory() as scratch,
        clustered(Path(scratch), floor.COPIES["read"]) as options,
    ):
        return uvloop.run(_measure(rounds, step, options))


async def _measure(
    rounds: int, step: Callable[[], None], options: list[object]
) -> dict[str, wire.Samples]:
    connection = await Connection.open(RedisAddress.parse(str(options[-1])))
    customers = RedisCustomers(connection, lambda: time.time_ns() // 1_000)
    try:
        return await wire.measure(
            rounds, step, options, lambda channel: {_CHANGED: _changing(channel, customers)}
        )
    finally:
        await connection.close()


def _changing(channel: grpc.aio.Channel, customers: RedisCustomers) -> wire.Send:
    """Asks for customers each of whom has just changed; a few are enough, since changing them takes longer."""
    ask: Any = channel.unary_unary(floor.DECIDE)
    requests, numbers = cycle(floor.questions()), count()

    async def send(calls: int, under_way: int) -> list[float]:
        took: list[float] = []
        for _ in range(min(calls, _CHANGES)):
            request = next(requests)
            await _change(customers, DecideRequest.FromString(request).customer_id, next(numbers))
            begun = time.perf_counter()
            await ask(request)
            took.append(time.perf_counter() - begun)
        return took

    return send


async def _change(customers: RedisCustomers, name: str, number: int) -> None:
    """Writes what a worker writes of an event; nobody else does meanwhile."""
    held = await customers.read(CustomerId(name))
    customer = held.customer
    values = {"usage.n0": float(number % 100)}
    apply(customer, ProfileUpdate(customer.customer_id, customer.updated_at + 1, values))
    assert await customers.swap(Change(held.mark, customer, []))
