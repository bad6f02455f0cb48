"""`attune bench`: load on a running service, and how long its customers would have waited."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from engine.bench.compare import changes, unlike
from engine.bench.pages import pages
from engine.bench.people import customers
from engine.bench.plan import Plan
from engine.bench.report import Report, read, report
from engine.bench.run import run
from engine.bench.screen import screen_for, tell, tell_changes
from engine.bench.slo import Limit, judge, parse
from engine.cli.client import (
    DEFAULT_SERVER,
    CertificateOption,
    Format,
    FormatOption,
    ServerOption,
    connected,
    fail,
)
from engine.cli.values import pair
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.rulebook_pb2 import GetRuleBookStatusRequest, GetRuleBookStatusResponse
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub
from engine.wire.value_pb2 import AttributeValue

_TRAFFIC, _RESULT = "What is asked", "What is made of it"


def bench(
    rate: Annotated[
        float, typer.Option(min=0.1, help="Questions a second, of all processes together.")
    ] = 100.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure.")] = 30.0,
    warm_up: Annotated[
        float, typer.Option(min=0, help="Seconds of the same load before, not counted.")
    ] = 2.0,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Client processes that share the rate.")
    ] = 1,
    stream: Annotated[
        bool, typer.Option("--stream", help="Ask over DecideStream instead of a call each.")
    ] = False,
    budget_ms: Annotated[
        int, typer.Option(min=0, help="The latency budget of a question; 0: the channel's default.")
    ] = 0,
    mix: Annotated[
        str,
        typer.Option(
            metavar="CHANNEL=WEIGHT,…",
            rich_help_panel=_TRAFFIC,
            help="How often each channel asks, e.g. web=80,ivr=20; all alike if not given.",
        ),
    ] = "",
    placements: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            rich_help_panel=_TRAFFIC,
            help="What is asked for; all placements of the service if not given.",
        ),
    ] = "",
    together: Annotated[
        int,
        typer.Option(min=1, max=30, rich_help_panel=_TRAFFIC, help="Placements in one question."),
    ] = 1,
    who: Annotated[
        str,
        typer.Option(
            "--customers",
            metavar="FILE|NUMBER",
            rich_help_panel=_TRAFFIC,
            help="Who asks: a file of ids, one a line (or a CSV with customer_id), or how many to make up (bench-0, bench-1, …).",
        ),
    ] = "10000",
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context",
            "-c",
            metavar="NAME=VALUE",
            rich_help_panel=_TRAFFIC,
            help="An attribute of every question. May be repeated.",
        ),
    ] = None,
    responses: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            rich_help_panel=_TRAFFIC,
            help="The share of answers followed by a response (seen; one in ten clicked). They teach"
            " the model: only where invented responses may.",
        ),
    ] = 0.0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            rich_help_panel=_TRAFFIC,
            help="Decisions change nothing. Else they are real: logged, and their offers count against"
            " caps and contact policies as any that were not reported on.",
        ),
    ] = False,
    seed: Annotated[
        int, typer.Option(rich_help_panel=_TRAFFIC, help="The same seed asks the same again.")
    ] = 1,
    slo: Annotated[
        str,
        typer.Option(
            metavar="LIMIT,…",
            rich_help_panel=_RESULT,
            help="Exit with 1 if it is missed, e.g. p99=20ms,errors=0.1%,degraded=1%. A question without"
            " a good answer counts as one that took for ever.",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--report", dir_okay=False, rich_help_panel=_RESULT, help="Write a report."),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            rich_help_panel=_RESULT,
            help="Put an earlier report beside it.",
        ),
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
    tls_ca: CertificateOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Put load on a running service and tell how long its customers would have waited.

    Customers come at random (a Poisson process), whether or not those before them were answered.
    Latency counts from the moment they meant to come, so that a service that stalls cannot hide it.

    Example: attune bench --rate 200 --seconds 60

      attune bench --rate 500 --stream --processes 2 --mix web=80,ivr=20 --slo p99=20ms,errors=0.1%

      attune bench --customers ids.txt --dry-run --report today.json --compare last-week.json
    """  # fmt: skip
    limits = _limits(slo)
    earlier = read(compare) if compare else None
    template = DecideRequest(context=_context(context or []), dry_run=dry_run)
    if responses and dry_run:
        raise typer.BadParameter("a dry run has nothing to respond to", param_hint="--responses")
    status = _status(server, tls_ca)
    plan = Plan(
        server=server, tls_ca=str(tls_ca) if tls_ca else None,
        rate=rate, seconds=seconds, warm_up=warm_up, processes=processes,
        stream=stream, budget_ms=budget_ms,
        pages=pages(status.placements, _names(placements), mix, together), customers=customers(who),
        responses=responses, template=template, seed=seed,
    )  # fmt: skip
    found = _measured(plan, limits, status.active_version)
    if out:
        _write(found, out)
    console = Console(stderr=format_ is Format.JSON)
    if format_ is Format.JSON:
        typer.echo(found.to_json())
    else:
        tell(found, console)
    if earlier:
        tell_changes(changes(earlier, found), unlike(earlier, found), console)
    _end(found)


def _measured(plan: Plan, limits: tuple[Limit, ...], version: str) -> Report:
    started = datetime.now(UTC)
    with screen_for(Console(stderr=True), plan) as screen:
        course = asyncio.run(run(plan, screen.show))
    return report(plan, course, judge(limits, course.total), version, started)


def _end(found: Report) -> None:
    """Exits with 1 if a limit was missed, or nothing at all was answered."""
    if not found.answered:
        fail("no question was answered", 1)
    if not all(verdict["kept"] for verdict in found.slo):
        raise typer.Exit(1)


def _status(server: str, tls_ca: Path | None) -> GetRuleBookStatusResponse:
    with connected(server, tls_ca) as channel:
        status: GetRuleBookStatusResponse = RuleBookServiceStub(channel).GetRuleBookStatus(
            GetRuleBookStatusRequest(), timeout=10
        )
    if not status.active_version:
        fail(f"the service at {server} has no rule book in force, so it decides nothing", 1)
    return status


def _limits(text: str) -> tuple[Limit, ...]:
    try:
        return parse(text) if text else ()
    except ValueError as error:
        _bad(error, "--slo")


def _context(pairs: list[str]) -> dict[str, AttributeValue]:
    try:
        return dict(map(pair, pairs))
    except ValueError as error:
        _bad(error, "--context")


def _bad(error: ValueError, option: str) -> NoReturn:
    raise typer.BadParameter(str(error), param_hint=option) from None


def _names(text: str) -> list[str]:
    return [name for name in map(str.strip, text.split(",")) if name]


def _write(found: Report, path: Path) -> None:
    try:
        found.write(path)
    except OSError as error:
        fail(f"the report cannot be written to {path}: {error.strerror}", 1)
