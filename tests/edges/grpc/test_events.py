"""RecordEvents: each event by itself; a bad one is rejected with its reason and holds up no other."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from engine.model import IncomingResponse, Interaction
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.event_pb2 import Event, EventResult, RecordEventsRequest
from engine.wire.event_pb2_grpc import EventServiceStub
from engine.wire.value_pb2 import AttributeValue
from tests.edges.grpc.conftest import Service, running
from tests.edges.grpc.memory import NOW, MemoryEngine
from tests.edges.grpc.test_hostile import details

ACCEPTED, DUPLICATE, REJECTED = (
    EventResult.STATUS_ACCEPTED,
    EventResult.STATUS_DUPLICATE,
    EventResult.STATUS_REJECTED,
)
DAY = 86_400_000_000


def visit(event_id: str = "e1", **more: object) -> Event:
    fields: dict[str, object] = {"customer_id": "anna", "interaction": {"type": "visit"}}
    return Event(event_id=event_id, **(fields | more))  # type: ignore[arg-type]  # fields by name


def at(micros: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMicroseconds(micros)
    return stamp


async def record(service: Service, *events: Event) -> list[EventResult]:
    answer = await EventServiceStub(service.channel).RecordEvents(
        RecordEventsRequest(events=events), timeout=10
    )
    assert [r.event_id for r in answer.results] == [e.event_id for e in events]
    return list(answer.results)


async def test_good_and_bad_and_known_events_side_by_side(service: Service) -> None:
    results = await record(
        service, visit("e1"), visit(""), visit("e2", customer_id=""), visit("e1"), visit("e3")
    )
    assert [r.status for r in results] == [ACCEPTED, REJECTED, REJECTED, DUPLICATE, ACCEPTED]
    assert [r.reason for r in results] == [
        "",
        "event_id: must not be empty",
        "customer_id: must not be empty",
        "",
        "",
    ]
    assert set(service.engine.events) == {"e1", "e3"}


async def test_no_event_passes_for_one_of_a_triggers(service: Service) -> None:
    results = await record(
        service,
        visit("trigger:every_ping:x2-a"),
        visit("e1", interaction={"type": "trigger:rested"}),
        visit("trigger"),
    )
    assert [r.status for r in results] == [REJECTED, REJECTED, ACCEPTED]
    own = "must not begin with 'trigger:': such names are the engine's own"
    assert [r.reason for r in results] == [f"event_id: {own}", f"interaction.type: {own}", ""]
    assert set(service.engine.events) == {"trigger"}


async def test_an_interaction_reaches_the_engine_typed(service: Service) -> None:
    event = visit(
        time=at(NOW - 5),
        interaction={
            "type": "payment_late",
            "channel": "app",
            "attributes": {
                "customer.churn_score": AttributeValue(int_value=1),
                "amount": AttributeValue(double_value=29.5),
                "since": AttributeValue(timestamp_value=at(NOW)),
                "note": AttributeValue(),
            },
        },
    )
    await record(service, event)
    incoming = service.engine.events["e1"]  # type: ignore[index]  # an id
    assert (incoming.customer_id, incoming.time) == ("anna", NOW - 5)
    assert incoming.body == Interaction(
        "payment_late",
        "app",
        {"customer.churn_score": 1.0, "amount": 29.5, "since": NOW, "note": None},
    )


async def test_a_response_is_joined_by_its_token(service: Service) -> None:
    decision = await DecisionServiceStub(service.channel).Decide(
        DecideRequest(customer_id="anna", placements=["web.banner"]), timeout=10
    )
    response = {"action_id": "a2", "token": decision.token, "outcome": "accept", "value": 4.99}
    results = await record(
        service,
        visit("e1", interaction=None, response=response),
        visit("e2", interaction=None, response=response, customer_id="berta"),
        visit("e3", interaction=None, response=response | {"action_id": "a9"}),
    )
    assert [r.status for r in results] == [ACCEPTED, REJECTED, REJECTED]
    assert "another customer" in results[1].reason
    assert "'a9' was not offered" in results[2].reason
    [touch] = service.engine.customers["anna"].touches  # type: ignore[index]  # an id
    assert touch.outcomes == {"accept": (NOW, 4.99)}


async def test_a_response_by_decision_id_reaches_the_engine_as_it_is(service: Service) -> None:
    response = {"action_id": "a2", "decision_id": "d7", "outcome": "click"}
    await record(service, visit(interaction=None, response=response))
    assert service.engine.events["e1"].body == IncomingResponse("a2", b"", "d7", "click", 0.0)  # type: ignore[index, arg-type]  # ids


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"decision_id": "d", "outcome": "click"}, "response.action_id: must not be empty"),
        ({"decision_id": "d", "action_id": "a"}, "response.outcome: must not be empty"),
        (
            {"action_id": "a", "outcome": "click"},
            "response.token: must not be empty, unless decision_id is given",
        ),
        (
            {"action_id": "a", "outcome": "click", "decision_id": "d", "value": float("nan")},
            "response.value: must be a finite number, not nan",
        ),
        (
            {"outcome": "cli\tck", "decision_id": "d\0"},
            "response.action_id: must not be empty; response.outcome: must not hold control"
            " characters; response.decision_id: must not hold control characters",
        ),
    ],
)
async def test_a_response_says_what_it_lacks(
    service: Service, response: dict[str, object], reason: str
) -> None:
    [result] = await record(service, visit(interaction=None, response=response))
    assert (result.status, result.reason) == (REJECTED, reason)


async def test_an_event_must_be_of_a_kind(service: Service) -> None:
    [result] = await record(service, Event(event_id="e1", customer_id="anna"))
    assert result.reason == "kind: must be an interaction or a response"


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (NOW, ""),
        (NOW - 7 * DAY, ""),
        (
            NOW - 7 * DAY - 1,
            "time: too old: older than the 7 days in which duplicates are recognised",
        ),
        (NOW + 300_000_000, ""),
        (NOW + 300_000_001, "time: more than 5 minutes ahead of the server's clock"),
    ],
)
async def test_time_is_bounded_both_ways(service: Service, time: int, reason: str) -> None:
    [result] = await record(service, visit(time=at(time)))
    assert result.reason == reason


async def test_a_time_that_is_none_is_rejected(service: Service) -> None:
    [result] = await record(service, visit(time=Timestamp(seconds=1 << 61)))
    assert "years 1 to 9999" in result.reason


async def test_without_a_time_it_happened_now(service: Service) -> None:
    await record(service, visit())
    assert service.engine.events["e1"].time == NOW  # type: ignore[index]  # an id


async def test_a_batch_is_bounded_and_may_be_empty(service: Service) -> None:
    assert await record(service) == []
    assert len(await record(service, *(visit(f"e{i}") for i in range(1_000)))) == 1_000
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await record(service, *(visit(f"f{i}") for i in range(1_001)))
    assert details(caught.value) == {"events": "has 1,001 events; send at most 1,000 a call"}


@pytest.mark.usefixtures("transport")
async def test_events_need_no_rule_book() -> None:
    async with running(MemoryEngine(book=None)) as service:
        [result] = await record(service, visit())
    assert result.status == ACCEPTED


async def test_events_are_counted_by_what_became_of_them(service: Service) -> None:
    await record(service, visit("e1"), visit("e1"), visit(""))
    counted = {
        sample.labels["status"]: sample.value
        for metric in service.metrics.collect()
        for sample in metric.samples
        if sample.name == "attune_events_total"
    }
    assert counted == {"accepted": 1, "duplicate": 1, "rejected": 1}
