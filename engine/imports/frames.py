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
from engine.imports.table import Row, Table, row_of
from engine.model import Value
from engine.rulebook.book import Attribute, Kind
from engine.rulebook.frames import column_of, series_of

ROWS: Final = 65_536
"""Rows of one frame."""

_DIGITS: Final = 18
"""Characters of a whole number that both the import's reader and polars read, and alike."""
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
        if table.lines is not None and table.lines.is_plain():
            for block in table.lines.blocks():
                yield from self._rows([row_of(line, table) for line in block.odd])
                yield self._part(block.numbers, block.cells)
            return
        while rows := list(islice(table.rows, ROWS)):
            yield from self._rows(rows)

    def _rows(self, rows: Sequence[Row]) -> Iterator[Part]:
        """Rows that were read one by one, as one part or none."""
        sound = [row for row in rows if self._is_sound(row)]
        if sound:
            columns = zip(*(row.cells for row in sound), strict=True)
            cells = [pl.Series(column, dtype=pl.String) for column in columns]
            yield self._part([row.number for row in sound], cells)

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
            wrong.setdefault(at, []).append(Rejection(int(numbers[at]), name, "", said))
        columns = []
        for column in self._columns:
            series, mistakes = column.read(cells[column.planned.at])
            columns.append(series)
            for at, (value, message) in mistakes.items():
                rejection = Rejection(int(numbers[at]), column.planned.name, value, message)
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
        values = self._plainly(cells) if self.planned.plain else self._nothing(cells)
        left = values.is_null().arg_true()
        mistakes: dict[int, tuple[str, str]] = {}
        if len(left):
            given = cells.gather(left)
            given = given.str.strip_chars() if given.dtype == pl.String else given
            blank = given.is_null()
            blank = (
                blank | (given == "").fill_null(value=True) if given.dtype == pl.String else blank
            )
            if self.planned.blank_is_wrong:
                mistakes |= dict.fromkeys(left.filter(blank), ("", "must not be blank"))
            rows, said = left.filter(~blank), given.filter(~blank)
            if len(rows):
                values = _filled(values, rows, self._one_by_one(said, rows, mistakes))
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
        self, cells: pl.Series, rows: pl.Series, mistakes: dict[int, tuple[str, str]]
    ) -> pl.Series:
        """What the import's own reader makes of cells, each distinct one read once."""
        distinct, place_of = _distinct(cells)
        known: list[Value] = []
        wrong: dict[int, tuple[str, str]] = {}
        for place, cell in enumerate(distinct):
            try:
                known.append(self._take(self.planned.read(cell)))
            except (BadCell, Unfit) as problem:
                known.append(None)
                wrong[place] = (shown(cell), str(problem))
        if wrong:
            for place, row in zip(place_of, rows, strict=True):
                if place in wrong:
                    mistakes[row] = wrong[place]
        (read,) = series_of(column_of(self._attribute), known)
        return read.gather(place_of)


def _distinct(cells: pl.Series) -> tuple[list[Any], pl.Series]:
    """Each distinct cell, and the place of every cell among them; of lists and doubles simply all."""
    if cells.dtype != pl.String and not cells.dtype.is_integer():
        return cells.to_list(), pl.int_range(len(cells), eager=True)
    distinct = cells.unique()
    places = pl.int_range(len(distinct), eager=True)
    return distinct.to_list(), cells.replace_strict(distinct, places)


def _filled(values: pl.Series, rows: pl.Series, read: pl.Series) -> pl.Series:
    """The values with what was read in these rows."""
    whole = pl.DataFrame({"at": range(len(values))}, schema={"at": rows.dtype})
    spread = whole.join(
        pl.DataFrame({"at": rows, "read": read}), on="at", how="left", maintain_order="left"
    )
    return pl.select(pl.coalesce(spread["read"], values)).to_series()


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
            words = cells.str.strip_chars()
            return _only(words, words != "")
        case Kind.INT:
            return _only(cells, cells.str.len_bytes() <= _DIGITS).cast(pl.Int64, strict=False)
        case Kind.DOUBLE:
            numbers = cells.cast(pl.Float64, strict=False)
            return _only(numbers, numbers.is_finite())
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
