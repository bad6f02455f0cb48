"""`attune import customers`: loads customers from CSV or Parquet files into a running service."""

import codecs
import csv
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, cast

import grpc
import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from engine.cli.client import (
    DEFAULT_SERVER,
    CertificateOption,
    Format,
    FormatOption,
    ServerOption,
    connected,
    fail,
)
from engine.errors import AttuneError
from engine.imports.mapping import CustomerMap, map_by_name, read_map
from engine.imports.plan import ImportPlan, Rejection, needs_id, settle
from engine.imports.sending import Sender, Tally
from engine.imports.table import Table, open_table
from engine.wire.rulebook_pb2 import GetRuleBookStatusRequest
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub

_REJECTED: Final = 1
_NOTHING_DONE: Final = 2
_SHOWN: Final = 20
_LISTED: Final = 1_000

import_ = typer.Typer(help="Load customers from CSV or Parquet files.", no_args_is_help=True)


@import_.callback()
def _import() -> None:
    """Load customers from CSV or Parquet files."""


@import_.command()
def customers(
    file: Annotated[Path, typer.Argument(help="A .csv, .csv.gz or .parquet file.")],
    map_: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="Which column is which attribute; see examples/telco-import.yaml. Without it the columns"
            " are named like attributes, and customer_id.",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Customers sent in one call.")] = 500,
    errors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every mistake there, as CSV."),
    ] = None,
    sep: Annotated[
        str, typer.Option(metavar="CHAR", help="What parts the columns; else found out.")
    ] = "",
    encoding: Annotated[str, typer.Option(help="How the text is encoded.")] = "utf-8",
    server: ServerOption = DEFAULT_SERVER,
    tls_ca: CertificateOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Load customers from a CSV or Parquet file into a running service.

    A row with a mistake is left out and named with its line and column; all others are imported. Ends
    with 0 if every row was imported, 1 if some were not, 2 if nothing could be done.

    Example: attune import customers telco-customer-churn.csv.gz --map examples/telco-import.yaml
    """
    _usable(file, sep, encoding)
    with ExitStack() as stack:
        mapping = _told(lambda: read_map(map_)) if map_ else None
        table = _told(lambda: stack.enter_context(open_table(file, sep, encoding)))
        channel = stack.enter_context(connected(server, tls_ca))
        plan = _plan(mapping, table, channel)
        notes = stack.enter_context(_notes(errors, table.unit))
        for remark in _remarks(plan):
            typer.echo(remark, err=True)
        outcome = _send(channel, plan, table, batch, notes)
    _report(outcome, notes, file, format_)


@dataclass(slots=True)
class _Notes:
    """The mistakes found: the first thousand are kept, all are written to the file of errors."""

    unit: str
    write: Callable[[Rejection], None]
    kept: list[Rejection] = field(default_factory=list)
    count: int = 0

    def add(self, rejection: Rejection) -> None:
        self.count += 1
        if len(self.kept) < _LISTED:
            self.kept.append(rejection)
        self.write(rejection)

    def line(self, rejection: Rejection) -> str:
        column = f", column {rejection.column}" if rejection.column else ""
        quoted = f"'{rejection.value}'" if rejection.value else ""
        value = f" {quoted}" if not rejection.message.startswith(quoted) else ""
        return f"{self.unit} {rejection.number}{column}:{value} {rejection.message}"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the import ended; `broken_off` says why it did not reach the end of the file, "" if it did."""

    tally: Tally
    seconds: float
    broken_off: str


def _usable(file: Path, sep: str, encoding: str) -> None:
    if not file.is_file():
        fail(f"there is no file {file}", _NOTHING_DONE)
    if len(sep) > 1:
        raise typer.BadParameter("must be one character", param_hint="--sep")
    try:
        codecs.lookup(encoding)
        "a".encode(encoding)
    except (LookupError, UnicodeError) as error:
        wrong = "is no encoding of text" if "not a text" in str(error) else ""
        raise typer.BadParameter(
            f"{encoding} {wrong}" if wrong else f"no encoding is called {encoding}",
            param_hint="--encoding",
        ) from None


