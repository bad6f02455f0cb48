"""What triggers offered, watched over the wire: in order, from any position, until somebody stops."""

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from engine.triggers.outbox import Left, Outgoing
from engine.wire.decision_pb2 import WatchOffersRequest, WatchOffersResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from tests.edges.grpc.conftest import Service
from tests.edges.grpc.test_hostile import details
from tests.messages import message


def left(*channels: str) -> list[Left]:
    """Messages on these channels, in the positions from 1."""
    return [Left(at, message(f"e{at}", channel)) for at, channel in enumerate(channels, 1)]


async def watched(
    service: Service, after: int = 0, channels: tuple[str, ...] = ()
) -> list[tuple[int, str]]:
    request = WatchOffersRequest(after=after, channels=channels, only_kept=True)
    call = DecisionServiceStub(service.channel).WatchOffers(request)
    return [(one.position, one.offers.event_id) async for one in call]


async def test_all_that_are_kept_in_order(service: Service) -> None:
    service.engine.left = left("sms", "email", "sms")
    assert await watched(service) == [(1, "e1"), (2, "e2"), (3, "e3")]


async def test_from_a_position_on_and_by_channel(service: Service) -> None:
    service.engine.left = left("ivr", "web", "ivr")
    assert await watched(service, after=1) == [(2, "e2"), (3, "e3")]
    assert await watched(service, channels=("ivr",)) == [(1, "e1"), (3, "e3")]
    assert await watched(service, after=3) == []


async def test_the_wire_says_what_the_document_says(service: Service) -> None:
    service.engine.left = left("sms")
    call = DecisionServiceStub(service.channel).WatchOffers(WatchOffersRequest())
    first = await call.read()
    assert isinstance(first, WatchOffersResponse)
    told = MessageToDict(
        first.offers, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert told == service.engine.left[0].message.document
    assert (
        Outgoing.decode(service.engine.left[0].message.encode()) == service.engine.left[0].message
    )
    call.cancel()


async def test_it_waits_for_the_next_until_the_service_stops(service: Service) -> None:
    service.engine.left = left("sms")
    call = DecisionServiceStub(service.channel).WatchOffers(WatchOffersRequest())
    await call.read()
    service.closing.set()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_position_beyond_the_newest_is_none(service: Service) -> None:
    service.engine.left = left("sms", "email")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watched(service, after=3)
    assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert caught.value.details() == "position 3 is beyond the newest, 2"


async def test_channels_the_book_does_not_have_are_named(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watched(service, channels=("ivr", "webb"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    said = "'webb' is not one of web, app, ivr. Did you mean 'web'?"
    assert details(caught.value) == {"channels[1]": said}


async def test_a_position_below_zero_is_none(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watched(service, after=-1)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
