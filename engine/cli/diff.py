"""`attune diff`: what changes between two rule books, in words and in people."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from engine.cli.check import absence, as_json, as_text
from engine.cli.progress import progress
from engine.errors import AttuneError

if TYPE_CHECKING:
    from engine.cli.differences import Report
    from engine.comparison.counting import AskedTable, Comparable, Counted
    from engine.imports.mapping import CustomerMap
    from engine.model import Micros, Value
    from engine.rulebook.load import Loaded

_LOOSENED: Final = 1
_BROKEN: Final = 1
_NOTHING_DONE: Final = 2
_WIDTH: Final = 120
"""Characters of a line where there is no terminal, and nobody says how wide it would be."""


class Format(StrEnum):
    """How the comparison is printed."""

    TEXT = "text"
    JSON = "json"


def diff(
    old: Annotated[
        Path, typer.Argument(metavar="OLD", help="The rule book as it is: a directory.")
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The rule book as it is to be.")],
    customers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also count people: a .csv, .csv.gz or .parquet file of customers.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="LOG",
            help="Also count decisions: the data directory of a service (or its decisions.db),"
            " which may be running.",
        ),
    ] = None,
    map_: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="Which column of --customers is which attribute, as for `attune import customers`;"
            " else columns are named like attributes, beside customer_id.",
        ),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context",
            "-c",
            metavar="NAME=VALUE",
            help="With --customers: an attribute of every request, e.g. request.reason=cancel."
            " May be repeated.",
        ),
    ] = None,
    now: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="With --customers: when, e.g. 2026-11-21T10:00Z; by default now."
        ),
    ] = "",
    sample: Annotated[
        int, typer.Option(min=0, max=1000, help="How many ids to show as examples.")
    ] = 3,
    fail_on_loosened: Annotated[
        bool,
        typer.Option(
            "--fail-on-loosened",
            help="Exit status 1 if the new book asks less anywhere, or something else.",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also say which conditions were answered row by row.")
    ] = False,
    sep: Annotated[
        str, typer.Option(metavar="CHAR", help="What parts the columns of a CSV; else found out.")
    ] = "",
    encoding: Annotated[str, typer.Option(help="How a CSV is encoded.")] = "utf-8",
    format_: Annotated[
        Format, typer.Option("--format", help="For people, or for programs.")
    ] = Format.TEXT,
) -> None:
    """Says what changes between two rule books: in words and, with customers, in people.

    In words: which conditions ask less or more than before, what became of
    values, levers, texts and everything else. In people: how many of these
    customers gain or lose each action, and who would be shown something else.

    Exit status 1 if a book has mistakes, 2 if nothing could be compared.

    Example: attune diff rules/telecom rules/next

    Example: attune diff rules/telecom rules/next --customers customers.csv

    Example: attune diff rules/telecom rules/next --log data --fail-on-loosened
    """
    _check_options(customers, log, map_, context, now)
    before, after = _loaded(old, format_), _loaded(new, format_)
    from engine.cli.differences import Report
    from engine.comparison.counting import AskedTable, Comparable
    from engine.rulebook.changes import changes

    table = None
    if customers is not None:
        given = _context(context or [], after)
        table = AskedTable(customers, _mapping(map_), _moment(now), given, sep, encoding)
    who = _counted(Comparable(before, after), table, log, sample)
    report = Report(old, new, changes(before, after), who)
    _print(report, format_, verbose=verbose)
    raise typer.Exit(_LOOSENED if fail_on_loosened and report.is_looser else 0)


def _check_options(
    customers: Path | None,
    log: Path | None,
    map_: Path | None,
    context: Sequence[str] | None,
    now: str,
) -> None:
    if customers and log:
        raise typer.BadParameter("count either --customers or a --log")
    if not customers and (map_ or context or now):
        raise typer.BadParameter("--map, --context and --now go with --customers")
    if customers and not customers.is_file():
        _end(f"there is no file {customers}")


def _end(message: str) -> NoReturn:
    typer.echo(f"attune diff: {message}", err=True)
    raise typer.Exit(_NOTHING_DONE)


def _loaded(directory: Path, format_: Format) -> "Loaded":
    """The book; its mistakes, or that there is none, end the program."""
    if not directory.is_dir():
        _end(absence(directory))
    from engine.rulebook.load import load

    loaded = load(directory)
    if loaded.book is None:
        found = loaded.diagnostics
        typer.echo(as_json(found) if format_ is Format.JSON else as_text(found, directory))
        raise typer.Exit(_BROKEN)
    return loaded


def _mapping(path: Path | None) -> "CustomerMap | None":
    from engine.imports.mapping import read_map

    if path is None:
        return None
    try:
        return read_map(path)
    except AttuneError as error:
        _end(str(error))
    except OSError as error:
        _end(f"{error.filename} cannot be read: {error.strerror}")


def _moment(now: str) -> "Micros":
    from engine.rulebook.times import moment_of

    moment = moment_of(now) if now else time.time_ns() // 1_000
    if moment is None:
        raise typer.BadParameter(
            f"'{now}' is no time like 2026-11-21T10:00:00Z", param_hint="--now"
        )
    return moment


def _context(pairs: Sequence[str], new: "Loaded") -> "Mapping[str, Value]":
    from engine.cli.explain import context_of

    return {} if new.book is None else context_of(pairs, new.book)


def _counted(
    books: "Comparable", customers: "AskedTable | None", log: Path | None, sample: int
) -> "Counted | None":
    """Who was counted; None if nobody was to be. What cannot be read ends the program."""
    from engine.comparison.counting import count_customers, count_decisions

    try:
        if customers is not None:
            with progress("customers") as advance:
                return count_customers(books, customers, sample, advance)
        if log is not None:
            with progress("decisions") as advance:
                return count_decisions(books, log, sample, advance)
    except AttuneError as error:
        _end(str(error))
    except OSError as error:
        _end(f"{error.filename} cannot be read: {error.strerror}")
    return None


def _print(report: "Report", format_: Format, *, verbose: bool) -> None:
    from rich.console import Console

    from engine.cli.differences import as_document, as_parts

    if format_ is Format.JSON:
        typer.echo(json.dumps(as_document(report), indent=2, ensure_ascii=False))
        return
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    for part in as_parts(report, verbose=verbose):
        console.print(part, markup=False)
