"""levers.csv: what marketing changes weekly, in a spreadsheet: other levers, values and caps a day."""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from engine.model import Micros
from engine.rulebook.actions import WrittenAction
from engine.rulebook.book import Override
from engine.rulebook.doubts import remark_fraction
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names, did_you_mean
from engine.rulebook.nodes import Scalar, core_value, shortened
from engine.rulebook.parse import MOST_BYTES
from engine.rulebook.readers import Reader, number, reference, whole
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.source import SourceFile, decoded
from engine.rulebook.validity import moment

T = TypeVar("T")
LEVERS: Final = "levers.csv"
COLUMNS: Final = ("action_id", "lever", "value", "per_day", "from", "to", "owner")
_CELL = re.compile(r'"((?:[^"]|"")*)"|([^,"\n]*)')
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table: its cells by column."""

    cells: Mapping[str, Scalar]
    report: Report

    def take(self, column: str, reader: Reader[T]) -> T | None:
        """The value of a cell; None if it is empty or wrong."""
        cell = self.cells.get(column)
        if cell is None or not cell.text:
            return None
        try:
            return reader(cell)
        except Mistake as mistake:
            self.report.mistake(mistake)
            return None


@dataclass(frozen=True, slots=True)
class LeverReading:
    """What reading levers.csv refers to."""

    actions: tuple[WrittenAction, ...]
    names: Names
    hierarchy: Hierarchy
    zone: ZoneInfo
    report: Report


def read_levers(
    path: str, content: bytes, reading: LeverReading
) -> dict[str, tuple[Override, ...]]:
    """The overrides of each action, in the order of their time; what is wrong is reported.

    Dates are read in the book's time zone, and a `to` that is a date lasts to the end of that day, as in `valid`.
    """
    report = reading.report
    try:
        if len(content) > MOST_BYTES:
            beginning = Place(path, 1, 1)
            raise Mistake((beginning, f"the file is larger than {MOST_BYTES >> 20} MiB: cut it"))
        source = decoded(path, content.removeprefix(_BOM))
        lines = list(_lines(source))
    except Mistake as mistake:
        report.mistake(mistake)
        return {}
    if not lines:
        report.error(Place(path, 1, 1), f"the file is empty: it begins with {','.join(COLUMNS)}")
        return {}
    if not any(cell.text in COLUMNS for cell in lines[0]) and len(lines[0]) > 1:
        said = f"the first line must name the columns: {','.join(COLUMNS)}"
        report.error(lines[0][0].place, said)
        return {}
    header = _header(lines[0], report)
    table = _Table(reading, {action.action_id: action for action in reading.actions}, {})
    for cells in lines[1:]:
        if len(cells) != len(header):
            place = cells[min(len(header), len(cells) - 1)].place
            report.error(
                place,
                f"{len(cells)} cells, but the header has {len(header)} (quote a text with ',')",
            )
            continue
        table.add(_Row(dict(zip(header, cells, strict=True)), report))
    return {
        action_id: tuple(one for one in found if _changes_something(one))
        for action_id, found in table.found.items()
    }


def _header(cells: list[Scalar], report: Report) -> list[str]:
    header = [cell.text for cell in cells]
    for at, cell in enumerate(cells):
        if cell.text not in COLUMNS:
            hint = did_you_mean(cell.text, COLUMNS)
            if ";" in cell.text:
                hint = " Separate the columns with commas."
            report.error(cell.place, f"unknown column '{shortened(cell.text)}'.{hint}")
        elif cell.text in header[:at]:
            report.error(cell.place, f"column '{cell.text}' stands here twice")
    if "action_id" not in header and not any(did_you_mean(c, ["action_id"]) for c in header):
        report.error(cells[0].place, "the column 'action_id' is missing")
    return header


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows read so far, by action: none for the same time as another, in the order of time."""

    reading: LeverReading
    actions: Mapping[str, WrittenAction]
    found: dict[str, list[Override]]

    def add(self, row: _Row) -> None:
        cell = row.cells.get("action_id")
        if cell is None:
            return
        if not cell.text:
            row.report.error(cell.place, "the row names no action")
        action_id = row.take("action_id", reference(self.reading.names)) or ""
        override = self._override(row, cell.place, self.actions.get(action_id))
        if not action_id:
            return
        known = self.found.setdefault(action_id, [])
        at = bisect_right(known, _begin(override), key=_begin)
        for other in known[max(at - 1, 0) : at + 1]:
            if _overlap(other.valid, override.valid):
                row.report.error(
                    cell.place,
                    f"'{action_id}' is already in line {other.line}, for the same time: "
                    "give the two rows dates that do not overlap",
                )
                return
        known.insert(at, override)

    def _override(self, row: _Row, place: Place, action: WrittenAction | None) -> Override:
        percent = row.take("lever", number(-100, 10_000))
        if percent is not None:
            remark_fraction(percent, row.cells["lever"].place, row.report)
        value = row.take("value", number(0))
        inherited = self.reading.hierarchy.percent(action.group) if action else 0.0
        if percent is not None and inherited + percent < -100:
            message = (
                f"with issue and group this lever is {inherited + percent:g} %: less than -100 % "
                "would turn the priority negative"
            )
            row.report.error(row.cells["lever"].place, message)
        return Override(
            valid=self._valid(row),
            lever=None if percent is None else 1 + (inherited + percent) / 100,
            value=value,
            text=_told(row, place.file),
            file=place.file,
            line=place.line,
            per_day=row.take("per_day", whole(1)),
        )

    def _valid(self, row: _Row) -> tuple[Micros | None, Micros | None]:
        zone = self.reading.zone
        begin = row.take("from", moment(zone))
        end = row.take("to", moment(zone, day_end=True))
        if begin is not None and end is not None and begin >= end:
            row.report.error(row.cells["to"].place, "'to' is before 'from': this is never valid")
        elif row.report.is_past(end):
            place = row.cells["to"].place
            row.report.notice(f"expired {place}", place, "expired: this row changes nothing now")
        return begin, end


