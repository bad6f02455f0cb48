"""`attune test`: runs the tests that marketing wrote beside the rules, and says what went otherwise."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from engine.cli.check import Format, absence, as_json, as_text

if TYPE_CHECKING:
    from engine.model import Reason
    from engine.rehearsal import Absence, Rehearsed, Shortfall
    from engine.rulebook.case import Case

_BROKEN: Final = 2
_COLOURS: Final = {
    "passed": typer.colors.GREEN,
    "failed": typer.colors.RED,
}
_TESTS: Final = frozenset({"consent", "eligible_when", "applicable_when", "suitable_when", "when"})
_WORDS: Final = {"passed": "ok", "failed": "FAILED"}


def rehearse(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The rule book: a directory with policies.yaml.")
    ],
    keyword: Annotated[
        str,
        typer.Option(
            "-k", "--keyword", metavar="WORD", help="Only tests whose name or file has this in it."
        ),
    ] = "",
    format: Annotated[Format, typer.Option(help="For people, or for programs.")] = Format.TEXT,  # noqa: A002  # the option's name
) -> None:
    """Runs the tests beside the rules, tests/*.yaml.

    Exit status 1 if one fails, 2 if the book is broken (its mistakes are printed).

    Each test is decided like a request, but nothing is left to chance, and
    every action has the propensity 0.1 unless the test gives it another.

    Example: attune test rules/telecom

    Example: attune test rules/telecom -k birthday
    """
    if not directory.is_dir():
        typer.echo(f"attune test: {absence(directory)}", err=True)
        raise typer.Exit(_BROKEN)
    from engine.rulebook.load import load

    loaded = load(directory)
    colour = sys.stdout.isatty()
    if loaded.book is None:
        mistakes = loaded.diagnostics
        as_is = format is Format.JSON
        typer.echo(as_json(mistakes) if as_is else as_text(mistakes, directory, colour=colour))
        raise typer.Exit(_BROKEN)
    cases = [case for case in loaded.cases if _meant(case, keyword)]
    if keyword and not cases:
        typer.echo(f"attune test: no test of {directory} has '{keyword}' in its name", err=True)
        raise typer.Exit(_BROKEN)
    from engine.rehearsal import Rehearsal, Verdict

    rehearsal = Rehearsal(loaded.book, time.time_ns() // 1_000)
    if format is Format.JSON:
        results = [rehearsal.play(case) for case in cases]
        typer.echo(results_as_json(results))
    else:
        results = []
        for number, case in enumerate(cases, 1):
            results.append(rehearsal.play(case))
            typer.echo(_line(results[-1], f"{number:>{len(str(len(cases)))}}/{len(cases)}", colour))
        for line in _report(results, directory, colour):
            typer.echo(line)
    raise typer.Exit(1 if any(r.verdict is Verdict.FAILED for r in results) else 0)


def _meant(case: "Case", keyword: str) -> bool:
    return keyword.casefold() in f"{case.file} {case.name}".casefold()


# --- for people -----------------------------------------------------------------------------------


def _line(result: "Rehearsed", counter: str, colour: bool) -> str:
    verdict = _painted(f"{_WORDS[result.verdict]:<7}", result.verdict, colour)
    return f"{counter} {verdict} {result.case.name}"


def _report(results: "Sequence[Rehearsed]", directory: Path, colour: bool) -> Iterator[str]:
    """Every failed test with what was expected and what came; the summary."""
    for result in results:
        if not result.shortfalls:
            continue
        case = result.case
        yield ""
        yield _painted(f"{directory / case.file}:{case.line}: {case.name}", result.verdict, colour)
        for shortfall in result.shortfalls:
            yield from _told(shortfall, result, directory)
    yield ""
    yield _summary(results, directory, colour)


def _told(shortfall: "Shortfall", result: "Rehearsed", directory: Path) -> Iterator[str]:
    place = f"{directory / result.case.file}:{shortfall.expected.line}"
    yield f"  expected  {shortfall.expected}   ({place})"
    yield f"  came      {shortfall.came}"
    for absence_ in shortfall.absences:
        yield from _why(absence_, directory)


def _why(one: "Absence", directory: Path) -> Iterator[str]:
    if not one.reasons:
        yield f"  {one.action_id} {one.standing or 'was offered'}"
        return
    yield f"  {one.action_id} is out:"
    for reason in one.reasons:
        yield f"    {because(reason)}"
        if reason.saw:
            saw = ", ".join(f"{name} = {value}" for name, value in reason.saw.items())
            yield f"      saw {saw}"
        if reason.place:
            yield f"      at  {directory / reason.place}"


def because(reason: "Reason") -> str:
    """A condition with its verdict; the engine's own reasons are sentences already."""
    if reason.code.partition(".")[0] not in _TESTS:
        return f"{reason.code}: {reason.detail}"
    return f"{reason.code} is {'unknown' if reason.unknown else 'false'}: {reason.detail}"


def _summary(results: "Sequence[Rehearsed]", directory: Path, colour: bool) -> str:
    if not results:
        return f"{directory}: there are no tests yet; write the first in {directory / 'tests'}"
    count = Counter(str(result.verdict) for result in results)
    parts = [
        _painted(f"{count[verdict]} {verdict}", verdict, colour)
        for verdict in ("failed", "passed")
        if count[verdict]
    ]
    return f"{directory}: {', '.join(parts)}"


def _painted(text: str, verdict: str, colour: bool) -> str:
    return typer.style(text, fg=_COLOURS[verdict]) if colour else text


# --- for programs ---------------------------------------------------------------------------------


def results_as_json(results: "Iterable[Rehearsed]") -> str:
    """`{"passed": n, "failed": n, "tests": [{name, file, line, verdict, …}]}`.

    Files are relative to the book's directory. A failed test
    has `shortfalls`, each with line, expected, came, and the reasons of each action that is out.
    """
    tests = [_test(result) for result in results]
    count = Counter(test["verdict"] for test in tests)
    counts = {verdict: count[verdict] for verdict in _COLOURS}
    return json.dumps({**counts, "tests": tests}, indent=2, ensure_ascii=False)


def _test(result: "Rehearsed") -> dict[str, Any]:
    case = result.case
    told: dict[str, Any] = {
        "name": case.name,
        "file": case.file,
        "line": case.line,
        "verdict": str(result.verdict),
    }
    if result.shortfalls:
        told["shortfalls"] = [
            {
                "line": shortfall.expected.line,
                "expected": str(shortfall.expected),
                "came": shortfall.came,
                "out": [
                    {
                        "action": absence_.action_id,
                        "reasons": [reason_as_json(reason) for reason in absence_.reasons],
                    }
                    for absence_ in shortfall.absences
                ],
            }
            for shortfall in result.shortfalls
        ]
    return told


def reason_as_json(reason: "Reason") -> dict[str, Any]:
    """A reason: code, stage, whether it is unknown rather than false, text, place, values seen."""
    return {
        "code": reason.code,
        "stage": reason.stage.name.lower(),
        "unknown": reason.unknown,
        "detail": reason.detail,
        "place": reason.place,
        "saw": dict(reason.saw),
    }
