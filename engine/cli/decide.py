"""`attune decide`: asks a running service what to offer a customer, and why."""

from typing import Annotated

import orjson
import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console

from engine.cli.client import (
    DEFAULT_SERVER,
    CertificateOption,
    Format,
    FormatOption,
    ServerOption,
    connected,
)
from engine.cli.explained import show
from engine.cli.values import pair
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.value_pb2 import AttributeValue


def decide(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who to decide for.")],
    placements: Annotated[
        list[str], typer.Argument(metavar="PLACEMENT", help="Where the offers are to be shown.")
    ],
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context",
            "-c",
            metavar="NAME=VALUE",
            help="An attribute for this request only, e.g. request.reason=cancel, telco.data_used_pct=93.5,"
            " consent.channels=\\[web], customer.tenure=90d. May be repeated.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show every action: who won and why, who is out and why."),
    ] = False,
    channel: Annotated[
        str, typer.Option(help="The channel, if it is not plain from the placements.")
    ] = "",
    max_offers: Annotated[
        int,
        typer.Option("--max-offers", help="Offers for each placement; 0: as many as it has slots."),
    ] = 0,
    request_id: Annotated[
        str,
        typer.Option(
            "--request-id", help="The same id within five minutes gets the same decision."
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Record nothing, learn nothing.")
    ] = False,
    timeout_ms: Annotated[
        int | None,
        typer.Option("--timeout-ms", min=1, help="The latency budget; else the channel's default."),
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
    tls_ca: CertificateOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Ask a running service what to offer a customer, and why.

    Example: attune decide c-1001 web.home_hero --context request.reason=cancel --explain
    """
    request = DecideRequest(
        request_id=request_id,
        customer_id=customer,
        channel=channel,
        placements=placements,
        context=_context(context or []),
        max_offers=max_offers,
        explain=explain,
        dry_run=dry_run,
    )
    with connected(server, tls_ca) as connection:
        response: DecideResponse = DecisionServiceStub(connection).Decide(
            request, timeout=timeout_ms / 1000 if timeout_ms else None
        )
    if format_ is Format.JSON:
        typer.echo(orjson.dumps(_plain(response), option=orjson.OPT_INDENT_2))
    else:
        console = Console(markup=False, highlight=False, emoji=False)
        show(response, customer, console)


def _context(pairs: list[str]) -> dict[str, AttributeValue]:
    try:
        return dict(map(pair, pairs))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--context") from None


def _plain(response: DecideResponse) -> object:
    return MessageToDict(
        response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
