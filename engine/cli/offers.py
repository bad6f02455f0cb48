"""`attune offers`: what triggers offered, for people to see and for programs to send."""

import time
from collections.abc import Iterator
from typing import Annotated, Final, cast

import grpc
import typer
from google.protobuf.json_format import MessageToDict

from engine.cli.client import (
    DEFAULT_SERVER,
    CertificateOption,
    Format,
    FormatOption,
    ServerOption,
    connected,
)
from engine.wire.decision_pb2 import TriggeredOffers, WatchOffersRequest, WatchOffersResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub

_LAST: Final = 2**63 - 1
"""The last position the wire has a number for."""
_PAUSE: Final = 0.5
"""Seconds before a service that went away is tried again; twice as many each time, up to the longest."""
_LONGEST_PAUSE: Final = 8.0


def offers(
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            "-f",
            help="Go on with each as it comes, also after the service was away, until Ctrl-C.",
        ),
    ] = False,
    after: Annotated[
        int,
        typer.Option(
            min=0, max=_LAST, help="Begin behind this position: the last that was dealt with."
        ),
    ] = 0,
    channel: Annotated[
        list[str] | None, typer.Option(help="Only those of this channel. May be repeated.")
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
    tls_ca: CertificateOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show what triggers offered, or hand it on as lines of JSON, each with its position.

    In a cluster they are on Kafka's topic NAME.offers (attune.offers, if --name says nothing else) and not here.

    Whoever sends them remembers the position of the last one sent, and begins behind it the next time.

    Example: attune offers --follow --channel sms --format json
    """
    request = WatchOffersRequest(after=after, channels=channel or [], only_kept=not follow)
    with connected(server, tls_ca) as connection:
        stub = DecisionServiceStub(connection)
        try:
            for message in _followed(stub, request) if follow else stub.WatchOffers(request):
                typer.echo(_line(message) if format_ is Format.JSON else _told(message))
        except KeyboardInterrupt:
            return


def _followed(
    stub: DecisionServiceStub, request: WatchOffersRequest
) -> Iterator[WatchOffersResponse]:
    """Every message as it comes; where the service goes away, from the last on once it is back.

    That it is away is said once, until the next message comes. Any other refusal is raised.
    """
    after, pause = request.after, _PAUSE
    while True:
        asked = WatchOffersRequest(after=after, channels=request.channels)
        try:
            for message in stub.WatchOffers(asked):
                yield message
                after, pause = message.position, _PAUSE
        except grpc.RpcError as error:
            call = cast("grpc.Call", error)
            if call.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            if pause == _PAUSE:
                typer.echo(
                    f"attune: the service is away; going on behind position {after} when it is back",
                    err=True,
                )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _line(message: WatchOffersResponse) -> str:
    import orjson

    document = MessageToDict(
        message.offers, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return orjson.dumps({"position": message.position, **document}).decode()


def _told(message: WatchOffersResponse) -> str:
    """A line that says who is offered what and why, and one for each text."""
    offers: TriggeredOffers = message.offers
    moment = offers.decided_at.ToDatetime()
    head = (
        f"{message.position}  {moment:%Y-%m-%d %H:%M:%S}Z  {offers.customer_id}"
        f"  by {offers.channel}, set off by {offers.trigger}"
    )
    lines = [
        f"    {offer.action_id}: {text}"
        for placed in offers.placements
        for offer in placed.offers
        for text in offer.content.values()
    ]
    return "\n".join((head, *lines))
