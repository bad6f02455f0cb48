"""A small cap on a real service that is killed again and again: what was offered never exceeds it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import grpc

from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.event_pb2 import Event, RecordEventsRequest
from tests.rulebook.builders import action, files
from tests.service import Service, serving
from tests.test_journey import PEOPLE, put_everybody

CAP = 320
LIVES = 3
A_LIFE = 40
CLIENTS = 4


def rules(directory: Path) -> Path:
    caps = {"total": CAP, "hold": "1d", "when_scarce": "first_come", "block": 10}
    for name, text in files(actions=[action("a", caps=caps)]).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)
    return directory


def offers(service: Service, who: str, at_most: int) -> Iterator[DecideResponse]:
    """Offers made to one customer, one after the other; ends when the service does, or the cap."""
    for _ in range(at_most):
        try:
            asked = DecideRequest(customer_id=who, placements=["web.hero"])
            answer = service.decisions.Decide(asked, timeout=10)
        except grpc.RpcError:
            return
        if answer.placements[0].fallback:
            return
        yield answer


def seen(answer: DecideResponse, who: str, number: int) -> RecordEventsRequest:
    event = Event(event_id=f"e{number}", customer_id=who)
    event.response.action_id = answer.placements[0].offers[0].action_id
    event.response.token = answer.token
    event.response.outcome = "impression"
    return RecordEventsRequest(events=[event])


def test_a_killed_service_has_never_offered_more_than_the_cap(tmp_path: Path) -> None:
    book, data = rules(tmp_path / "rules"), tmp_path / "data"
    given: list[DecideResponse] = []
    numbers = count()
    for _ in range(LIVES):
        with serving(book, data, "--no-watch") as service:
            put_everybody(service)
            lived = list(offers(service, PEOPLE[0], A_LIFE))
            assert lived, "nothing was offered in this life"
            for answer in lived[:5]:
                service.events.RecordEvents(seen(answer, PEOPLE[0], next(numbers)), timeout=10)
            given += lived
            with ThreadPoolExecutor(CLIENTS) as clients:
                asking = [
                    clients.submit(list, offers(service, PEOPLE[n % len(PEOPLE)], 5))
                    for n in range(CLIENTS)
                ]
                service.kill()
                given += [answer for asked in asking for answer in asked.result()]
        assert len(given) <= CAP
    with serving(book, data, "--no-watch") as service:
        put_everybody(service)
        given += list(offers(service, PEOPLE[0], 2 * CAP))
        assert len({answer.decision_id for answer in given}) == len(given) <= CAP
