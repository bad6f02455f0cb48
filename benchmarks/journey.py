"""From a response on one server to a changed propensity on another, over a real Kafka, Redis and worker.

    python -m benchmarks.journey [--samples 200] [--format json]

Each sample tells one server over gRPC that somebody accepted an offer, and asks the other for the same
decision again and again until its propensity is another. Quoted are milliseconds: `accepted` until the first
server has said that it is durable, `learned` from then until the other server decides by it. Workers
publish what they have learned at most every `weights_every_ms`: every second response comes once nothing
has been learned for so long (`at_rest`), the others at a moment by chance within that time.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import track

from benchmarks.stream import running
from engine.edges.stream.learning import EVERY
from engine.wire.customer_pb2 import PutCustomersRequest
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.event_pb2 import Event, EventResult, RecordEventsRequest, Response
from tests.cluster.load import profile
from tests.cluster.workers import cluster_on, follows
from tests.rulebook.builders import files
from tests.service import Service, serving
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

_OUTCOMES: Final = {"outcomes": {"impression": 0, "accept": 1}}
_WATCHED: Final = "watched"
_PATIENCE: Final = 60.0
_AGAIN: Final = 0.002


class Sample(NamedTuple):
    """Seconds until the response was accepted, and from then until another server has learned of it.

    `at_rest` says that nothing had been learned for as long as workers wait between two publications.
    """

    accepted: float
    learned: float
    at_rest: bool


def main() -> None:
    """Starts brokers, a worker and two servers of its own, measures, prints."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        kafka, redis = Kafka(Path(scratch) / "kafka"), Redis(Path(scratch) / "redis")
        with running(kafka), running(redis):
            samples = asyncio.run(measure(kafka, redis, Path(scratch), arguments.samples))
    measured = summary(samples)
    if arguments.format == "json":
        print(json.dumps(measured))
        return
    Console().print(
        f"{len(samples)} responses to one server, each durable after {measured['accepted_p50_ms']:.0f} ms"
        f" (p99 {measured['accepted_p99_ms']:.0f}): another server decides by it"
        f" {measured['learned_at_rest_p50_ms']:.0f} ms later at rest"
        f" (p99 {measured['learned_at_rest_p99_ms']:.0f}), {measured['learned_p50_ms']:.0f} ms while others"
        f" are learned (p99 {measured['learned_p99_ms']:.0f});"
        f" weights are published at most every {measured['weights_every_ms']:.0f} ms",
        highlight=False,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser.parse_args()


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """The median and the 99th percentile of each, in milliseconds."""
    took = {
        "accepted": [sample.accepted for sample in samples],
        "learned": [sample.learned for sample in samples if not sample.at_rest],
        "learned_at_rest": [sample.learned for sample in samples if sample.at_rest],
    }
    measured: dict[str, float] = {"samples": len(samples), "weights_every_ms": EVERY * 1e3}
    for name, seconds in took.items():
        seconds.sort()
        measured[f"{name}_p50_ms"] = seconds[len(seconds) // 2] * 1e3
        measured[f"{name}_p99_ms"] = seconds[int(len(seconds) * 0.99)] * 1e3
    return measured


async def measure(kafka: Kafka, redis: Redis, scratch: Path, samples: int) -> list[Sample]:
    """So many samples, one after the other; one more warms up and does not count."""
    for name, text in files(policies=_OUTCOMES).items():
        (scratch / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / "rules" / name).write_bytes(text)
    async with cluster_on(kafka, redis) as cluster:
        await asyncio.to_thread(follows, cluster.worker())
        words = ["--stream", f"kafka://{kafka.bootstrap}", "--state", redis.url]
        words += ["--name", cluster.topics.installation]
        with ExitStack() as stack:
            one, other = [
                stack.enter_context(serving(scratch / "rules", scratch / name, *words))
                for name in ("one", "other")
            ]
            everybody = [profile(f"c{n}", 0) for n in range(samples + 1)] + [profile(_WATCHED, 0)]
            one.customers.PutCustomers(PutCustomersRequest(customers=everybody))
            await cluster.settled()
            return await asyncio.to_thread(_samples, one, other, samples)


def _samples(one: Service, other: Service, samples: int) -> list[Sample]:
    names = track(range(samples + 1), "measuring", console=Console(stderr=True))
    return [_sample(one, other, f"c{n}", at_rest=n % 2 == 0) for n in names][1:]


def _sample(one: Service, other: Service, who: str, *, at_rest: bool) -> Sample:
    time.sleep(EVERY if at_rest else random.random() * EVERY)
    before = _propensities(other)
    decision = _decided(one, who, dry_run=False)
    said = Event(event_id=f"accepted by {who}", customer_id=who)
    said.response.CopyFrom(
        Response(
            action_id=decision.placements[0].offers[0].action_id,
            token=decision.token,
            outcome="accept",
        )
    )
    said.time.FromMicroseconds(time.time_ns() // 1_000)
    begun = time.perf_counter()
    answer = one.events.RecordEvents(RecordEventsRequest(events=[said]))
    accepted = time.perf_counter()
    if answer.results[0].status != EventResult.STATUS_ACCEPTED:
        raise SystemExit(f"not accepted: {answer}")
    while _propensities(other) == before:
        if time.perf_counter() - accepted > _PATIENCE:
            raise SystemExit("the other server has not learned of it")
        time.sleep(_AGAIN)
    return Sample(accepted - begun, time.perf_counter() - accepted, at_rest)


def _propensities(server: Service) -> dict[str, float]:
    """Of each action, to somebody nothing happens to."""
    offers = _decided(server, _WATCHED, dry_run=True).placements[0].offers
    return {offer.action_id: offer.propensity for offer in offers}


def _decided(server: Service, who: str, *, dry_run: bool) -> DecideResponse:
    asked = DecideRequest(customer_id=who, channel="web", placements=["web.hero"], dry_run=dry_run)
    decision: DecideResponse = server.decisions.Decide(asked, timeout=_PATIENCE)
    if decision.placements[0].fallback or decision.degraded:
        raise SystemExit(f"not a full decision: {decision}")
    return decision


if __name__ == "__main__":
    main()
