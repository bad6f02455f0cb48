"""`attune simulate`: what a rule book would do to logged traffic, before it goes live."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from engine.cli.check import absence, as_text
from engine.cli.client import Format, FormatOption
from engine.errors import AttuneError

if TYPE_CHECKING:
    from engine.rulebook.book import RuleBook


def simulate(
    rules: Annotated[Path, typer.Option(metavar="NEW", help="The rule book to try.")],
    log: Annotated[
        Path, typer.Option(metavar="DIR", help="The data directory of a service, running or not.")
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD", help="The rule book to compare it with; by default what was really done."
        ),
    ] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Makes logged decisions again by another rule book, and says what that would earn.

    Each customer is taken as they were known at the time, contact policies
    included. Acceptance and value are estimated from the offers that were
    seen, with 95 % intervals; volumes and gains are counted.

    Example: attune simulate --rules next-month/ --log ~/.attune
    """
    try:
        new = _loaded(rules)
        old = None if against is None else _loaded(against)
        from engine.simulation.simulate import simulate as simulated
        from engine.simulation.telling import sentences, told

        with Progress(
            *(SpinnerColumn(), TextColumn("{task.completed:,.0f} decisions made again")),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        ) as progress:
            task = progress.add_task("", total=None)
            result = simulated(log, new, old, lambda more: progress.advance(task, more))
    except AttuneError as error:
        typer.echo(f"attune simulate: {error}", err=True)
        raise typer.Exit(1) from None
    before = "today" if old is None else "before"
    if format_ is Format.JSON:
        typer.echo(json.dumps(result.to_dict() | {"sentences": sentences(result, before)}))
    else:
        typer.echo(told(result, before))


def _loaded(rules: Path) -> "RuleBook":
    if not rules.is_dir():
        typer.echo(f"attune simulate: {absence(rules)}", err=True)
        raise typer.Exit(1)
    from engine.rulebook.load import load

    loaded = load(rules)
    if loaded.book is None:
        typer.echo(as_text(loaded.diagnostics, rules, colour=sys.stdout.isatty()))
        raise typer.Exit(1)
    return loaded.book
