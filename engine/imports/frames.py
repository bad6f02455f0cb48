"""Frames: a table's rows as columns of values, read as `ImportPlan.customer` reads them one by one.

Cells that are written plainly are read all at once; each other cell that occurs is read once, by the
reader the import uses, so that both accept and refuse the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from engine.customer import absent
from engine.edges.grpc.values import Reader, Unfit, read_any, reader_of
from engine.imports.cells import BadCell, shown, text_of
from engine.imports.plan import ImportPlan, PlannedColumn, Rejection
from engine.imports.table import Row, Table
from engine.model import Value
from engine.rulebook.book import Attribute, Kind
from engine.rulebook.frames import column_of, series_of

ROWS: Final = 65_536
"""Rows of one frame."""

_INTS: Final = r"^[+-]?[0-9]{1,18}$"
_DOUBLES: Final = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?$"
_DATES: Final = r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$"
_MOMENTS: Final = r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$"


class Part(NamedTuple):
    """Some rows of a table: whom they are about, and one column for each attribute the plan fills."""

    ids: pl.Series
    frame: pl.DataFrame


class FrameReader:
    """Reads a table by a plan; `reject` hears of every mistake, and the row is left out.

    `attributes` are those the plan was settled with, by name.
    """

    def __init__(
        self,
        plan: ImportPlan,
        attributes: Mapping[str, Attribute],
        reject: Callable[[Rejection], None],
    ) -> None:
        self._plan = plan
        self._reject = reject
        self._columns = [_Cells(c, attributes[c.attribute]) for c in plan.columns]
        self._constants = [
            series_of(column_of(attributes[name]), [read_any(value)])[0]
            for name, value in plan.constants.items()
        ]

    def parts(self, table: Table, path: Path) -> Iterator[Part]:
        """The whole table, part by part; `path` is the file it was opened from."""
        if table.unit == "row":
            lazy = pl.scan_parquet(path)
            for offset in range(0, table.size, ROWS):
                cells = lazy.slice(offset, ROWS).collect()
                yield self._part(range(offset + 1, offset + cells.height + 1), cells.get_columns())
            return
        while rows := list(islice(table.rows, ROWS)):
            sound = [row for row in rows if self._is_sound(row)]
            columns = zip(*(row.cells for row in sound), strict=True) if sound else ()
            cells_of = [pl.Series(column, dtype=pl.String) for column in columns]
            if cells_of:
                yield self._part([row.number for row in sound], cells_of)

    def _is_sound(self, row: Row) -> bool:
        if row.problem:
            self._reject(Rejection(row.number, row.column, "", row.problem))
        return not row.problem

    def _part(self, numbers: Sequence[int], cells: Sequence[pl.Series]) -> Part:
        ids = _texts(cells[self._plan.id_at])
        wrong: dict[int, list[Rejection]] = {}
        for at in (ids == "").arg_true():
            name = self._plan.header[self._plan.id_at]
            said = "must not be blank: it is the customer's id"
            wrong.setdefault(at, []).append(Rejection(numbers[at], name, "", said))
        columns = []
        for column in self._columns:
            series, mistakes = column.read(cells[column.planned.at])
            columns.append(series)
            for at, (value, message) in mistakes.items():
                rejection = Rejection(numbers[at], column.planned.name, value, message)
                wrong.setdefault(at, []).append(rejection)
        for at in sorted(wrong):
            for rejection in wrong[at]:
                self._reject(rejection)
        columns += [constant.new_from_index(0, len(ids)) for constant in self._constants]
        if not wrong:
            return Part(ids, pl.DataFrame(columns))
        sound = pl.Series([at not in wrong for at in range(len(ids))], dtype=pl.Boolean)
        return Part(ids.filter(sound), pl.DataFrame([each.filter(sound) for each in columns]))


class _Cells:
    """One column of cells, read as the attribute declares it."""

    def __init__(self, planned: PlannedColumn, attribute: Attribute) -> None:
        self.planned = planned
        self._attribute = attribute
        self._blank = series_of(column_of(attribute), [])[0]
        self._take: Reader = reader_of(attribute, absent(attribute))

    def read(self, cells: pl.Series) -> tuple[pl.Series, Mapping[int, tuple[str, str]]]:
        """The values, null where nothing is said, and by row the cells that are wrong and why."""
        given = cells.str.strip_chars() if cells.dtype == pl.String else cells
        blank = (given == "") | given.is_null() if cells.dtype == pl.String else given.is_null()
        values = self._plainly(given) if self.planned.plain else self._nothing(given)
        left = values.is_null() & ~blank.fill_null(value=True)
        mistakes: dict[int, tuple[str, str]] = {}
        if left.any():
            values = self._one_by_one(given, values, left.arg_true(), mistakes)
        if self.planned.blank_is_wrong:
            for at in blank.arg_true():
                mistakes[at] = ("", "must not be blank")
        return values.alias(self._attribute.name), mistakes

    def _nothing(self, given: pl.Series) -> pl.Series:
        return self._blank.extend_constant(None, len(given))

    def _plainly(self, given: pl.Series) -> pl.Series:
        """The values of cells that need no second look, null elsewhere."""
        value = _PLAINLY[given.dtype == pl.String](self._attribute, given)
        if value is None or value.dtype != self._blank.dtype:
            return self._nothing(given)
        if self._attribute.values and value.dtype == pl.String:
            return _only(value, value.is_in(self._attribute.values))
        if self._attribute.range and value.dtype in (pl.Int64, pl.Float64):
            low, high = self._attribute.range
            return _only(value, value.is_between(low, high))
        return value

    def _one_by_one(
        self,
        given: pl.Series,
        values: pl.Series,
        rows: pl.Series,
        mistakes: dict[int, tuple[str, str]],
    ) -> pl.Series:
        """Fills in the rows whose cells are read by the import's own reader, each distinct one once."""
        known: dict[Any, Value] = {}
        wrong: dict[Any, str] = {}
        cells = given.gather(rows).to_list()
        for cell in cells:
            key = tuple(cell) if isinstance(cell, list) else cell
            if key not in known and key not in wrong:
                try:
                    known[key] = self._take(self.planned.read(cell))
                except (BadCell, Unfit) as problem:
                    wrong[key] = str(problem)
        told = []
        for at, cell in zip(rows, cells, strict=True):
            key = tuple(cell) if isinstance(cell, list) else cell
            told.append(known.get(key))
            if key in wrong:
                mistakes[at] = (shown(cell), wrong[key])
        (read,) = series_of(column_of(self._attribute), told)
        spread = pl.DataFrame({"at": rows, "read": read})
        whole = pl.DataFrame({"at": range(len(given))}, schema={"at": rows.dtype})
        filled = whole.join(spread, on="at", how="left", maintain_order="left")["read"]
        return pl.select(pl.coalesce(filled, values)).to_series()


