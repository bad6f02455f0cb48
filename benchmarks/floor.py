"""A decision against the floor: `Decide` and a bare gRPC echo of the same sizes, interleaved, one run.

    python -m benchmarks.floor [--actions 200] [--rounds 40] [--calls 200] [--client aio]
        [--transport grpcio] [--cores apart|together] [--cluster read|copy] [--format json]

With `--cluster` the service is a server of a cluster, on brokers of its own: each decision reads its
customer from Redis (`read`), or goes by a copy at most a minute old (`copy`). Both servers are processes of their own on loopback, the echo always by grpc.aio; one client, of grpc's blocking or its asyncio
kind, calls them in turn, one call at a time. Quoted are medians over rounds of each round's
percentiles: ratios hold where times do not. They do depend on where the scheduler puts client and
server: `--cores apart` pins them to two cores, `together` to one (Linux).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple, Protocol

import grpc
import uvloop
from rich.console import Console
from rich.progress import track

from benchmarks import echo, workloads
from benchmarks.clustered import clustered, wait_for
from benchmarks.targets.process import wait_for_rest
from engine.wire import customer_pb2_grpc
from engine.wire.customer_pb2 import PutCustomersRequest
from engine.wire.decision_pb2 import DecideRequest, DecideResponse

CUSTOMERS: Final = 500
COPIES: Final = {"read": 0.0, "copy": 60.0}
"""How old a customer may be that a server of a cluster decides by, in seconds."""

SERVE: Final = ("engine", "serve")
"""What is run as the service, with its options behind it."""

DECIDE: Final = "/attune.v1.DecisionService/Decide"


class Round(NamedTuple):
    """Percentiles of one round of calls, in seconds."""

    p50: float
    p99: float


class Client(Protocol):
    """Calls methods of one server, one call at a time."""

    def ask(self, method: str, request: bytes) -> bytes:
        """The answer."""

    def took(self, method: str, requests: list[bytes], calls: int) -> list[float]:
        """Seconds each of so many calls took."""


class Blocking:
    """grpc's blocking client."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)

    def ask(self, method: str, request: bytes) -> bytes:
        return self._call(method)(request)

    def _call(self, method: str) -> Callable[[bytes], bytes]:
        call: Callable[[bytes], bytes] = self._channel.unary_unary(method)  # type: ignore[assignment]  # raw bytes
        return call

    def took(self, method: str, requests: list[bytes], calls: int) -> list[float]:
        call, took = self._call(method), []
        for at in range(calls):
            request = requests[at % len(requests)]
            begun = time.perf_counter()
            call(request)
            took.append(time.perf_counter() - begun)
        return took


class Asyncio:
    """grpc's asyncio client, on uvloop."""

    _runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def __init__(self, address: str) -> None:
        self._channel = self._runner.run(self._open(address))

    async def _open(self, address: str) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(address)

    def ask(self, method: str, request: bytes) -> bytes:
        return self._runner.run(self._ask(method, request))

    async def _ask(self, method: str, request: bytes) -> bytes:
        return await self._call(method)(request)

    def _call(self, method: str) -> Callable[[bytes], Awaitable[bytes]]:
        call: Callable[[bytes], Awaitable[bytes]] = self._channel.unary_unary(method)  # type: ignore[assignment]  # raw bytes
        return call

    def took(self, method: str, requests: list[bytes], calls: int) -> list[float]:
        return self._runner.run(self._took(method, requests, calls))

    async def _took(self, method: str, requests: list[bytes], calls: int) -> list[float]:
        call, took = self._call(method), []
        for at in range(calls):
            request = requests[at % len(requests)]
            begun = time.perf_counter()
            await call(request)
            took.append(time.perf_counter() - begun)
        return took


CLIENTS: Final[dict[str, type[Blocking] | type[Asyncio]]] = {"sync": Blocking, "aio": Asyncio}


def measure(
    actions: int,
    rounds: int,
    calls: int,
    client: str = "sync",
    transport: str = "http2",
    *,
    cluster: str = "",
    cores: str = "any",
    quiet: bool = False,
) -> dict[str, float | str]:
    """Percentiles of both in milliseconds, and their ratios; the decisions are real and all checked."""
    for_servers, for_client = _places(cores)
    with (
        pinned(for_client),
        tempfile.TemporaryDirectory() as scratch,
        _installation(Path(scratch), cluster) as options,
        attune(
            workloads.write_book(Path(scratch) / "book", actions),
            Path(scratch) / "data",
            ["--transport", transport, *options],
            for_servers,
        ) as service,
    ):
        requests = questions()
        decider = CLIENTS[client](service.address)
        sizes = [len(_answered(decider, request)) for request in requests]
        with server(["benchmarks.echo", int(median(sizes))], for_servers) as floor:
            echoer = CLIENTS[client](floor.address)
            pairs = []
            for _ in track(
                range(rounds + 2), "measuring", console=Console(stderr=True), disable=quiet
            ):
                wait_for_rest(service.pid)
                bare = _round(echoer, echo.METHOD, requests, calls)
                pairs.append((bare, _round(decider, DECIDE, requests, calls)))
    floors, decisions = zip(*pairs[2:], strict=True)  # the first two rounds warm up
    return {
        "client": client,
        "transport": transport,
        "cores": cores,
        "cluster": cluster,
        "actions": actions,
        "request_bytes": median(map(len, requests)),
        "answer_bytes": median(sizes),
        "echo_p50_ms": median(r.p50 for r in floors) * 1e3,
        "echo_p99_ms": median(r.p99 for r in floors) * 1e3,
        "decide_p50_ms": median(r.p50 for r in decisions) * 1e3,
        "decide_p99_ms": median(r.p99 for r in decisions) * 1e3,
        "ratio_p50": median(d.p50 / f.p50 for f, d in pairs[2:]),
        "ratio_p99": median(d.p99 / f.p99 for f, d in pairs[2:]),
    }


