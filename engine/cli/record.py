"""`attune record`: tells a running service what a customer did."""

import secrets
from typing import Annotated

import grpc
import orjson
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
from engine.cli.values import moment, pair
from engine.rulebook.names import did_you_mean
from engine.wire.event_pb2 import Event, EventResult, Interaction, RecordEventsRequest, Response
from engine.wire.event_pb2_grpc import EventServiceStub
from engine.wire.rulebook_pb2 import GetRuleBookStatusRequest
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub


def record(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who did it.")],
    action: Annotated[str, typer.Option(help="The offered action this is the response to.")] = "",
    decision: Annotated[str, typer.Option(help="The decision that offered it.")] = "",
    outcome: Annotated[
        str, typer.Option(help="impression, click, accept, reject, dismiss, not_delivered, …")
    ] = "",
    value: Annotated[float, typer.Option(help="Money earned.")] = 0.0,
    interaction: Annotated[
        str, typer.Option(metavar="TYPE", help="Something else they did, e.g. dropped_call.")
    ] = "",
    channel: Annotated[str, typer.Option(help="The channel the interaction came by.")] = "",
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="NAME=VALUE", help="An attribute of the interaction."),
    ] = None,
    event_id: Annotated[
        str, typer.Option("--event-id", help="An id of your own: sent twice, it counts once.")
    ] = "",
    time: Annotated[str, typer.Option(help="When it happened, ISO 8601; else now.")] = "",
    server: ServerOption = DEFAULT_SERVER,
    tls_ca: CertificateOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Tell a running service what a customer did: how they took an offer, or anything else.

    Example: attune record c-1001 --action data_bundle_5gb --decision DECISION --outcome accept --value 4.99

    Example: attune record c-1001 --interaction dropped_call --attribute network.cell=17
    """
    if bool(action) == bool(interaction):
        raise typer.BadParameter("give either --action, --decision and --outcome, or --interaction")
    event = Event(event_id=event_id or secrets.token_hex(16), customer_id=customer)
    try:
        if time:
            event.time.CopyFrom(moment(time))
        attributes = dict(map(pair, attribute or []))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if interaction:
        event.interaction.CopyFrom(
            Interaction(type=interaction, channel=channel, attributes=attributes)
        )
    else:
        event.response.CopyFrom(
            Response(action_id=action, decision_id=decision, outcome=outcome, value=value)
        )
    with connected(server, tls_ca) as connection:
        if interaction and channel:
            _check_channel(channel, connection)
        answer = EventServiceStub(connection).RecordEvents(RecordEventsRequest(events=[event]))
    result: EventResult = answer.results[0]
    if format_ is Format.JSON:
        typer.echo(orjson.dumps(MessageToDict(result, preserving_proto_field_name=True)))
    else:
        typer.echo(_told(result))
    if result.status == EventResult.STATUS_REJECTED:
        raise typer.Exit(1)


def _check_channel(channel: str, connection: grpc.Channel) -> None:
    """Refuses a channel the rule book in force does not have: by hand it is a slip.

    The service itself takes any, so that no book can make it lose what happened.
    """
    status = RuleBookServiceStub(connection).GetRuleBookStatus(GetRuleBookStatusRequest())
    declared = [a.values for a in status.attributes if a.name == "request.channel"]
    channels = tuple(declared[0] if declared else ()) or tuple(
        dict.fromkeys(p.channel for p in status.placements)
    )
    if channels and channel not in channels:
        wrong = f"'{channel}' is not one of {', '.join(channels)}.{did_you_mean(channel, channels)}"
        raise typer.BadParameter(wrong, param_hint="--channel")


def _told(result: EventResult) -> str:
    match result.status:
        case EventResult.STATUS_ACCEPTED:
            return f"accepted: event {result.event_id} survives a crash from now on"
        case EventResult.STATUS_DUPLICATE:
            return f"duplicate: event {result.event_id} was known already; nothing changed"
        case _:
            return f"rejected: {result.reason}"
