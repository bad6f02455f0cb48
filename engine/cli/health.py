"""`attune health`: how well models and decisions did lately."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.books import chosen_book
from engine.cli.client import Format, FormatOption
from engine.cli.decision import DataOption
from engine.errors import AttuneError
from engine.health.limits import Severity
from engine.model import DAY

if TYPE_CHECKING:
    from engine.model import Micros

_UNTOLD = 2
_STATUS = {Severity.CRITICAL: 1, Severity.UNTOLD: _UNTOLD}

DaysOption = Annotated[
    float,
    typer.Option(min=0.0, metavar="N", help="Only decisions of the last N days; 0 for all kept."),
]


def health(
    data: DataOption = Path("data"),
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The rule book to judge by; by default the one last in force."
        ),
    ] = None,
    days: DaysOption = 30.0,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also draw calibration, gains, reliability over time and AUC by success rate there,"
            " as PNG and one page of HTML. Needs the extra 'plots'.",
        ),
    ] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Says how well models and decisions did, by the limits of the trade.

    Of every model (an action on a channel): responses, positives, AUC,
    calibration, drift, and which features move it. Of the decisions: those
    that offered nothing, how many actions were left to choose from, customers
    who were never offered anything. The service may be running.

    Exit status 0 if nothing is critical, 1 if something is, 2 if it cannot be
    told. A young service is critical for a while: its models have learned
    from too little.

    Example: attune health --data ~/.attune

    Example: attune health --data ~/.attune --days 7 --plots health/ --format json
    """
    from engine.health.telling import told

    try:
        book = chosen_book(rules)
        if plots is not None:
            from engine.health.plots import require_library

            require_library()
        from engine.health.health import health as looked_at

        with reading() as tell:
            found = looked_at(data, book, since(days), tell)
        if plots is not None:
            from engine.health.plots import draw

            draw(found, plots)
    except AttuneError as error:
        typer.echo(f"attune health: {error}", err=True)
        raise typer.Exit(_UNTOLD) from None
    typer.echo(json.dumps(found.to_dict()) if format_ is Format.JSON else told(found))
    if plots is not None:
        typer.echo(f"The plots are in {plots}.", err=True)
    raise typer.Exit(_STATUS.get(found.severity, 0))


def since(days: float) -> "Micros":
    """The moment so many days ago; 0 for no days."""
    return time.time_ns() // 1_000 - int(days * DAY) if days else 0


@contextmanager
def reading() -> Iterator[Callable[[str, int], None]]:
    """Shows how much of what has been read, on a terminal; gives what is to be told."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description} read"))
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as bar:
        tasks: dict[str, object] = {}

        def tell(what: str, more: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=None)
            bar.advance(tasks[what], more)  # type: ignore[arg-type]  # rich's own id

        yield tell
