"""CustomerService: profiles are written and read back, with the interaction history."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from engine.edges.grpc.admission import Admissions, check_id
from engine.edges.grpc.gate import Gate, Handler
from engine.edges.grpc.port import Engine
from engine.edges.grpc.values import write_value
from engine.errors import InvalidInput, NotFound, Violation
from engine.model import Customer, CustomerId, Micros, ProfileUpdate, Touch
from engine.rulebook.book import RuleBook
from engine.wire.customer_pb2 import (
    GetCustomerRequest,
    GetCustomerResponse,
    HistoryEntry,
    InteractionEntry,
    OutcomeEntry,
    PutCustomersRequest,
    PutCustomersResponse,
)

SERVICE: Final = "attune.v1.CustomerService"
BATCH: Final = 1_000

_AT_ONCE: Final = 10  # customers read before the loop may turn to waiting decisions


class Customers:
    """Writes and reads profiles. `now` is the wall clock in microseconds."""

    def __init__(
        self, engine: Engine, admissions: Admissions, gate: Gate, now: Callable[[], Micros]
    ) -> None:
        self._engine = engine
        self._admissions = admissions
        self._gate = gate
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name, for registration."""
        return {
            "PutCustomers": self._gate.unary("PutCustomers", PutCustomersRequest, self._put),
            "GetCustomer": self._gate.unary("GetCustomer", GetCustomerRequest, self._read),
        }

    async def _put(self, request: PutCustomersRequest) -> PutCustomersResponse:
        customers = request.customers
        if len(customers) > BATCH:
            raise InvalidInput(
                [
                    Violation(
                        "customers",
                        f"has {len(customers):,} customers; send at most {BATCH:,} a call",
                    )
                ]
            )
        admission, now = self._admissions.current(), self._now()
        wrong: list[Violation] = []
        updates: list[ProfileUpdate] = []
        for i, customer in enumerate(customers):
            if i % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            check_id(customer.customer_id, f"customers[{i}].customer_id", wrong)
            attributes = admission.profile(customer.attributes, f"customers[{i}].attributes", wrong)
            updates.append(ProfileUpdate(CustomerId(customer.customer_id), now, attributes))
        if wrong:
            raise InvalidInput(wrong)
        if updates:
            await self._engine.put(updates)
        return PutCustomersResponse(count=len(updates))

    async def _read(self, request: GetCustomerRequest) -> GetCustomerResponse:
        wrong: list[Violation] = []
        check_id(request.customer_id, "customer_id", wrong)
        if wrong:
            raise InvalidInput(wrong)
        customer = await self._engine.customer(CustomerId(request.customer_id))
        if customer is None:
            raise NotFound(f"nobody has heard of customer {request.customer_id!r}")
        return _described(customer, self._engine.book)


def _described(customer: Customer, book: RuleBook | None) -> GetCustomerResponse:
    types = {a.name: a.type for a in book.attributes} if book else {}
    response = GetCustomerResponse(history=[_entry(touch) for touch in customer.touches])
    response.customer.customer_id = customer.customer_id
    for name, value in customer.attributes.items():
        write_value(response.customer.attributes[name], value, types.get(name))
    if customer.updated_at:
        response.updated_at.FromMicroseconds(customer.updated_at)
    for past in reversed(customer.interactions):
        entry = InteractionEntry(type=past.type, channel=past.channel)
        entry.time.FromMicroseconds(past.time)
        for name, value in past.details.items():
            write_value(entry.attributes[name], value, types.get(name))
        response.interactions.append(entry)
    return response


def _entry(touch: Touch) -> HistoryEntry:
    entry = HistoryEntry(
        decision_id=touch.decision_id,
        action_id=touch.action_id,
        channel=touch.channel,
        placement=touch.placement,
    )
    entry.decided_at.FromMicroseconds(touch.decided_at)
    for outcome, (time, value) in touch.outcomes.items():
        seen = OutcomeEntry(outcome=outcome, value=value)
        seen.time.FromMicroseconds(time)
        entry.outcomes.append(seen)
    return entry
