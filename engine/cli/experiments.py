"""`attune experiments`: what holdouts and standing experiments show."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.books import chosen_book
from engine.cli.client import Format, FormatOption
from engine.errors import AttuneError

if TYPE_CHECKING:
    from engine.model import Micros


def experiments(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The data directory of a service, running or not.")
    ],
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The rule book with the trials; by default the one last in force."
        ),
    ] = None,
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help="Only decisions from then on, e.g. 2026-11-01."),
    ] = "",
    event: Annotated[
        str,
        typer.Option(
            metavar="TYPE",
            help="Also the share of customers with such an interaction, e.g. purchase or churned;"
            " by default what is measured of the actions a holdout keeps back.",
        ),
    ] = "",
    format_: FormatOption = Format.TEXT,
) -> None:
    """Compares customers in holdouts and experiments with all others.

    Lots decide who is in which group, so what differs is what the offers (or
    rules, levers, the model) changed. Intervals are of 95 %, and take
    customers as independent, not decisions. Where groups are not as large as
    their shares say, nothing is concluded and an alarm says what to look for.

    Example: attune experiments --data ~/.attune

    Example: attune experiments --data ~/.attune --since 2026-11-01 --event churned --format json
    """
    try:
        moment = _moment(since)
        book = chosen_book(rules)
        from engine.experiments.results import results
        from engine.experiments.telling import sentences, told

        found = results(data, book, moment, event)
    except AttuneError as error:
        typer.echo(f"attune experiments: {error}", err=True)
        raise typer.Exit(1) from None
    if format_ is Format.JSON:
        report = found.to_dict()
        for trial, result in zip(report["trials"], found.trials, strict=True):
            trial["sentences"] = sentences(result)
        typer.echo(json.dumps(report))
    else:
        typer.echo(told(found))


def _moment(since: str) -> "Micros":
    from engine.rulebook.times import moment_of

    moment = moment_of(since) if since else 0
    if moment is None:
        raise typer.BadParameter(
            f"'{since}' is no time like 2026-11-21T10:00:00Z", param_hint="--since"
        )
    return moment
