"""PutCustomers and GetCustomer: all or nothing in, everything out."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from engine.model import Customer as Person
from engine.model import PastInteraction, Touch
from engine.wire.customer_pb2 import Customer, GetCustomerRequest, PutCustomersRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub
from engine.wire.value_pb2 import AttributeValue, MapValue, StringList
from tests.edges.grpc.conftest import Service, running
from tests.edges.grpc.memory import NOW, MemoryEngine
from tests.edges.grpc.test_hostile import details
from tests.rulebook.builders import book

V = AttributeValue


async def put(service: Service, *customers: Customer) -> int:
    request = PutCustomersRequest(customers=customers)
    return (await CustomerServiceStub(service.channel).PutCustomers(request, timeout=10)).count


async def refused(service: Service, *customers: Customer) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await put(service, *customers)
    return caught.value


async def test_what_is_put_comes_back_as_it_was(service: Service) -> None:
    anna = Customer(
        customer_id="anna",
        attributes={
            "customer.age": V(int_value=42),
            "customer.churn_score": V(double_value=0.25),
            "customer.segment": V(string_value="vip"),
            "customer.birth_date": V(timestamp_value=Timestamp(seconds=99, nanos=7_000)),
            "customer.tenure": V(duration_value=Duration(seconds=-3, nanos=-5_000)),
            "customer.complaint_open": V(bool_value=True),
            "consent.channels": V(string_list=StringList(values=["web"])),
            "usage.by_month": V(map_value=MapValue(entries={"june": V(double_value=2.0)})),
        },
    )
    assert await put(service, anna) == 1
    answer = await CustomerServiceStub(service.channel).GetCustomer(
        GetCustomerRequest(customer_id="anna"), timeout=10
    )
    assert answer.customer == anna
    assert answer.updated_at.ToMicroseconds() == NOW


async def test_an_attribute_sent_without_a_value_is_removed(service: Service) -> None:
    await put(service, Customer(customer_id="a", attributes={"customer.age": V(int_value=1)}))
    await put(service, Customer(customer_id="a", attributes={"customer.age": V()}))
    assert service.engine.customers["a"].attributes == {}  # type: ignore[index]  # an id


async def test_one_bad_attribute_fails_the_call_and_nothing_is_written(service: Service) -> None:
    error = await refused(
        service,
        Customer(customer_id="anna", attributes={"customer.age": V(int_value=1)}),
        Customer(
            attributes={
                "customer.aeg": V(int_value=1),
                "customer.age": V(double_value=1),
                "request.reason": V(string_value="cancel"),
                "now": V(timestamp_value=Timestamp()),
            }
        ),
    )
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(error) == {
        "customers[1].customer_id": "must not be empty",
        'customers[1].attributes["customer.age"]': "must be an int, not a double",
        'customers[1].attributes["customer.aeg"]': "is not an attribute of the rule book."
        " Did you mean 'customer.age'?",
        'customers[1].attributes["request.reason"]': "belongs to a single request and cannot be"
        " stored; send it as context",
        'customers[1].attributes["now"]': "is filled in by the engine and cannot be set",
    }
    assert service.engine.customers == {}


@pytest.mark.usefixtures("transport")
async def test_what_is_kept_from_events_cannot_be_stored() -> None:
    kept = {"events.calls": {"type": "int", "from": {"event": "call", "count": "1d"}}}
    async with running(MemoryEngine(book=book(attributes=kept))) as service:
        attributes = {"events.calls": V(int_value=3)}
        error = await refused(service, Customer(customer_id="anna", attributes=attributes))
    assert details(error) == {
        'customers[0].attributes["events.calls"]': "is kept from events and cannot be stored; record"
        " the events, or send it as context"
    }


async def test_a_batch_is_bounded(service: Service) -> None:
    assert await put(service) == 0
    assert await put(service, *(Customer(customer_id=str(i)) for i in range(1_000))) == 1_000
    error = await refused(service, *(Customer(customer_id=str(i)) for i in range(1_001)))
    assert details(error) == {"customers": "has 1,001 customers; send at most 1,000 a call"}


@pytest.mark.usefixtures("transport")
async def test_without_a_rule_book_no_attribute_is_declared() -> None:
    async with running(MemoryEngine(book=None)) as service:
        error = await refused(service, Customer(customer_id="anna"))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_somebody_unknown_is_not_found(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await CustomerServiceStub(service.channel).GetCustomer(GetCustomerRequest(customer_id="x"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_the_history_comes_with_the_customer(service: Service) -> None:
    touch = Touch("d1", "a1", "web", "web.banner", NOW, {"click": (NOW + 1, 0.5)})  # type: ignore[arg-type]  # ids
    past = [
        PastInteraction(NOW + i, f"visit {i}", "app", details={"topic": "bill"}) for i in range(150)
    ]
    anna = Person("anna", touches=[touch], interactions=past)  # type: ignore[arg-type]  # an id
    service.engine.customers["anna"] = anna  # type: ignore[index]  # an id
    answer = await CustomerServiceStub(service.channel).GetCustomer(
        GetCustomerRequest(customer_id="anna"), timeout=10
    )
    [entry] = answer.history
    assert (entry.decision_id, entry.action_id, entry.channel) == ("d1", "a1", "web")
    assert (entry.placement, entry.decided_at.ToMicroseconds()) == ("web.banner", NOW)
    [outcome] = entry.outcomes
    assert (outcome.outcome, outcome.time.ToMicroseconds(), outcome.value) == (
        "click",
        NOW + 1,
        0.5,
    )
    assert not answer.HasField("updated_at")
    assert [i.type for i in answer.interactions] == [f"visit {i}" for i in range(149, -1, -1)]
    assert answer.interactions[0].attributes["topic"].string_value == "bill"
    assert answer.interactions[0].time.ToMicroseconds() == NOW + 149
