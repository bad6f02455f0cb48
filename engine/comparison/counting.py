"""Counting: a file of customers, or the decisions of a log, counted from the first row to the last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from engine.comparison.customers import CustomerFile
from engine.comparison.outlook import Outlook
from engine.comparison.people import People
from engine.comparison.tally import Tally
from engine.comparison.traffic import Traffic
from engine.edges.journal.decisions import how_many
from engine.edges.rules.kept import kept_in, read_kept
from engine.edges.state.names import DECISIONS
from engine.errors import NotFound
from engine.imports.mapping import CustomerMap
from engine.imports.plan import Rejection
from engine.imports.table import open_table
from engine.model import Micros, Value
from engine.rulebook.book import RuleBook
from engine.rulebook.frames.conditions import ByRow
from engine.rulebook.load import load
from engine.rulebook.loaded import Loaded

Advance = Callable[[int, int], None]
"""Hears how much is done, of how much."""

_KEPT: Final = 20
_EVERY: Final = 1_000


class Comparable(NamedTuple):
    """Two books, both free of mistakes."""

    old: Loaded
    new: Loaded


class AskedTable(NamedTuple):
    """A file of customers, how it is to be read, when they are asked about, and what every request says.

    `separator` "" is found out; without a `mapping` columns are named like attributes.
    """

    path: Path
    mapping: CustomerMap | None
    now: Micros
    context: Mapping[str, Value]
    separator: str = ""
    encoding: str = "utf-8"


@dataclass(slots=True)
class LeftOut:
    """The mistakes for which rows were left out: how many, and the first of them."""

    unit: str = "line"
    count: int = 0
    first: list[Rejection] = field(default_factory=list)

    def add(self, rejection: Rejection) -> None:
        """Hears of a mistake; a row can have several."""
        self.count += 1
        if len(self.first) < _KEPT:
            self.first.append(rejection)


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of counting.

    Attributes:
        unit: what a row is: "customers" or "decisions".
        source: where they come from.
        by_row: what the serving function answered, row by row.
        left_out: rows that could not be read.
        now: when customers are asked about; None for decisions, which have their own time.
        missing: attributes that conditions read and the file says nothing of.
        foreign: decisions made by other books than these, which cannot be compared.
        unseeing: decisions made without the rules, because time ran out.
    """

    unit: str
    source: Path
    tally: Tally
    by_row: Sequence[ByRow]
    left_out: LeftOut = field(default_factory=LeftOut)
    now: Micros | None = None
    context: Mapping[str, Value] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    foreign: int = 0
    unseeing: int = 0


def count_customers(books: Comparable, asked: AskedTable, sample: int, advance: Advance) -> Counted:
    """Counts the customers of a file; at most `sample` ids are kept of each kind.

    Raises:
        InvalidInput: the file is no table, or has no column of ids.
        MappingMistakes: the mapping does not fit the table or the books.
        OSError: the file cannot be read.
    """
    outlook = Outlook(books.old, books.new, asked.context)
    people = People(outlook, sample)
    with open_table(asked.path, asked.separator, asked.encoding) as table:
        file = CustomerFile.of(asked.path, table, asked.mapping, outlook.old, outlook.new)
        left_out = LeftOut(table.unit)
        for batch in file.batches(asked.now, left_out.add):
            people.add(batch)
            done = table.progress() if table.unit == "line" else people.tally.rows
            advance(done, table.size)
    return Counted(
        "customers",
        asked.path,
        people.tally,
        outlook.by_row,
        left_out,
        asked.now,
        asked.context,
        tuple(name for name in file.missing if name in _read(books)),
    )


def _read(books: Comparable) -> frozenset[str]:
    """The attributes that conditions or numbers read."""
    return frozenset(
        name
        for loaded in books
        for expression in (*loaded.expressions, *loaded.numbers)
        for name in expression.reads
    )


def count_decisions(books: Comparable, log: Path, sample: int, advance: Advance) -> Counted:
    """Counts the decisions recorded in a data directory, or in its file of decisions.

    Raises:
        NotFound: there are none.
        StorageError: they cannot be read.
    """
    path = log / DECISIONS if log.is_dir() else log
    if not path.is_file():
        raise NotFound(f"{log} holds no decisions: there is no file {path}")
    outlook = Outlook(books.old, books.new)
    people = People(outlook, sample)
    known = {book.version: book for book in (*_kept(log), outlook.old, outlook.new)}
    total, done = 2 * how_many(path), 0

    def told() -> None:
        nonlocal done
        done += 1
        if done % _EVERY == 0:
            advance(done, total)

    traffic = Traffic(path, known, told)
    averages = traffic.averages()
    for batch in traffic.batches(averages):
        people.add(batch)
    return Counted(
        "decisions",
        log,
        people.tally,
        outlook.by_row,
        foreign=traffic.foreign,
        unseeing=traffic.unseeing,
    )


def _kept(log: Path) -> Iterator[RuleBook]:
    """The book that a service keeps beside its data, if it is a good one."""
    path = kept_in(log) if log.is_dir() else None
    book = load(read_kept(path)).book if path else None
    if book is not None:
        yield book
