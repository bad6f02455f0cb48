"""Minutes of mixed traffic against a real service, by either transport: no call may fail."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import grpc
import pytest

from engine.demo.client import Client
from engine.demo.population import population
from engine.rulebook.load import load
from engine.wire.decision_pb2 import DecideRequest, DecideStreamRequest, DecideStreamResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.event_pb2 import Event, EventResult, RecordEventsRequest, Response
from engine.wire.event_pb2_grpc import EventServiceStub
from tests.service import serving

RULES = Path(__file__).parents[3] / "rules" / "telecom"
CALLERS, CALLS, CUSTOMERS, PER_STREAM = 8, 6_000, 2_000, 50
NOW = 1_790_000_000_000_000


class Caller:
    """One client after the other: it connects anew now and then, and goes away in the middle of calls."""

    def __init__(self, address: str, seed: int) -> None:
        self.seen: Counter[str] = Counter()
        self._address = address
        self._random = random.Random(seed)
        self._events = 0
        self._name = f"caller-{seed}"

    async def call(self, times: int) -> None:
        """So many calls, 500 on each connection; an error ends it."""
        for first in range(0, times, 500):
            async with grpc.aio.insecure_channel(self._address) as channel:
                for at in range(first, min(first + 500, times)):
                    if at % 100 == 0:
                        await self._converse(channel)
                    elif at % 50 == 7:
                        await self._walk_away(channel)
                    else:
                        await self._visit(channel)

    def _question(self) -> DecideRequest:
        customer = f"sim-{self._random.randrange(CUSTOMERS):05d}"
        return DecideRequest(customer_id=customer, placements=["web.home_hero"])

    async def _visit(self, channel: grpc.aio.Channel) -> None:
        question = self._question()
        answer = await DecisionServiceStub(channel).Decide(question, timeout=10)
        assert answer.placements[0].offers
        self.seen["decided"] += 1
        if answer.placements[0].fallback or self._random.random() < 0.7:
            return
        self._events += 1
        action = answer.placements[0].offers[0].action_id
        event = Event(
            event_id=f"{self._name}-{self._events}",
            customer_id=question.customer_id,
            response=Response(action_id=action, token=answer.token, outcome="impression"),
        )
        recorded = await EventServiceStub(channel).RecordEvents(
            RecordEventsRequest(events=[event]), timeout=30
        )
        assert [result.status for result in recorded.results] == [EventResult.STATUS_ACCEPTED]
        self.seen["recorded"] += 1

    async def _walk_away(self, channel: grpc.aio.Channel) -> None:
        call = DecisionServiceStub(channel).Decide(self._question(), timeout=10)
        asyncio.get_running_loop().call_soon(call.cancel)
        try:
            await call
        except asyncio.CancelledError:
            self.seen["cancelled"] += 1

    async def _converse(self, channel: grpc.aio.Channel) -> None:
        stream = DecisionServiceStub(channel).DecideStream(timeout=60)
        for at in range(PER_STREAM):
            question = self._question()
            question.request_id = f"{self._name}-{self._random.random()}"
            await stream.write(DecideStreamRequest(request=question))
            message = await stream.read()
            assert isinstance(message, DecideStreamResponse)
            assert message.response.placements[0].offers, at
            self.seen["streamed"] += 1
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF


@pytest.mark.soak
@pytest.mark.timeout(1_800)
async def test_no_call_fails(tmp_path: Path, transport: str) -> None:
    with serving(RULES, tmp_path, "--transport", transport) as service:
        async with grpc.aio.insecure_channel(service.address) as channel:
            await _introduce_everybody(channel)
        callers = [Caller(service.address, seed) for seed in range(CALLERS)]
        await asyncio.gather(*(caller.call(CALLS) for caller in callers))
    seen = sum((caller.seen for caller in callers), Counter[str]())
    asked = CALLERS * CALLS
    assert seen["decided"] == asked - asked // 100 - asked // 50
    assert seen["streamed"] == PER_STREAM * asked // 100
    assert seen["recorded"] > 0
    assert seen["cancelled"] > 0


async def _introduce_everybody(channel: grpc.aio.Channel) -> None:
    book = load(RULES).book
    assert book is not None
    people = population(CUSTOMERS, seed=1, now=NOW)
    await Client(channel, book).put({person.customer_id: person.attributes for person in people})
