"""`attune replay`: recorded decisions made again from their records, and compared bit for bit."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from engine.cli.client import Format, FormatOption
from engine.cli.decision import DataOption
from engine.cli.progress import progress
from engine.errors import AttuneError

if TYPE_CHECKING:
    from engine.codec import DecisionRecord
    from engine.model import Micros
    from engine.replay.comparing import Check
    from engine.replay.replay import Books, Replayed

_DIFFERS: Final = 1
_UNTOLD: Final = 2


def replay(
    decisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="DECISION", help="Decisions by id, as answers name them."),
    ] = None,
    data: DataOption = Path("data"),
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The rule book's files as they were; else the books kept in the data directory.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Replay all decisions that are recorded.")
    ] = False,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="With --all: only those of the last 30m, 1h, 7d …")
    ] = "",
    model: Annotated[
        bool,
        typer.Option(
            "--model",
            help="Also learn the model again from the journal, up to each decision, and compare"
            " what it gave. Holds all customers in memory.",
        ),
    ] = False,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Makes recorded decisions again and says whether they come out the same.

    From the record come the attributes the rules saw, the seed, and what
    depended on everybody else at that moment: what contact policies and caps
    kept back, and (without --model) the propensities. Everything else is worked
    out anew by the very rule book that decided, and compared bit for bit.

    Exit status 0 if all are equal, 1 if one differs, 2 if it cannot be told.

    Example: attune replay 06608b015f3000-00000000000004d2

    Example: attune replay --all --since 1h --data data --model
    """
    _check_options(decisions, since, everything=everything)
    from engine.replay.finding import named
    from engine.replay.finding import since as made_since

    try:
        found = named(data, decisions) if decisions else made_since(data, _earliest(since))
        replayed = _replayed(data, rules, found, with_model=model)
    except AttuneError as error:
        _end(str(error))
    _print(replayed, format_)
    raise typer.Exit(_status(replayed))


def _check_options(decisions: Sequence[str] | None, since: str, *, everything: bool) -> None:
    if bool(decisions) == everything:
        raise typer.BadParameter("name decisions, or ask for --all")
    if since and not everything:
        raise typer.BadParameter("goes with --all", param_hint="--since")


def _earliest(since: str) -> "Micros":
    from engine.rulebook.times import duration_of

    if not since:
        return 0
    length = duration_of(since)
    if length is None:
        raise typer.BadParameter(f"'{since}' is no length of time like 30m, 1h or 7d")
    return time.time_ns() // 1_000 - length


def _replayed(
    data: Path, rules: Path | None, found: "Sequence[DecisionRecord]", *, with_model: bool
) -> "list[Replayed]":
    from engine.replay.books import KeptBooks
    from engine.replay.replay import Replay

    books = KeptBooks(data, rules)
    replay = Replay(books)
    replayed = []
    with progress("decisions") as advance:
        for done, record in enumerate(found, 1):
            replayed.append(replay.replay(record))
            advance(done, len(found))
    return _with_model(data, books, found, replayed) if with_model else replayed


def _with_model(
    data: Path, books: "Books", found: "Sequence[DecisionRecord]", replayed: "Sequence[Replayed]"
) -> "list[Replayed]":
    from engine.replay.taught import taught

    with progress("lessons") as advance:
        checks = taught(data, found, books, advance)
    return [one.with_check(checks[one.decision_id]) for one in replayed]


def _status(replayed: "Iterable[Replayed]") -> int:
    from engine.replay.comparing import Verdict

    verdicts = {one.verdict for one in replayed}
    if Verdict.DIFFERS in verdicts:
        return _DIFFERS
    return _UNTOLD if Verdict.UNTOLD in verdicts else 0


def _end(message: str) -> NoReturn:
    typer.echo(f"attune replay: {message}", err=True)
    raise typer.Exit(_UNTOLD)


# --- printing -------------------------------------------------------------------------------------


def _print(replayed: "Sequence[Replayed]", format_: Format) -> None:
    if format_ is Format.JSON:
        typer.echo(json.dumps([_as_json(one) for one in replayed], indent=2, ensure_ascii=False))
        return
    many = len(replayed) > 1
    for one in replayed:
        if not many or one.verdict != "equal":
            for line in _as_lines(one):
                typer.echo(line)
    if many:
        counted = {v: sum(one.verdict == v for one in replayed) for v in _verdicts(replayed)}
        told = ", ".join(f"{count:,} {verdict}" for verdict, count in counted.items())
        typer.echo(f"{len(replayed):,} decisions replayed: {told}")


def _verdicts(replayed: "Iterable[Replayed]") -> list[str]:
    return sorted({one.verdict.value for one in replayed}, key=lambda verdict: verdict != "equal")


def _as_lines(one: "Replayed") -> Iterator[str]:
    yield f"decision {one.decision_id}: {one.verdict}"
    yield f"  rule book {one.rulebook_version}, model {one.model_version}"
    width = max(len(check.step) for check in one.checks)
    for check in one.checks:
        detail = f"  {check.detail}" if check.detail else ""
        yield f"  {check.step:<{width}}  {_coloured(check):<8}{detail}"
    yield ""


def _coloured(check: "Check") -> str:
    hues = {
        "equal": typer.colors.GREEN,
        "differs": typer.colors.RED,
        "cannot be told": typer.colors.YELLOW,
    }
    return typer.style(f"{check.verdict.value:<8}", fg=hues.get(check.verdict.value))


def _as_json(one: "Replayed") -> dict[str, Any]:
    return {
        "decision": one.decision_id,
        "verdict": one.verdict,
        "rulebook_version": one.rulebook_version,
        "model_version": one.model_version,
        "checks": [check._asdict() for check in one.checks],
    }
