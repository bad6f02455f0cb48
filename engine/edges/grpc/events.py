"""EventService: what customers did, taken in by the batch; a bad event holds up no other."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Final, cast

from engine.edges.grpc.admission import (
    Admission,
    Admissions,
    check_id,
    check_own_id,
    interaction_of,
)
from engine.edges.grpc.gate import Gate, Handler
from engine.edges.grpc.port import Engine
from engine.edges.grpc.values import Unfit, micros_of
from engine.errors import InvalidInput, Violation
from engine.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    ActionId,
    CustomerId,
    DecisionId,
    EventId,
    EventResult,
    EventStatus,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    Micros,
)
from engine.settings import Settings
from engine.telemetry import Meter
from engine.wire.event_pb2 import Event, RecordEventsRequest, RecordEventsResponse
from engine.wire.event_pb2 import EventResult as EventResultMessage

SERVICE: Final = "attune.v1.EventService"
BATCH: Final = 1_000

_AT_ONCE: Final = 20  # events read before the loop may turn to waiting decisions


class Events:
    """Takes in events. `now` is the wall clock in microseconds."""

    def __init__(
        self,
        engine: Engine,
        admissions: Admissions,
        settings: Settings,
        gate: Gate,
        meter: Meter,
        now: Callable[[], Micros],
    ) -> None:
        self._engine = engine
        self._admissions = admissions
        self._lateness = round(settings.lateness * SECOND)
        self._ahead = round(settings.ahead * SECOND)
        self._gate = gate
        self._meter = meter
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name, for registration."""
        return {"RecordEvents": self._gate.unary("RecordEvents", RecordEventsRequest, self._record)}

    async def _record(self, request: RecordEventsRequest) -> RecordEventsResponse:
        if len(request.events) > BATCH:
            raise InvalidInput(
                [
                    Violation(
                        "events",
                        f"has {len(request.events):,} events; send at most {BATCH:,} a call",
                    )
                ]
            )
        admission = self._admissions.known()
        read: list[IncomingEvent | EventResult] = []
        for i, event in enumerate(request.events):
            if i % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            read.append(self._read(event, admission))
        valid = [event for event in read if isinstance(event, IncomingEvent)]
        taken = iter(await self._engine.record(valid) if valid else ())
        results = [next(taken) if isinstance(event, IncomingEvent) else event for event in read]
        self._meter.recorded(results)
        return _reply(request.events, results)

    def _read(self, event: Event, admission: Admission | None) -> IncomingEvent | EventResult:
        wrong: list[Violation] = []
        check_own_id(event.event_id, "event_id", wrong)
        check_id(event.customer_id, "customer_id", wrong)
        time = self._time(event, wrong)
        body = _body(event, admission, wrong)
        if wrong or body is None:
            return EventResult(
                EventStatus.REJECTED, "; ".join(f"{field}: {text}" for field, text in wrong[:10])
            )
        return IncomingEvent(EventId(event.event_id), CustomerId(event.customer_id), time, body)

    def _time(self, event: Event, wrong: list[Violation]) -> Micros:
        now = self._now()
        if not event.HasField("time"):
            return now
        try:
            time = micros_of(event.time.seconds, event.time.nanos)
        except Unfit as unfit:
            wrong.append(Violation("time", str(unfit)))
            return now
        if time < now - self._lateness:
            wrong.append(Violation("time", (
                f"too old: older than the {_spoken(self._lateness)} in which duplicates are recognised"
            )))  # fmt: skip
        elif time > now + self._ahead:
            wrong.append(
                Violation("time", f"more than {_spoken(self._ahead)} ahead of the server's clock")
            )
        return time


def _body(
    event: Event, admission: Admission | None, wrong: list[Violation]
) -> Interaction | IncomingResponse | None:
    match event.WhichOneof("kind"):
        case "interaction":
            return interaction_of(event.interaction, admission, "interaction", wrong)
        case "response":
            return _response(event, wrong)
        case _:
            wrong.append(Violation("kind", "must be an interaction or a response"))
            return None


def _response(event: Event, wrong: list[Violation]) -> IncomingResponse:
    response = event.response
    token, decision_id, value = response.token, response.decision_id, response.value
    check_id(response.action_id, "response.action_id", wrong)
    check_id(response.outcome, "response.outcome", wrong)
    if decision_id:
        check_id(decision_id, "response.decision_id", wrong)
    elif not token:
        wrong.append(Violation("response.token", "must not be empty, unless decision_id is given"))
    if not isfinite(value):
        wrong.append(Violation("response.value", f"must be a finite number, not {value}"))
    return IncomingResponse(
        ActionId(response.action_id), token, DecisionId(decision_id), response.outcome, value
    )


def _reply(events: Sequence[Event], results: Sequence[EventResult]) -> RecordEventsResponse:
    return RecordEventsResponse(
        results=[
            EventResultMessage(
                event_id=event.event_id,
                status=cast("EventResultMessage.Status.ValueType", status),
                reason=reason,
            )
            for event, (status, reason) in zip(events, results, strict=True)
        ]
    )


def _spoken(length: Micros) -> str:
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if length >= unit and length % unit == 0:
            return f"{length // unit} {name}"
    return f"{length / SECOND:g} seconds"
