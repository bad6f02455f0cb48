"""`attune fairness`: whether some customers are offered, or take, less than others."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.books import chosen_book
from engine.cli.client import Format, FormatOption
from engine.cli.decision import DataOption
from engine.cli.health import DaysOption, reading, since
from engine.errors import AttuneError
from engine.health.limits import Severity

_UNTOLD = 2
_STATUS = {Severity.CRITICAL: 1, Severity.UNTOLD: _UNTOLD}


def fairness(
    data: DataOption = Path("data"),
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The rule book that declares what is sensitive; by default the one last in force.",
        ),
    ] = None,
    days: DaysOption = 30.0,
    attribute: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also look at this attribute. May be repeated."),
    ] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Compares what customers were offered and took by each sensitive attribute.

    Sensitive is what attributes.yaml calls sensitive or protected: nothing is
    decided by it, and yet other things may stand in for it. Categories are
    compared by the ratio of rates (strict band 0.9 to 1.11), numbers by Gini's
    coefficient, for anything, each issue, group and action. Too few customers
    to tell are said to be too few. The service may be running.

    Exit status 0 if nothing is critical, 1 if something is, 2 if it cannot be
    told.

    Example: attune fairness --data ~/.attune

    Example: attune fairness --data ~/.attune --days 7 --attribute customer.age --format json
    """
    from engine.fairness.fairness import fairness as looked_at
    from engine.fairness.telling import told

    try:
        book = chosen_book(rules)
        with reading() as tell:
            found = looked_at(data, book, since(days), attribute or (), tell)
    except AttuneError as error:
        typer.echo(f"attune fairness: {error}", err=True)
        raise typer.Exit(_UNTOLD) from None
    typer.echo(json.dumps(found.to_dict()) if format_ is Format.JSON else told(found))
    raise typer.Exit(_STATUS.get(found.severity, 0))
