"""Events per worker core: `attune worker` against a Faust agent that does nothing, in turn, in one run.

    python -m benchmarks.stream [--events 10000] [--rounds 5] [--customers 500] [--format json]

The worker is the real one: topology, customers in a real Redis, lessons and weights on a real Kafka, all
on loopback. Each round puts as many events about new customers (of every kind, a tenth of them twice:
`tests.cluster.traffic`) before each of the two while it is stopped, lets it go on, and waits until all is committed, for the
worker also what it taught itself. Quoted are events per second of processor time of the process, which
holds on a machine that others use too, and per second of the clock, as medians over rounds.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import track

from tests.cluster.traffic import Entry, traffic
from tests.cluster.workers import Cluster, cluster_on
from tools.brokers.kafka import Kafka
from tools.brokers.process import Server
from tools.brokers.redis import Redis

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PATIENCE: Final = 300.0


class Took(NamedTuple):
    """What a process took for its events, in seconds: of its own processor time, and of the clock."""

    processor: float
    clock: float


def main() -> None:
    """Starts brokers of its own, measures, prints."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        kafka, redis = Kafka(Path(scratch) / "kafka"), Redis(Path(scratch) / "redis")
        with running(kafka), running(redis):
            measured = asyncio.run(
                measure(kafka, redis, arguments.events, arguments.rounds, arguments.customers)
            )
    if arguments.format == "json":
        print(json.dumps(measured))
        return
    Console().print(
        f"{measured['worker_events_per_cpu_second']:,.0f} events a second of a worker's processor time"
        f" ({measured['worker_us_per_event']:.0f} µs each), a trivial agent"
        f" {measured['trivial_events_per_cpu_second']:,.0f} ({measured['trivial_us_per_event']:.0f} µs):"
        f" {measured['ratio_cpu']:.3f} of it;"
        f" by the clock {measured['worker_events_per_second']:,.0f} and"
        f" {measured['trivial_events_per_second']:,.0f}",
        highlight=False,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--customers", type=int, default=500, help="new ones in each round")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser.parse_args()


async def measure(
    kafka: Kafka, redis: Redis, events: int, rounds: int, customers: int
) -> dict[str, float]:
    """Medians over rounds, the first of which warms up and does not count."""
    async with cluster_on(kafka, redis) as worked, cluster_on(kafka, redis) as passed:
        group = f"{passed.topics.installation}.trivial"
        with trivial(kafka.bootstrap, passed.topics.events, group) as agent:
            worker = worked.worker()
            for started in (worker, agent):
                await asyncio.to_thread(_follows, started)
            pairs = []
            for n in track(range(rounds + 1), "measuring", console=Console(stderr=True)):
                log = traffic(events, n, time.time_ns() // 1_000, customers, n * customers)
                floor = await _took(agent, passed, log, lambda: passed.read_by(group))
                real = await _took(worker, worked, log, worked.settled)
                pairs.append((floor, real))
    floors, reals = zip(*pairs[1:], strict=True)
    return {
        "events_per_round": events,
        "rounds": rounds,
        "customers": customers,
        "worker_us_per_event": median(took.processor for took in reals) / events * 1e6,
        "trivial_us_per_event": median(took.processor for took in floors) / events * 1e6,
        "worker_events_per_cpu_second": events / median(took.processor for took in reals),
        "trivial_events_per_cpu_second": events / median(took.processor for took in floors),
        "ratio_cpu": median(floor.processor / real.processor for floor, real in pairs[1:]),
        "worker_events_per_second": events / median(took.clock for took in reals),
        "trivial_events_per_second": events / median(took.clock for took in floors),
        "ratio_clock": median(floor.clock / real.clock for floor, real in pairs[1:]),
    }


@contextmanager
def trivial(brokers: str, topic: str, group: str) -> Iterator["subprocess.Popen[str]"]:
    """A trivial agent in a process of its own, ended at the end."""
    command = [sys.executable, "-m", "benchmarks.trivial", brokers, topic, group]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


async def _took(
    process: "subprocess.Popen[str]",
    cluster: Cluster,
    log: list[Entry],
    done: Callable[[], Awaitable[None]],
) -> Took:
    """What the process takes for what is put before it while it is stopped."""
    process.send_signal(signal.SIGSTOP)
    await cluster.send(log)
    before = _processor(process.pid)
    begun = time.perf_counter()
    process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(_PATIENCE):
        await done()
    return Took(_processor(process.pid) - before, time.perf_counter() - begun)


def _processor(pid: int) -> float:
    """Seconds of processor time this process has used, its own and the system's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _follows(process: "subprocess.Popen[str]") -> None:
    if process.stdout is None or "follows" not in process.stdout.readline():
        raise SystemExit("it did not start")


@contextmanager
def running(server: Server) -> Iterator[None]:
    """A broker that is stopped at the end."""
    server.start()
    try:
        yield
    finally:
        server.stop()


if __name__ == "__main__":
    main()
