"""What triggers offered, watched by those who send it: one message after the other, as it comes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from engine.edges.grpc.gate import Ended
from engine.edges.grpc.port import Engine
from engine.edges.grpc.questions import unknown_channel
from engine.errors import InvalidInput, Violation
from engine.rulebook.book import RuleBook
from engine.triggers.outbox import Left
from engine.wire.decision_pb2 import WatchOffersRequest, WatchOffersResponse


async def watched(
    engine: Engine, request: WatchOffersRequest, closing: asyncio.Event
) -> AsyncIterator[Message]:
    """The messages the request asks for; they end with UNAVAILABLE when the service is asked to stop.

    Raises:
        InvalidInput: the position is none, or a channel is not one of the rule book in force.
        NotFound: what triggers offer is published elsewhere.
        OutOfRange: the position is beyond the newest.
    """
    if wrong := _wrong(engine.book, request):
        raise InvalidInput(wrong)
    wanted = frozenset(request.channels)
    async with aclosing(engine.offers(request.after, only_kept=request.only_kept)) as offers:
        try:
            while (left := await _next(offers, closing)) is not None:
                if not wanted or left.message.document["channel"] in wanted:
                    yield message_of(left)
        except StopAsyncIteration:
            return
    raise Ended(grpc.StatusCode.UNAVAILABLE, "the service is stopping; watch again")


def _wrong(book: RuleBook | None, request: WatchOffersRequest) -> list[Violation]:
    """Without a rule book any channel may be asked for."""
    wrong = []
    if request.after < 0:
        wrong.append(Violation("after", f"must not be negative, is {request.after}"))
    if book is not None:
        wrong += [
            unknown_channel(channel, f"channels[{i}]", book)
            for i, channel in enumerate(request.channels)
            if channel not in book.channels
        ]
    return wrong


def message_of(left: Left) -> WatchOffersResponse:
    """A message as the wire has it: its document is the JSON of `TriggeredOffers`."""
    response = WatchOffersResponse(position=left.position)
    ParseDict(dict(left.message.document), response.offers)
    return response


async def _next(offers: AsyncGenerator[Left, None], closing: asyncio.Event) -> Left | None:
    """The next one; None if the service was asked to stop before there is one."""
    coming = asyncio.ensure_future(anext(offers))
    stopping = asyncio.ensure_future(closing.wait())
    try:
        await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        for one in (coming, stopping):
            one.cancel()
        await asyncio.wait({coming, stopping})
