"""One client process: sends its share of the load on time, and tells every second how it goes.

    python -m engine.bench.client PARENT PART < plan

It is started by `engine.bench.run`, which writes the plan to its standard input, one line of JSON, waits
until it says it is ready, and writes the moment to begin (of the monotonic clock all processes share).
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import uvloop

from engine.bench.alarm import Alarm
from engine.bench.arrivals import schedule
from engine.bench.calls import Calls, Refused, calling
from engine.bench.plan import Plan
from engine.bench.tally import Tally
from engine.bench.traffic import Traffic, fits
from engine.running.parent import end_with
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.event_pb2 import EventResult
from engine.wire.event_pb2_grpc import EventServiceStub

if TYPE_CHECKING:  # the stubs alone know the asyncio kind
    from engine.wire.event_pb2_grpc import EventServiceAsyncStub

_TICK: Final = 1.0
_PATIENCE: Final = 10.0  # seconds a service may take to answer a connection
_RECORDING: Final = 10.0  # seconds a response may take to be kept

Tell = Callable[[dict[str, Any]], None]


class Client:
    """Asks and responds; `tally` holds what was counted since it was last taken."""

    def __init__(self, calls: Calls, events: "EventServiceAsyncStub", traffic: Traffic) -> None:
        self._calls = calls
        self._events = events
        self._traffic = traffic
        self._tally = Tally()
        self._uncounted = Tally()

    def take(self) -> Tally:
        """What was counted since the last time."""
        taken, self._tally = self._tally, Tally()
        return taken

    async def visit(self, intended: float, *, counted: bool) -> None:
        """Asks one question, and responds to its answer.

        `intended` is when it was meant to be asked, in `time.monotonic()`.
        """
        question = self._traffic.question()
        self._now(counted).sent(time.monotonic() - intended)
        try:
            answer = await self._calls.ask(question)
        except Refused as refused:
            self._now(counted).failed("Decide", refused.status)
            return
        waited = time.monotonic() - intended
        if not fits(question, answer):
            self._now(counted).failed("Decide", "WRONG_ANSWER")
            return
        self._now(counted).answered(answer, waited)
        await self._respond(question, answer, counted)

    async def _respond(
        self, question: DecideRequest, answer: DecideResponse, counted: bool
    ) -> None:
        events = self._traffic.response(question.customer_id, answer)
        if events is None:
            return
        begun = time.monotonic()
        try:
            kept = await self._events.RecordEvents(events, timeout=_RECORDING)
        except grpc.aio.AioRpcError as error:
            self._now(counted).failed("RecordEvents", error.code().name)
            return
        if any(result.status == EventResult.STATUS_REJECTED for result in kept.results):
            self._now(counted).failed("RecordEvents", "REJECTED")
            return
        self._now(counted).recorded.note(time.monotonic() - begun)

    def _now(self, counted: bool) -> Tally:
        return self._tally if counted else self._uncounted


async def drive(client: Client, plan: Plan, part: int, begin: float) -> None:
    """Sends the questions of this part from `begin` (monotonic) on, and waits until all are answered."""
    visits: set[asyncio.Task[None]] = set()
    with Alarm() as alarm:
        for moment in schedule(plan, part):
            await alarm.until(begin + moment)
            visit = asyncio.create_task(
                client.visit(begin + moment, counted=moment >= plan.warm_up)
            )
            visits.add(visit)
            visit.add_done_callback(visits.discard)
    await asyncio.gather(*visits)


async def run(plan: Plan, part: int, begin: Callable[[], float], tell: Tell) -> None:
    """Connects, says so, waits for the moment to begin, drives, tells."""
    chance = random.Random(f"{plan.seed} {part} traffic")  # noqa: S311  # a sample, no secret
    name = f"bench-{chance.getrandbits(32):08x}-{time.time_ns():x}-{part}"
    async with _channel(plan) as channel:
        try:
            await asyncio.wait_for(channel.channel_ready(), _PATIENCE)
        except TimeoutError:
            sys.exit(f"nothing answers at {plan.server} within {_PATIENCE:g} seconds")
        async with calling(channel, plan, name) as calls:
            client = Client(calls, EventServiceStub(channel), Traffic(plan, chance))
            tell({"ready": True})
            start = await asyncio.to_thread(begin)
            driving = asyncio.create_task(drive(client, plan, part, start))
            await asyncio.sleep(max(start + plan.warm_up - time.monotonic(), 0))
            wall, busy = time.monotonic(), time.process_time()
            while not driving.done():
                await asyncio.wait({driving}, timeout=_TICK)
                tell({"tally": client.take().to_dict()})
            await driving
            share = (time.process_time() - busy) / (time.monotonic() - wall)
            tell({"tally": client.take().to_dict(), "busy": share})


def _channel(plan: Plan) -> grpc.aio.Channel:
    options = [("grpc.use_local_subchannel_pool", 1)]
    if plan.tls_ca is None:
        return grpc.aio.insecure_channel(plan.server, options=options)
    trusted = grpc.ssl_channel_credentials(Path(plan.tls_ca).read_bytes())
    return grpc.aio.secure_channel(plan.server, trusted, options=options)


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Reads the plan and runs."""
    parent, part = map(int, sys.argv[1:])
    end_with(parent)
    plan = Plan.from_dict(json.loads(sys.stdin.readline()))
    uvloop.run(run(plan, part, lambda: float(sys.stdin.readline()), _tell))


if __name__ == "__main__":
    main()
