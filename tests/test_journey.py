"""The whole journey over real gRPC, and through `kill -9` in the middle of it."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.edges.state.rebuild import digest, rebuild, recover
from engine.learning.mind import Mind
from engine.wire.customer_pb2 import Customer, GetCustomerRequest, PutCustomersRequest
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.event_pb2 import Event, EventResult, Interaction, RecordEventsRequest, Response
from engine.wire.value_pb2 import AttributeValue, StringList
from tests.rulebook.builders import files
from tests.service import Service, serving

PEOPLE = [f"customer-{number}" for number in range(20)]
CALLERS = 4


@pytest.fixture
def rules(tmp_path):
    directory = tmp_path / "rules"
    texts = files(policies={"outcomes": {"impression": 0, "click": 0.2, "accept": 1}})
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)
    return directory


def put_everybody(service: Service) -> None:
    profiles = []
    for number, person in enumerate(PEOPLE):
        profile = Customer(customer_id=person)
        profile.attributes["customer.age"].CopyFrom(AttributeValue(int_value=20 + number))
        profile.attributes["consent.marketing"].CopyFrom(AttributeValue(bool_value=True))
        web = AttributeValue(string_list=StringList(values=["web"]))
        profile.attributes["consent.channels"].CopyFrom(web)
        profiles.append(profile)
    service.customers.PutCustomers(PutCustomersRequest(customers=profiles))


def test_ask_respond_and_be_asked_differently(rules, tmp_path):
    with serving(rules, tmp_path / "data") as service:
        put_everybody(service)
        asked = DecideRequest(customer_id=PEOPLE[0], placements=["web.hero"])
        first = service.decisions.Decide(asked, timeout=5)
        offer = first.placements[0].offers[0]
        for outcome in ("impression", "accept"):
            sent = Event(
                event_id=outcome,
                customer_id=PEOPLE[0],
                response=Response(action_id=offer.action_id, token=first.token, outcome=outcome),
            )
            (result,) = service.events.RecordEvents(RecordEventsRequest(events=[sent])).results
            assert result.status == EventResult.STATUS_ACCEPTED, result.reason
        second = service.decisions.Decide(asked, timeout=5)
        known = service.customers.GetCustomer(GetCustomerRequest(customer_id=PEOPLE[0]))
    again = {o.action_id: o.propensity for o in second.placements[0].offers}
    assert again[offer.action_id] > offer.propensity
    assert not first.degraded
    assert not second.degraded
    assert [o.outcome for h in known.history for o in h.outcomes] == ["impression", "accept"]


class Caller(threading.Thread):
    """Decides and reports, one call after the other, until the service is gone.

    `accepted` are the events answered ACCEPTED; `unsure` those that were sent when it died.
    """

    def __init__(self, service: Service, name: str, seed: int) -> None:
        super().__init__(name=name)
        self.accepted: list[Event] = []
        self.unsure: list[Event] = []
        self._service = service
        self._chance = random.Random(seed)

    def run(self) -> None:
        number = 0
        try:
            while True:
                number += 1
                self._visit(f"{self.name}-{number}")
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # noqa: PT017

    def _visit(self, visit: str) -> None:
        person = self._chance.choice(PEOPLE)
        answer = self._service.decisions.Decide(
            DecideRequest(customer_id=person, placements=["web.hero"]), timeout=5
        )
        offer = self._chance.choice(answer.placements[0].offers)
        events = [Event(event_id=visit, customer_id=person, interaction=Interaction(type="visit"))]
        for outcome in ("impression", "click", "accept")[: self._chance.randint(0, 3)]:
            response = Response(action_id=offer.action_id, token=answer.token, outcome=outcome)
            events.append(
                Event(event_id=f"{visit}-{outcome}", customer_id=person, response=response)
            )
        self.unsure = events
        results = self._service.events.RecordEvents(RecordEventsRequest(events=events)).results
        assert {r.status for r in results} == {EventResult.STATUS_ACCEPTED}, results
        self.accepted += events
        self.unsure = []


def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(rules, tmp_path):
    data = tmp_path / "data"
    accepted: list[Event] = []
    unsure: list[Event] = []
    for life in range(3):
        with serving(rules, data) as service:
            if life == 0:
                put_everybody(service)
            callers = [
                Caller(service, f"life{life}-caller{n}", life * 10 + n) for n in range(CALLERS)
            ]
            for caller in callers:
                caller.start()
            while sum(len(caller.accepted) for caller in callers) < 300:
                callers[0].join(0.01)
            service.kill()
            for caller in callers:
                caller.join()
                accepted += caller.accepted
                unsure += caller.unsure
    assert len(accepted) > 900
    with serving(rules, data) as service:
        assert_all_there_once(service, accepted, unsure)
    assert_equal_to_a_replay_from_empty(data)


def assert_all_there_once(service: Service, accepted: list[Event], unsure: list[Event]) -> None:
    """Every accepted event is in its customer's history, and nothing nobody sent."""
    found: Counter[Any] = Counter()
    for person in PEOPLE:
        known = service.customers.GetCustomer(GetCustomerRequest(customer_id=person))
        found[person, "visit"] = len(known.interactions)
        for entry in known.history:
            found.update((person, o.outcome) for o in entry.outcomes)
    sure = Counter((e.customer_id, e.response.outcome or "visit") for e in accepted)
    possible = sure + Counter((e.customer_id, e.response.outcome or "visit") for e in unsure)
    for key in possible:
        if key[1] == "visit" and possible[key] > 100:
            continue  # only the latest hundred are told
        assert sure[key] <= found[key] <= possible[key], key
    sent_again = RecordEventsRequest(events=accepted[:800])
    results = service.events.RecordEvents(sent_again).results
    assert {r.status for r in results} == {EventResult.STATUS_DUPLICATE}


def assert_equal_to_a_replay_from_empty(data: Path) -> None:
    anew, restored = Mind(), Mind()
    replayed = rebuild(data, teach=anew.teach, register=anew.register)
    found = recover(
        data, teach=restored.teach, register=restored.register, restore=restored.restore
    )
    assert replayed.seq == found.seq
    assert digest(replayed.customers.values()) == digest(found.customers.values())
    assert anew.learner.version == restored.learner.version > 300
    assert anew.learner.weights_digest() == restored.learner.weights_digest()


def test_two_hundred_at_once_are_all_answered(rules, tmp_path):
    with serving(rules, tmp_path / "data") as service:
        put_everybody(service)

        def ask(number: int) -> str:
            asked = DecideRequest(customer_id=PEOPLE[number % 20], placements=["web.hero"])
            answer = service.decisions.Decide(asked, timeout=10)
            assert answer.placements[0].offers
            return str(answer.decision_id)

        with ThreadPoolExecutor(16) as callers:
            ids = list(callers.map(ask, range(200)))
    assert len(set(ids)) == 200
