"""`attune check`: every mistake in a rule book, with the place an editor can jump to."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.rulebook.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from engine.rulebook.book import RuleBook
    from engine.rulebook.loosening import Loosening


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The rule book: a directory with policies.yaml.")
    ],
    format: Annotated[Format, typer.Option(help="For people, or for programs.")] = Format.TEXT,  # noqa: A002  # the option's name
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD",
            help="Also list what this book no longer asks, compared with that in OLD.",
        ),
    ] = None,
) -> None:
    """Finds every mistake in a rule book; exit status 1 if there is one, 2 if there is no book.

    Notices name what is valid but not enforced yet; they are no mistakes. Neither is what was loosened.

    Example: attune check rules/telecom
    """
    for each in filter(None, (directory, against)):
        if not each.is_dir():
            typer.echo(f"attune check: {absence(each)}", err=True)
            raise typer.Exit(2)
    from engine.rulebook.load import load

    loaded = load(directory, now=time.time_ns() // 1000)
    found = loaded.diagnostics
    loosened = None if against is None or loaded.book is None else _loosened(against, loaded.book)
    if format is Format.JSON:
        typer.echo(as_json(found, loosened))
    else:
        typer.echo(as_text(found, directory, loosened or (), colour=sys.stdout.isatty()))
    raise typer.Exit(0 if loaded.book else 1)


def _loosened(old: Path, new: "RuleBook") -> Sequence["Loosening"]:
    from engine.rulebook.load import load
    from engine.rulebook.loosening import loosened

    before = load(old).book
    if before is None:
        typer.echo(f"attune check: {old} has mistakes itself, so nothing can be compared", err=True)
        raise typer.Exit(2)
    return loosened(before, new)


def as_json(found: Sequence[Diagnostic], loosened: Sequence["Loosening"] | None = None) -> str:
    """`{"valid": …, "diagnostics": [{file, line, column, message, severity}]}`.

    Files are relative to the book's directory; the severity is `error` or `notice`. With `loosened`
    there is also `"loosened": [{kind, name, actions, message, file, line, column}]`.
    """
    compared = {} if loosened is None else {"loosened": [_as_entry(each) for each in loosened]}
    return json.dumps(
        compared
        | {
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


def _as_entry(loosening: "Loosening") -> dict[str, object]:
    return asdict(loosening) | {"kind": loosening.kind.name.lower()}


def as_text(
    found: Sequence[Diagnostic],
    directory: Path,
    loosened: Sequence["Loosening"] = (),
    *,
    colour: bool = False,
) -> str:
    """The errors, the notices, what was loosened, one line each; a summary.

    The directory stands before the files, except where a condition that is gone was written.
    """
    errors = _errors(found)
    notices = [one for one in found if one.severity is Severity.NOTICE]
    lines = [_line(one, directory, colour=colour) for one in (*errors, *notices)]
    lines += [f"loosened: {each}" for each in loosened]
    summary = f"{_counted(len(errors), 'error')}, {_counted(len(notices), 'notice')}"
    verdict = "not valid" if errors else "valid"
    return "\n".join((*lines, f"{directory}: {verdict} ({summary})"))


def mistakes(found: Sequence[Diagnostic], directory: Path) -> str:
    """The errors alone, one line each and with the directory before the file."""
    return "\n".join(_line(one, directory, colour=False) for one in _errors(found))


def _line(one: Diagnostic, directory: Path, *, colour: bool) -> str:
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


def absence(directory: Path) -> str:
    """What to say where there should be a directory and is none."""
    if directory.exists():
        return f"{directory} is a file: name the directory of a rule book"
    return f"there is no directory {directory}"
