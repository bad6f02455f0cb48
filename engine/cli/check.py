"""`attune check`: every mistake in a rule book, with the place an editor can jump to."""

import json
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.rulebook.diagnostics import Diagnostic, Severity


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The rule book: a directory with policies.yaml.")
    ],
    format: Annotated[Format, typer.Option(help="For people, or for programs.")] = Format.TEXT,  # noqa: A002  # the option's name
) -> None:
    """Finds every mistake in a rule book; exit status 1 if there is one, 2 if there is no book.

    Notices name what is valid but not enforced yet; they are no mistakes.

    Example: attune check rules/telecom
    """
    if not directory.is_dir():
        typer.echo(f"attune check: {_absence(directory)}", err=True)
        raise typer.Exit(2)
    from engine.rulebook.load import load

    loaded = load(directory, now=time.time_ns() // 1000)
    found = loaded.diagnostics
    if format is Format.JSON:
        typer.echo(as_json(found))
    else:
        typer.echo(as_text(found, directory, colour=sys.stdout.isatty()))
    raise typer.Exit(0 if loaded.book else 1)


def as_json(found: Sequence[Diagnostic]) -> str:
    """`{"valid": …, "diagnostics": [{file, line, column, message, severity}]}`.

    Files are relative to the book's directory; the severity is `error` or `notice`.
    """
    return json.dumps(
        {
            "valid": not _errors(found),
            "diagnostics": [
                {
                    "file": one.file,
                    "line": one.line,
                    "column": one.column,
                    "message": one.message,
                    "severity": one.severity.name.lower(),
                }
                for one in found
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def as_text(found: Sequence[Diagnostic], directory: Path, *, colour: bool = False) -> str:
    """The errors, then the notices, one line each and with the directory before the file; a summary."""
    errors = _errors(found)
    notices = [one for one in found if one.severity is Severity.NOTICE]
    lines = [_line(one, directory, colour) for one in (*errors, *notices)]
    summary = f"{_counted(len(errors), 'error')}, {_counted(len(notices), 'notice')}"
    verdict = "not valid" if errors else "valid"
    return "\n".join((*lines, f"{directory}: {verdict} ({summary})"))


def _line(one: Diagnostic, directory: Path, colour: bool) -> str:
    is_error = one.severity is Severity.ERROR
    place = f"{directory / one.file}:{one.line}:{one.column}"
    label = "" if is_error else "notice: "
    if colour:
        place = typer.style(place, bold=True)
        label = typer.style(label or "", fg=typer.colors.CYAN)
    message = typer.style(one.message, fg=typer.colors.RED) if colour and is_error else one.message
    return f"{place}: {label}{message}"


def _errors(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [one for one in found if one.severity is Severity.ERROR]


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _absence(directory: Path) -> str:
    if directory.exists():
        return f"{directory} is a file: name the directory of a rule book"
    return f"there is no directory {directory}"