def _told(step: Callable[[], Any]) -> Any:
    """What a step yields; a mistake in what it was given ends the program."""
    try:
        return step()
    except AttuneError as error:
        fail(str(error), _NOTHING_DONE)
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}", _NOTHING_DONE)


def _plan(mapping: CustomerMap | None, table: Table, channel: grpc.Channel) -> ImportPlan:
    """The plan, by the attributes that the service's rule book declares."""
    status = RuleBookServiceStub(channel).GetRuleBookStatus(
        GetRuleBookStatusRequest(), timeout=10.0
    )
    declared = list(status.attributes)
    if not declared:
        fail("the service has no rule book, so no attribute is declared", _NOTHING_DONE)
    if mapping is None:
        if problem := needs_id(table.header):
            fail(problem, _NOTHING_DONE)
        storable = [info.name for info in declared if not info.kept_from_events]
        mapping = map_by_name(table.header, storable)
    settled = mapping
    plan: ImportPlan = _told(lambda: settle(settled, table.header, declared))
    return plan


def _remarks(plan: ImportPlan) -> Iterator[str]:
    if plan.left_out:
        yield (
            f"left out, because nothing is said of them: {', '.join(plan.left_out)}"
            " (list them under 'ignore' if that is meant)"
        )


@contextmanager
def _notes(errors: Path | None, unit: str) -> Iterator[_Notes]:
    if errors is None:
        yield _Notes(unit, lambda _: None)
        return
    try:
        with errors.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow((unit, "column", "value", "message"))
            yield _Notes(unit, lambda r: writer.writerow((r.number, r.column, r.value, r.message)))
    except OSError as error:
        fail(f"{errors} cannot be written: {error.strerror}", _NOTHING_DONE)


def _send(
    channel: grpc.Channel, plan: ImportPlan, table: Table, batch: int, notes: _Notes
) -> _Outcome:
    sender = Sender(channel, plan, batch, notes.add)
    began = time.monotonic()
    broken_off = ""
    with _progress() as progress:
        task = progress.add_task("customers", total=table.size or 1, imported=0, rejected=0)
        try:
            for tally in sender.send(table.rows):
                progress.update(
                    task,
                    completed=table.progress(),
                    imported=f"{tally.imported:,}",
                    rejected=f"{tally.rejected:,}",
                )
        except grpc.RpcError as error:
            if not sender.tally.imported:
                raise
            call = cast("grpc.Call", error)
            broken_off = f"{call.code().name}: {call.details()}"
    return _Outcome(sender.tally, time.monotonic() - began, broken_off)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[imported]} imported, {task.fields[rejected]} rejected"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _report(outcome: _Outcome, notes: _Notes, file: Path, format_: Format) -> None:
    tally = outcome.tally
    pace = tally.read / outcome.seconds if outcome.seconds > 0 else 0.0
    for rejection in notes.kept[:_SHOWN]:
        typer.echo(notes.line(rejection), err=True)
    if notes.count > _SHOWN:
        typer.echo(
            f"… and {notes.count - _SHOWN:,} more mistakes; --errors FILE has them all", err=True
        )
    if format_ is Format.JSON:
        typer.echo(orjson.dumps(_as_dict(outcome, notes, file, pace)))
    else:
        typer.echo(
            f"{tally.imported:,} customers imported, {tally.rejected:,} rejected"
            f" ({pace:,.0f} rows/s, {outcome.seconds:.1f} s)"
        )
    if outcome.broken_off:
        fail(f"broken off before the end of the file: {outcome.broken_off}", _REJECTED)
    if tally.rejected:
        raise typer.Exit(_REJECTED if tally.imported else _NOTHING_DONE)


def _as_dict(outcome: _Outcome, notes: _Notes, file: Path, pace: float) -> dict[str, object]:
    return {
        "file": str(file),
        "rows": outcome.tally.read,
        "imported": outcome.tally.imported,
        "rejected": outcome.tally.rejected,
        "errors": [
            {notes.unit: r.number, "column": r.column, "value": r.value, "message": r.message}
            for r in notes.kept
        ],
        "errors_listed": len(notes.kept),
        "errors_found": notes.count,
        "broken_off": outcome.broken_off,
        "seconds": round(outcome.seconds, 3),
        "rows_per_second": round(pace, 1),
    }
