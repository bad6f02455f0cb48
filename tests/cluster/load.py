"""Load on servers of a cluster: clients who do what websites do, and write down every request and answer."""

import random
import threading
import time
from collections.abc import Sequence
from typing import Final

import grpc

from engine.wire.customer_pb2 import (
    Customer,
    GetCustomerRequest,
    GetCustomerResponse,
    PutCustomersRequest,
)
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.event_pb2 import Event, EventResult, Interaction, RecordEventsRequest, Response
from engine.wire.value_pb2 import AttributeValue, StringList
from tests.cluster.history import Call, Look, Picture, Put, Send, Told
from tests.service import Service

NUMBER: Final = "telco.data_used_pct"
"""The attribute a client counts up."""

ANSWERS: Final[dict[int, Told]] = {
    EventResult.STATUS_ACCEPTED: Told.ACCEPTED,
    EventResult.STATUS_DUPLICATE: Told.DUPLICATE,
    EventResult.STATUS_REJECTED: Told.REFUSED,
}
"""What a status says."""

_PLACEMENT: Final = "web.hero"
_TIMEOUT: Final = 20.0
_OUTCOMES: Final = ("impression", "click", "accept")


class Load:
    """Clients at work, each in a thread of its own, one call at a time, until they are to stop.

    Every client asks any server about any customer, `pause` seconds after it was answered; profiles of a
    customer are written by one client only.
    Answers and their times are in `calls`; `reasons` has why anything was refused.
    """

    def __init__(
        self,
        servers: Sequence[Service],
        customers: int,
        clients: int,
        seed: int,
        pause: float = 0.0,
    ) -> None:
        self.calls: list[Call] = []
        self.reasons: list[str] = []
        self.offered = 0
        self._made = threading.Condition()
        self._is_over = threading.Event()
        self._pause = pause
        self._threads = [
            threading.Thread(
                target=self._work, args=(n, clients, servers, customers, seed), daemon=True
            )
            for n in range(clients)
        ]

    def start(self) -> None:
        """Has them begin."""
        for thread in self._threads:
            thread.start()

    def reached(self, calls: int) -> None:
        """Waits until so many calls were made in all."""
        with self._made:
            self._made.wait_for(lambda: len(self.calls) >= calls)

    def stop(self) -> None:
        """Has them finish their calls, and waits until they have."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _work(
        self,
        number: int,
        clients: int,
        servers: Sequence[Service],
        customers: int,
        seed: int,
    ) -> None:
        own = range(number, customers, clients)
        client = _Client(f"client{number}", servers, customers, own, random.Random(seed + number))
        while not self._is_over.wait(self._pause):
            made = client.call()
            with self._made:
                self.calls += made
                self._made.notify_all()
        with self._made:
            self.reasons += client.reasons
            self.offered += client.offered


class _Client:
    """One client: chance says what it does next."""

    def __init__(
        self,
        name: str,
        servers: Sequence[Service],
        customers: int,
        own: range,
        chance: random.Random,
    ) -> None:
        self._name, self._servers, self._chance = name, servers, chance
        self._customers = customers
        self._own = own
        self._count = 0
        self._sent: list[Event] = []
        self.calls: list[Call] = []
        self.reasons: list[str] = []
        self.offered = 0

    def call(self) -> list[Call]:
        """Does one thing; the calls that are to be checked."""
        server = self._chance.randrange(len(self._servers))
        who = f"c{self._chance.randrange(self._customers)}"
        begun = len(self.calls)
        match self._chance.randrange(8):
            case 0 | 1:
                self._interact(server, who)
            case 2 | 3:
                self._answer_offers(server, who)
            case 4 if self._sent:
                self._send(server, self._chance.choice(self._sent[-50:]))
            case 5:
                self._put(server, f"c{self._chance.choice(self._own)}")
            case _:
                self._look(server, who)
        return self.calls[begun:]

    def _interact(self, server: int, who: str) -> None:
        """Something happens; its type is its id, so that looking at the customer shows it."""
        event = f"{self._name}.{self._next()}"
        said = Event(event_id=event, customer_id=who)
        said.interaction.CopyFrom(Interaction(type=event, channel="web"))
        self._send(server, _now(said))

    def _answer_offers(self, server: int, who: str) -> None:
        """Asks for offers, and says on whichever server what became of the first."""
        asked = DecideRequest(customer_id=who, channel="web", placements=[_PLACEMENT])
        try:
            decision = self._servers[server].decisions.Decide(asked, timeout=_TIMEOUT)
        except grpc.RpcError:
            return
        offers = decision.placements[0].offers
        if decision.placements[0].fallback:
            return
        self.offered += 1
        for outcome in self._chance.sample(_OUTCOMES, 2):
            event = f"{decision.decision_id}/{offers[0].action_id}/{outcome}"
            said = Event(event_id=event, customer_id=who)
            said.response.CopyFrom(
                Response(action_id=offers[0].action_id, token=decision.token, outcome=outcome)
            )
            self._send(self._chance.randrange(len(self._servers)), _now(said))

    def _send(self, server: int, event: Event) -> None:
        call = self._begun(server, event.customer_id, Send(event.event_id))
        try:
            answer = self._servers[server].events.RecordEvents(
                RecordEventsRequest(events=[event]), timeout=_TIMEOUT
            )
        except grpc.RpcError:
            return self._ended(call, Told.UNKNOWN)
        self._sent.append(event)
        if answer.results[0].reason:
            self.reasons.append(answer.results[0].reason)
        return self._ended(call, ANSWERS[answer.results[0].status])

    def _put(self, server: int, who: str) -> None:
        number = self._next()
        call = self._begun(server, who, Put(number))
        try:
            self._servers[server].customers.PutCustomers(
                PutCustomersRequest(customers=[profile(who, number)]), timeout=_TIMEOUT
            )
        except grpc.RpcError:
            return self._ended(call, Told.UNKNOWN)
        return self._ended(call, Told.ACCEPTED)

    def _look(self, server: int, who: str) -> None:
        call = self._begun(server, who, Look())
        try:
            answer = self._servers[server].customers.GetCustomer(
                GetCustomerRequest(customer_id=who), timeout=_TIMEOUT
            )
        except grpc.RpcError as error:
            nobody = error.code() == grpc.StatusCode.NOT_FOUND
            return self._ended(call, Picture() if nobody else Told.UNKNOWN)
        return self._ended(call, picture(answer))

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _begun(self, server: int, customer: str, asked: Send | Put | Look) -> Call:
        call = Call(self._name, f"server{server}", customer, asked, time.monotonic_ns())
        self.calls.append(call)
        return call

    def _ended(self, call: Call, answer: Told | Picture) -> None:
        if answer is not Told.UNKNOWN:
            call.ended = time.monotonic_ns()
        call.answer = answer


def profile(who: str, number: int) -> Customer:
    """Somebody who may be made offers, with the number counted up."""
    said = Customer(customer_id=who)
    said.attributes["customer.age"].CopyFrom(AttributeValue(int_value=40))
    said.attributes["consent.marketing"].CopyFrom(AttributeValue(bool_value=True))
    said.attributes["consent.channels"].CopyFrom(
        AttributeValue(string_list=StringList(values=["web"]))
    )
    said.attributes[NUMBER].CopyFrom(AttributeValue(double_value=number))
    return said


def picture(answer: GetCustomerResponse) -> Picture:
    """What an answer shows of a customer."""
    events = [entry.type for entry in answer.interactions]
    events += [
        f"{entry.decision_id}/{entry.action_id}/{told.outcome}"
        for entry in answer.history
        for told in entry.outcomes
    ]
    return Picture(tuple(events), int(answer.customer.attributes[NUMBER].double_value))


def _now(event: Event) -> Event:
    event.time.FromMicroseconds(time.time_ns() // 1_000)
    return event