def _changes_something(override: Override) -> bool:
    return (override.lever, override.value, override.per_day) != (None, None, None)


def _begin(override: Override) -> float:
    begin = override.valid[0]
    return -math.inf if begin is None else begin


def _overlap(
    one: tuple[Micros | None, Micros | None], other: tuple[Micros | None, Micros | None]
) -> bool:
    """Whether two spans [from, to) have a moment in common.

    >>> _overlap((None, 5), (5, None)), _overlap((0, 6), (5, None))
    (False, True)
    """
    begins = [begin for begin, _ in (one, other) if begin is not None]
    ends = [end for _, end in (one, other) if end is not None]
    return not begins or not ends or max(begins) < min(ends)


def _told(row: _Row, file: str) -> str:
    """A row in words: `lever 20 from levers.csv (owner anna, to 2026-12-31)`."""
    said = {column: shortened(cell.text) for column, cell in row.cells.items() if cell.text}
    changed = ", ".join(
        f"{name} {said[name]}" for name in ("lever", "value", "per_day") if name in said
    )
    about = ", ".join(f"{name} {said[name]}" for name in ("owner", "from", "to") if name in said)
    return f"{changed} from {file}" + (f" ({about})" if about else "")


def _lines(source: SourceFile) -> list[list[Scalar]]:
    """The cells of each line that is not blank; a quoted cell may hold commas and line ends."""
    lines: list[list[Scalar]] = []
    at, text = 0, source.text
    first = text.lstrip().partition("\n")[0]
    for sign, name in ((";", "';'"), ("\t", "tabs")):
        if sign in first and "," not in first:
            place = source.place(text.index(first) + first.index(sign))
            raise Mistake((place, f"separate the columns with commas, not with {name}"))
    while at < len(text):
        cells = []
        while True:
            match = _CELL.match(text, at)
            if match is None or text[match.end() : match.end() + 1] not in {",", "\n", ""}:
                raise Mistake((source.place(at), "a quote that does not enclose the whole cell"))
            cells.append(_cell(source, match))
            at = match.end() + 1
            if text[match.end() : match.end() + 1] != ",":
                break
        if any(cell.text for cell in cells):
            lines.append(cells)
    return lines


def _cell(source: SourceFile, match: re.Match[str]) -> Scalar:
    quoted = match[1] is not None
    text = match[1].replace('""', '"') if quoted else match[2]
    start = match.start() + quoted
    lead = len(text) - len(text.lstrip()) if not quoted else 0
    text = text.strip()
    return Scalar(source, start + lead, match.end() - quoted, "", text, core_value(text))