def _places(cores: str) -> tuple[set[int], set[int]]:
    """Where servers run, and where the client."""
    every = os.sched_getaffinity(0)
    match cores:
        case "apart":
            return {min(every)}, {max(every)}
        case "together":
            return {min(every)}, {min(every)}
        case _:
            return every, every


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Runs this thread, and the threads and processes it starts, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _round(client: Client, method: str, requests: list[bytes], calls: int) -> Round:
    took = sorted(client.took(method, requests, calls))
    return Round(took[len(took) // 2], took[int(len(took) * 0.99)])


def questions() -> list[bytes]:
    """What each customer asks, serialized."""
    return [
        DecideRequest(
            customer_id=customer.customer_id, channel="web", placements=[workloads.PLACEMENT]
        ).SerializeToString()
        for customer in workloads.customers(CUSTOMERS)
    ]


def _answered(client: Client, request: bytes) -> bytes:
    answer = client.ask(DECIDE, request)
    decision = DecideResponse.FromString(answer)
    placed = decision.placements[0]
    if placed.fallback or len(placed.offers) != workloads.SLOTS or decision.degraded:
        raise SystemExit(f"not a full decision: {decision}")
    return answer


@contextmanager
def _installation(scratch: Path, cluster: str) -> Iterator[list[object]]:
    """The options that say where the service keeps what."""
    if not cluster:
        yield []
        return
    with clustered(scratch, COPIES[cluster]) as options:
        yield options


@contextmanager
def attune(
    book: Path,
    data: Path,
    options: Sequence[object] = (),
    cores: set[int] | None = None,
    serve: Sequence[object] = SERVE,
) -> Iterator["Server"]:
    """A service whose customers are in; `options` are more for `attune serve`, or what is run for it."""
    command = [*serve, "--rules", book, "--data", data, *options]
    with server([*command, "--listen", "127.0.0.1:0"], cores) as service:
        with grpc.insecure_channel(service.address) as channel:
            put = customer_pb2_grpc.CustomerServiceStub(channel).PutCustomers
            everybody = list(workloads.customers(CUSTOMERS))
            for first in range(0, CUSTOMERS, 100):  # 256 KiB a message
                put(PutCustomersRequest(customers=everybody[first : first + 100]))
            wait_for(channel, [customer.customer_id for customer in everybody])
        yield service


class Server(NamedTuple):
    """A server that runs in a process of its own."""

    address: str
    pid: int


@contextmanager
def server(module_and_arguments: list[object], cores: set[int] | None = None) -> Iterator[Server]:
    """A server run until the end, on these cores; its first line ends with, or names, its port."""
    command = [sys.executable, "-m", *map(str, module_and_arguments)]
    with pinned(cores or os.sched_getaffinity(0)):
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    with process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            words = [word.rpartition(":")[2].strip("(,") for word in line.split()]
            port = next((word for word in words if word.isdigit()), None)
            if port is None:
                raise SystemExit(f"{' '.join(command)} did not start: {line}")
            yield Server(f"127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--actions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--client", choices=list(CLIENTS), default="sync")
    parser.add_argument("--transport", choices=["http2", "grpcio"], default="http2")
    parser.add_argument("--cores", choices=["any", "apart", "together"], default="any")
    parser.add_argument("--cluster", choices=list(COPIES), default="")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    options = parser.parse_args()
    figures = measure(
        options.actions,
        options.rounds,
        options.calls,
        options.client,
        options.transport,
        cluster=options.cluster,
        cores=options.cores,
    )
    if options.format == "json":
        print(json.dumps(figures))
        return
    print(f"{'':24}{'p50 ms':>10}{'p99 ms':>10}")
    for name in ("echo", "decide"):
        print(f"{name:24}{figures[f'{name}_p50_ms']:10.3f}{figures[f'{name}_p99_ms']:10.3f}")
    print(f"{'decide / echo':24}{figures['ratio_p50']:10.2f}{figures['ratio_p99']:10.2f}")


if __name__ == "__main__":
    main()
