"""Windows over real gRPC: what comes late, twice, out of order or too late, also across a kill -9."""

import time
from pathlib import Path

from engine.wire.decision_pb2 import DecideRequest
from engine.wire.event_pb2 import Event, EventResult, Interaction, RecordEventsRequest
from engine.wire.value_pb2 import AttributeValue
from tests.rulebook.builders import action, files
from tests.service import Service, serving

ACCEPTED = EventResult.STATUS_ACCEPTED
DUPLICATE = EventResult.STATUS_DUPLICATE
REJECTED = EventResult.STATUS_REJECTED
HOUR, DAY = 3_600, 86_400
KEPT = {
    "events.calls_7d": {"type": "int", "from": {"event": "call", "count": "7d"}},
    "events.paid_2d": {
        "type": "double",
        "from": {"event": "paid", "sum": "2d", "of": "amount", "where": {"by": "card"}},
    },
}


def write(to: Path) -> Path:
    made = files(
        attributes=KEPT,
        policies={"all_actions": None},
        actions=[
            action("sorry", value=2, eligible_when={"often": "events.calls_7d == 3"}),
            action("thanks", value=1, eligible_when={"paid": "events.paid_2d == 12.5"}),
        ],
    )
    for name, text in made.items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(text)
    return to


def event(name: str, ago: float, what: str = "call", **attributes: float | str) -> Event:
    found = Event(event_id=name, customer_id="anna", interaction=Interaction(type=what))
    found.time.FromSeconds(int(time.time() - ago))
    for key, value in attributes.items():
        given = (
            AttributeValue(string_value=value)
            if isinstance(value, str)
            else AttributeValue(double_value=value)
        )
        found.interaction.attributes[key].CopyFrom(given)
    return found


def told(service: Service, *events: Event) -> list[int]:
    answer = service.events.RecordEvents(RecordEventsRequest(events=events), timeout=10)
    return [result.status for result in answer.results]


def offered(service: Service) -> set[str]:
    asked = DecideRequest(customer_id="anna", placements=["web.hero"])
    placed = service.decisions.Decide(asked, timeout=10).placements[0]
    return set() if placed.fallback else {offer.action_id for offer in placed.offers}


def test_events_count_by_their_own_time(tmp_path: Path) -> None:
    rules, data = write(tmp_path / "rules"), tmp_path / "data"
    with serving(rules, data) as service:
        assert offered(service) == set()
        first = event("now", 0)
        assert told(service, first, event("late", 6 * DAY), event("too late", 8 * DAY)) == [
            ACCEPTED, ACCEPTED, REJECTED,
        ]  # fmt: skip
        assert offered(service) == set()
        assert told(service, first, event("between", DAY), first) == [
            DUPLICATE, ACCEPTED, DUPLICATE,
        ]  # fmt: skip
        assert offered(service) == {"sorry"}
        paid = [
            event("p1", HOUR, "paid", amount=8.0, by="card"),
            event("p2", 3 * DAY, "paid", amount=99.0, by="card"),
            event("p3", DAY, "paid", amount=4.5, by="card"),
            event("p4", DAY, "paid", amount=7.0, by="cash"),
        ]
        assert told(service, *paid) == [ACCEPTED] * 4
        service.kill()
    with serving(rules, data) as service:
        assert told(service, *paid) == [DUPLICATE] * 4
        assert offered(service) == {"sorry", "thanks"}
