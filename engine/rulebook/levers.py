"""levers.csv: what marketing changes weekly, in a spreadsheet. Checked here, enforced later."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from engine.rulebook.actions import WrittenAction
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names, did_you_mean
from engine.rulebook.nodes import Scalar, core_value, shortened
from engine.rulebook.readers import Reader, number, reference, whole
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.source import SourceFile, decoded
from engine.rulebook.validity import moment

T = TypeVar("T")
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


def check_levers(
    path: str,
    content: bytes,
    actions: tuple[WrittenAction, ...],
    names: Names,
    hierarchy: Hierarchy,
    report: Report,
) -> None:
    """Reports what is wrong in levers.csv."""
    try:
        source = decoded(path, content.removeprefix(_BOM))
        lines = list(_lines(source))
    except Mistake as mistake:
        report.mistake(mistake)
        return
    if not lines:
        report.error(Place(path, 1, 1), f"the file is empty: it begins with {','.join(COLUMNS)}")
        return
    report.notice(
        "levers.csv",
        Place(path, 1, 1),
        "not enforced yet: levers.csv (lever, value, per_day, from, to)",
    )
    header = _header(lines[0], report)
    by_id = {action.action_id: action for action in actions}
    seen: dict[str, int] = {}
    for cells in lines[1:]:
        if len(cells) != len(header):
            place = cells[min(len(header), len(cells) - 1)].place
            report.error(
                place,
                f"{len(cells)} cells, but the header has {len(header)} (quote a text with ',')",
            )
            continue
        _check(_Row(dict(zip(header, cells, strict=True)), report), by_id, names, hierarchy, seen)


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


def _check(
    row: _Row,
    actions: Mapping[str, WrittenAction],
    names: Names,
    hierarchy: Hierarchy,
    seen: dict[str, int],
) -> None:
    report = row.report
    cell = row.cells.get("action_id")
    if cell is None:
        return
    if not cell.text:
        report.error(cell.place, "the row names no action")
    action_id = row.take("action_id", reference(names)) or ""
    if action_id in seen:
        report.error(cell.place, f"'{action_id}' is already in line {seen[action_id]}")
    elif action_id:
        seen[action_id] = cell.place.line
    lever = row.take("lever", number(-100, 10_000))
    row.take("value", number(0))
    row.take("per_day", whole(1))
    begin, end = row.take("from", moment()), row.take("to", moment(day_end=True))
    action = actions.get(action_id)
    if lever is not None and action and hierarchy.percent(action.group) + lever < -100:
        report.error(row.cells["lever"].place, "with issue and group this lever is below -100 %")
    if begin is not None and end is not None and begin >= end:
        report.error(row.cells["to"].place, "'to' is before 'from': this is never valid")


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
