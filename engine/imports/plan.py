"""The plan of an import: the mapping, settled against the table's columns and the declared attributes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.imports.cells import BadCell, CellReader, reader_of, shown, text_of, translating
from engine.imports.mapping import ID_COLUMN, ColumnRule, CustomerMap, MappingMistakes, Written
from engine.imports.table import Row
from engine.rulebook.names import did_you_mean
from engine.rulebook.report import Place, Report
from engine.wire.customer_pb2 import Customer
from engine.wire.rulebook_pb2 import AttributeInfo
from engine.wire.value_pb2 import AttributeValue

_FILLED_BY_ENGINE: Final = ("request.", "now")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A cell, or a whole row (then `column` is empty), that cannot be imported, and why."""

    number: int
    column: str
    value: str
    message: str


class BadRow(Exception):
    """A row with at least one mistake; none of it is imported."""

    def __init__(self, rejections: Sequence[Rejection]) -> None:
        self.rejections = tuple(rejections)
        super().__init__(f"{len(rejections)} mistakes")


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """One column that is imported: where it stands, what it fills, how it is read.

    `plain` if cells are taken as they are: no words translated, no format of dates given.
    """

    at: int
    name: str
    attribute: str
    read: CellReader
    blank_is_wrong: bool
    plain: bool = True


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """Turns rows into customers. `left_out` are the columns nobody said anything about."""

    header: tuple[str, ...]
    id_at: int
    columns: tuple[PlannedColumn, ...]
    constants: Mapping[str, AttributeValue]
    left_out: tuple[str, ...]

    def customer(self, row: Row) -> Customer:
        """The customer a row describes; blank cells say nothing, unless the mapping calls them wrong.

        Raises:
            BadRow: names every cell that cannot be read.
        """
        if row.problem:
            raise BadRow([Rejection(row.number, row.column, "", row.problem)])
        cells = row.cells
        wrong: list[Rejection] = []
        customer = Customer(
            customer_id="" if _blank(cells[self.id_at]) else text_of(cells[self.id_at])
        )
        if not customer.customer_id:
            name = self.header[self.id_at]
            wrong.append(
                Rejection(row.number, name, "", "must not be blank: it is the customer's id")
            )
        attributes = customer.attributes
        for column in self.columns:
            cell = cells[column.at]
            try:
                if not _blank(cell):
                    attributes[column.attribute].CopyFrom(column.read(cell))
                elif column.blank_is_wrong:
                    raise BadCell("must not be blank")
            except BadCell as bad:
                wrong.append(Rejection(row.number, column.name, shown(cell or ""), str(bad)))
        if wrong:
            raise BadRow(wrong)
        for attribute, value in self.constants.items():
            attributes[attribute].CopyFrom(value)
        return customer

    def column_of(self, attribute: str) -> tuple[str, int | None]:
        """The column that fills an attribute and its place; a constant has no place."""
        for column in self.columns:
            if column.attribute == attribute:
                return column.name, column.at
        return f"constants: {attribute}", None


def settle(
    mapping: CustomerMap, header: Sequence[str], declared: Sequence[AttributeInfo]
) -> ImportPlan:
    """The plan that `mapping` makes for a table with this header.

    Raises:
        MappingMistakes: columns the table has not, attributes the book does not declare, values they
            cannot have.
    """
    settling = _Settling(tuple(header), {info.name: info for info in declared})
    plan = settling.plan(mapping)
    if settling.report.errors:
        raise MappingMistakes(settling.report.diagnostics())
    return plan


class _Settling:
    """Settles one mapping, noting mistakes in `report`."""

    def __init__(self, header: tuple[str, ...], declared: Mapping[str, AttributeInfo]) -> None:
        self.report = Report()
        self._header = header
        self._declared = declared

    def plan(self, mapping: CustomerMap) -> ImportPlan:
        id_at = self._at(mapping.id_column, mapping.id_place)
        columns = [column for rule in mapping.columns if (column := self._column(rule))]
        constants = {
            name: value
            for name, (place, written) in mapping.constants.items()
            if (value := self._constant(name, place, written)) is not None
        }
        for name, place in mapping.ignore.items():
            self._at(name, place)
        used = {mapping.id_column, *(rule.column for rule in mapping.columns), *mapping.ignore}
        left_out = tuple(name for name in self._header if name not in used)
        return ImportPlan(self._header, id_at or 0, tuple(columns), constants, left_out)

    def _at(self, column: str, place: Place) -> int | None:
        if column in self._header:
            return self._header.index(column)
        hint = did_you_mean(column, self._header)
        if not hint and len(self._header) <= 30:
            hint = f" It has: {', '.join(self._header)}."
        self.report.error(place, f"the table has no column '{column}'.{hint}")
        return None

    def _column(self, rule: ColumnRule) -> PlannedColumn | None:
        at = self._at(rule.column, rule.place)
        info = self._attribute(rule.attribute, rule.to)
        if at is None or info is None:
            return None
        read = reader_of(info.type, rule.format, rule.split)
        if read is None:
            self.report.error(rule.to, f"{info.name} is a {info.type}: no cell can hold that")
            return None
        if rule.values is not None:
            words = {
                word: value
                for word, (place, written) in rule.values.items()
                if (value := self._value(info, written, place)) is not None
            }
            read = translating(words)
        plain = rule.values is None and not rule.format
        return PlannedColumn(at, rule.column, info.name, read, rule.blank == "error", plain)

    def _constant(self, name: str, place: Place, written: Written) -> AttributeValue | None:
        info = self._attribute(name, place)
        return None if info is None else self._value(info, written, place)

    def _attribute(self, name: str, place: Place) -> AttributeInfo | None:
        info = self._declared.get(name)
        if info is None:
            self.report.error(
                place,
                f"the rule book declares no attribute '{name}'.{did_you_mean(name, self._declared)}",
            )
        elif name.startswith(_FILLED_BY_ENGINE[0]) or name == _FILLED_BY_ENGINE[1]:
            self.report.error(place, f"{name} is filled at each request and cannot be imported")
            return None
        elif info.kept_from_events:
            self.report.error(place, f"{name} is counted from events and cannot be imported")
            return None
        return info

    def _value(self, info: AttributeInfo, written: Written, place: Place) -> AttributeValue | None:
        """What the mapping file itself writes as a value, checked before any row is read."""
        read = reader_of(info.type)
        try:
            if read is None or written is None:
                raise BadCell(f"must be a {info.type}")
            value = read(list(written) if isinstance(written, tuple) else written)
        except BadCell as bad:
            self.report.error(place, f"'{_as_text(written)}' {bad}: {info.name} is a {info.type}")
            return None
        for word in value.string_list.values or [value.string_value]:
            if info.values and word not in info.values:
                hint = did_you_mean(word, info.values)
                known = ", ".join(info.values)
                self.report.error(place, f"'{word}' is not a value of {info.name} ({known}).{hint}")
        return value


def _as_text(written: Written) -> str:
    return ", ".join(written) if isinstance(written, tuple) else text_of(written)


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def needs_id(header: Sequence[str]) -> str:
    """Why a table cannot be imported without a mapping; "" if it can."""
    if ID_COLUMN in header:
        return ""
    return (
        f"the table has no column '{ID_COLUMN}'; name the columns like the rule book's attributes, or"
        " say which is which in a mapping file: --map FILE (see examples/telco-import.yaml)"
    )
