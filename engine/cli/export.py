"""`attune export`: models, predictors and interactions for the tools of the trade."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.books import chosen_book
from engine.cli.client import Format, FormatOption
from engine.cli.decision import DataOption
from engine.cli.health import DaysOption, since
from engine.cli.progress import steps
from engine.errors import AttuneError
from engine.exports.kinds import Export, FileFormat

_FAILED = 2


def export(
    what: Annotated[
        list[Export] | None, typer.Argument(help="What to write; by default all of it.")
    ] = None,
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Where to; made if it is not there.")
    ] = Path(),
    data: DataOption = Path("data"),
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The rule book that says which models there could be; by default the one last in"
            " force.",
        ),
    ] = None,
    days: DaysOption = 0.0,
    as_: Annotated[
        FileFormat, typer.Option("--as", help="The files' format; zip holds JSON lines.")
    ] = FileFormat.PARQUET,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Writes models, predictors and interactions as the trade's own tools read them.

    The shape is that of Pega's adaptive models and interaction history, which
    pdstools loads: models by day with AUC, responses and positives; every
    predictor of every model in bins; every response to an offer. The service
    may be running. Interactions hold the customers' ids.

    Example: attune export --data ~/.attune --to exports/

    Example: attune export models predictors --data ~/.attune --to exports/ --as zip --days 90

    Then: python -c "from pdstools import ADMDatamart; ADMDatamart.from_ds_export(base_path='exports').plot.bubble_chart().show()"
    """
    wanted = tuple(dict.fromkeys(what or Export))
    try:
        book = chosen_book(rules)
        from engine.exports.files import export as exported

        with steps("exporting", len(wanted)) as advance:
            written = exported(data, to, wanted, as_, book, since(days), advance)
    except AttuneError as error:
        typer.echo(f"attune export: {error}", err=True)
        raise typer.Exit(_FAILED) from None
    if format_ is Format.JSON:
        typer.echo(json.dumps([{"file": str(path), "rows": rows} for path, rows in written]))
        return
    for path, rows in written:
        typer.echo(f"{path}: {rows:,} rows")
