"""Responses for load: decisions are asked for, and each of their offers is seen or accepted."""

import random
from collections.abc import Iterator
from typing import Final

import grpc

from benchmarks import workloads
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.event_pb2 import Event, RecordEventsRequest, Response

BATCH: Final = 50


def responses(channel: grpc.Channel, count: int, customers: int) -> Iterator[RecordEventsRequest]:
    """What so many `customers` did in turn, in batches of `BATCH`, at least `count` events in all."""
    decide, chance = DecisionServiceStub(channel).Decide, random.Random(1)
    events: list[Event] = []
    asked = made = 0
    while made < count:
        customer = f"customer-{asked % customers}"
        asked += 1
        answer = decide(
            DecideRequest(customer_id=customer, channel="web", placements=[workloads.PLACEMENT])
        )
        events += _seen(customer, answer, chance)
        while len(events) >= BATCH:
            made += BATCH
            yield RecordEventsRequest(events=events[:BATCH])
            del events[:BATCH]


def _seen(customer: str, answer: DecideResponse, chance: random.Random) -> Iterator[Event]:
    for offer in answer.placements[0].offers:
        outcome = "accept" if chance.random() < 0.1 else "impression"
        response = Response(action_id=offer.action_id, token=answer.token, outcome=outcome)
        yield Event(
            event_id=f"{answer.decision_id}:{offer.action_id}",
            customer_id=customer,
            response=response,
        )
