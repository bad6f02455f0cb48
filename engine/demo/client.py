"""One arm's service as the demo's website and telephone line call it: three calls over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import grpc

from engine.demo.arms import Arm
from engine.demo.services import ServiceFailed
from engine.demo.visits import REASON, Visit
from engine.demo.world import Reaction
from engine.edges.grpc.values import write_value
from engine.model import Value
from engine.rulebook.book import RuleBook, Type
from engine.settings import Address
from engine.wire.customer_pb2 import Customer, PutCustomersRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.event_pb2 import (
    Event,
    EventResult,
    Interaction,
    RecordEventsRequest,
    RecordEventsResponse,
    Response,
)
from engine.wire.event_pb2_grpc import EventServiceStub

_BATCH_BYTES: Final = 192 * 1024
_RETRIES: Final = 3
_PAUSE: Final = 0.2
_PASSING: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Client:
    """Calls one service."""

    def __init__(self, channel: grpc.aio.Channel, book: RuleBook) -> None:
        self._decisions = DecisionServiceStub(channel)
        self._events = EventServiceStub(channel)
        self._customers = CustomerServiceStub(channel)
        self._types: Mapping[str, Type] = {a.name: a.type for a in book.attributes}
        self._reasons = REASON in book.index

    async def put(self, profiles: Mapping[str, Mapping[str, Value]]) -> None:
        """Writes profiles by customer id, in as many calls as their size asks for."""
        request, size = PutCustomersRequest(), 0
        for customer_id, attributes in profiles.items():
            customer = self._customer(customer_id, attributes)
            more = customer.ByteSize() + 8
            if request.customers and (size + more > _BATCH_BYTES or len(request.customers) == 1000):
                await self._customers.PutCustomers(request)
                request, size = PutCustomersRequest(), 0
            request.customers.append(customer)
            size += more
        await self._customers.PutCustomers(request)

    async def decide(self, customer_id: str, visit: Visit) -> DecideResponse:
        """Asks what to show; the page's budget is the call's deadline."""
        request = self.question(customer_id, visit)
        request.interaction.CopyFrom(Interaction(type=visit.page.name, channel=visit.page.channel))
        return await self._decisions.Decide(request, timeout=visit.page.budget)

    async def explain(self, customer_id: str, visit: Visit) -> DecideResponse:
        """Asks what would be shown, and why; changes nothing."""
        request = self.question(customer_id, visit)
        request.explain = request.dry_run = True
        return await self._decisions.Decide(request, timeout=5.0)

    def question(self, customer_id: str, visit: Visit) -> DecideRequest:
        """The question a page asks: who, where, and why they came."""
        request = DecideRequest(customer_id=customer_id, placements=visit.page.placements)
        if visit.reason and self._reasons:
            request.context[REASON].string_value = visit.reason
        return request

    async def record(
        self, customer_id: str, decided: DecideResponse, reactions: Sequence[Reaction]
    ) -> None:
        """Tells what the customer did; again if the service could not take it just now.

        Raises:
            ServiceFailed: an event was refused.
        """
        request = RecordEventsRequest(
            events=[_event(customer_id, decided, reaction) for reaction in reactions]
        )
        answer = await self._recorded(request, _RETRIES)
        for result in answer.results:
            if result.status == EventResult.STATUS_REJECTED:
                raise ServiceFailed(f"an event of the demo was refused: {result.reason}")

    async def _recorded(self, request: RecordEventsRequest, retries: int) -> RecordEventsResponse:
        try:
            return await self._events.RecordEvents(request)
        except grpc.aio.AioRpcError as error:
            if not retries or error.code() not in _PASSING:
                raise
        await asyncio.sleep(_PAUSE)
        return await self._recorded(request, retries - 1)

    def _customer(self, customer_id: str, attributes: Mapping[str, Value]) -> Customer:
        customer = Customer(customer_id=customer_id)
        for name, value in attributes.items():
            write_value(customer.attributes[name], value, self._types[name])
        return customer


def _event(customer_id: str, decided: DecideResponse, reaction: Reaction) -> Event:
    return Event(
        event_id=f"{decided.decision_id}:{reaction.action_id}:{reaction.outcome}",
        customer_id=customer_id,
        response=Response(
            action_id=reaction.action_id,
            token=decided.token,
            outcome=reaction.outcome,
            value=reaction.money,
        ),
    )


@asynccontextmanager
async def connected(
    addresses: Mapping[Arm, Address], book: RuleBook
) -> AsyncIterator[Mapping[Arm, Client]]:
    """A client for each arm."""
    async with AsyncExitStack() as stack:
        clients = {}
        for arm, address in addresses.items():
            channel = grpc.aio.insecure_channel(str(address))
            clients[arm] = Client(await stack.enter_async_context(channel), book)
        yield clients