def _only(values: pl.Series, keep: pl.Series) -> pl.Series:
    """The values that are kept, null elsewhere."""
    return pl.select(pl.when(keep).then(values)).to_series()


def _texts(cells: pl.Series) -> pl.Series:
    """Cells as texts, as they would stand in CSV; "" where blank."""
    if cells.dtype == pl.String:
        return cells.str.strip_chars().fill_null("")
    if cells.dtype.is_integer():
        return cells.cast(pl.String).fill_null("")
    return pl.Series(["" if cell is None else text_of(cell) for cell in cells], dtype=pl.String)


def _of_texts(attribute: Attribute, cells: pl.Series) -> pl.Series | None:
    """Texts that are written plainly."""
    match attribute.type.kind:
        case Kind.STRING:
            return _only(cells, cells != "")
        case Kind.INT:
            return _only(cells, cells.str.contains(_INTS)).cast(pl.Int64)
        case Kind.DOUBLE:
            return _only(cells, cells.str.contains(_DOUBLES)).cast(pl.Float64)
        case Kind.TIMESTAMP:
            dates = _only(cells, cells.str.contains(_DATES)).str.to_date(strict=False)
            moments = _only(cells, cells.str.contains(_MOMENTS)).str.to_datetime(
                "%Y-%m-%dT%H:%M:%SZ", time_unit="us", strict=False
            )
            both = pl.coalesce(moments, dates.cast(pl.Datetime("us")))
            return pl.select(both).to_series().cast(pl.Int64)
        case _:
            return None


def _of_typed(attribute: Attribute, cells: pl.Series) -> pl.Series | None:
    """What a Parquet file holds as the very type that is declared."""
    match attribute.type.kind, cells.dtype:
        case Kind.BOOL, pl.Boolean():
            return cells
        case (Kind.INT | Kind.DOUBLE) as kind, dtype if dtype.is_signed_integer():
            return cells.cast(pl.Int64 if kind is Kind.INT else pl.Float64)
        case Kind.DOUBLE, pl.Float64() | pl.Float32():
            return _only(cells, cells.is_finite()).cast(pl.Float64)
        case Kind.TIMESTAMP, pl.Date():
            return cells.cast(pl.Datetime("us")).cast(pl.Int64)
        case Kind.TIMESTAMP, pl.Datetime(time_zone=zone):
            utc = cells.dt.convert_time_zone("UTC") if zone else cells
            return utc.cast(pl.Datetime("us", utc.dtype.time_zone)).cast(pl.Int64)  # type: ignore[attr-defined]  # a Datetime still
        case Kind.DURATION, pl.Duration():
            return cells.cast(pl.Duration("us")).cast(pl.Int64)
        case _:
            return None


_PLAINLY: Final[Mapping[bool, Callable[[Attribute, pl.Series], pl.Series | None]]] = {
    True: _of_texts,
    False: _of_typed,
}
"""By whether the cells are texts."""
