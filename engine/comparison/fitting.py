"""Fitting: in which rows a treatment's texts, once filled, can be shown."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.model import SECOND, Value
from engine.rulebook.book import Kind, Treatment
from engine.rulebook.cel.clock import FIRST_TIMESTAMP, LAST_TIMESTAMP
from engine.rulebook.frames import Column
from engine.rulebook.frames.columns import values_of
from engine.rulebook.rendering import FittingTexts, Hole, Room, shown

Flags = npt.NDArray[np.bool_]

_MOMENTS: Final = tuple(
    int(datetime(2026, month, day, hour, 22, 22, tzinfo=UTC).timestamp()) * SECOND
    for month in range(1, 13)
    for day in range(22, 29)
    for hour in (10, 22)
)
"""Every month and day of the week, with two digits in all that is counted: no date is longer."""


def fits(
    treatment: Treatment, columns: Sequence[Column], frame: pl.DataFrame, asked: Flags
) -> Flags:
    """Where the texts can be shown, among the rows `asked`; no other row is true.

    The rows have a value for each of `treatment.needs`.
    """
    if treatment.fits is None or not asked.any():
        return asked
    rows = frame.filter(asked)
    if isinstance(treatment.fits, FittingTexts):
        rooms = [r for r in treatment.fits.texts if not _surely(r, columns, rows)]
        if not rooms:
            return asked & _finite(treatment, columns, frame)
    answer = asked.copy()
    answer[asked] = _by_distinct(treatment, columns, rows)
    return answer


def _by_distinct(
    treatment: Treatment, columns: Sequence[Column], rows: pl.DataFrame
) -> npt.NDArray[np.bool_]:
    """The serving code's own answer, once for each combination of values."""
    used = [columns[index] for index in treatment.needs]
    keys = [_bits(rows[column.name]) for column in used]
    groups = pl.DataFrame(keys).with_row_index("row")
    firsts = groups.unique([k.name for k in keys], keep="first", maintain_order=True)
    blank: list[Value] = [None] * len(columns)
    answers = []
    known = [values_of(column, rows[firsts["row"]]) for column in used]
    for values in zip(*known, strict=True):
        row = blank.copy()
        for index, value in zip(treatment.needs, values, strict=True):
            row[index] = value
        answers.append(treatment.fits is None or treatment.fits(row))
    told = firsts.drop("row").with_columns(pl.Series("fits?", answers, pl.Boolean))
    joined = groups.join(told, on=[k.name for k in keys], nulls_equal=True, maintain_order="left")
    return joined["fits?"].to_numpy()


def _bits(series: pl.Series) -> pl.Series:
    """Doubles by their bits: 0.0 and -0.0 are written differently."""
    if series.dtype != pl.Float64:
        return series
    return pl.Series(series.name, series.to_numpy().view(np.int64))


def _surely(room: Room, columns: Sequence[Column], rows: pl.DataFrame) -> bool:
    """Whether a text is short enough whatever the row, because even the longest values leave room."""
    most = 0
    for hole in room.holes:
        longest = _longest(hole, rows[columns[hole.index].name])
        if longest is None:
            return False
        most += longest
    return most <= room.room


def _longest(hole: Hole, values: pl.Series) -> int | None:
    """A bound of the characters that any of these values takes; None where there is no easy one."""
    if hole.kind is Kind.BOOL:
        return len("yes")
    if hole.kind is Kind.TIMESTAMP and values.is_between(FIRST_TIMESTAMP, LAST_TIMESTAMP).all():
        dates = [shown(moment, hole) for moment in _MOMENTS]
        return max(map(len, dates)) if all(map(_is_plain, dates)) else None
    return _longest_number(hole, values) if _grows(hole) else None


def _grows(hole: Hole) -> bool:
    """Whether numbers in this format get longer with their size alone."""
    if hole.kind is Kind.INT:
        return not hole.format.endswith("g")
    return hole.kind is Kind.DOUBLE and (not hole.format or hole.format[-1] in "f%")


def _longest_number(hole: Hole, numbers: pl.Series) -> int:
    """A bound for a format that grows."""
    finite = numbers.filter(numbers.is_finite()) if numbers.dtype == pl.Float64 else numbers
    sizes = [abs(value) for value in (finite.min(), finite.max()) if isinstance(value, int | float)]
    plain = hole.format or (".2f" if hole.kind is Kind.DOUBLE else "d")
    sign = len("-")
    return sign + len(shown(max(sizes, default=0), Hole(hole.index, hole.kind, plain)))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and bool(text.strip())


def _finite(treatment: Treatment, columns: Sequence[Column], frame: pl.DataFrame) -> Flags:
    """Where no number of the texts is infinite or none at all."""
    finite = np.ones(frame.height, np.bool_)
    for index in treatment.needs:
        series = frame[columns[index].name]
        if series.dtype == pl.Float64:
            finite &= series.is_finite().fill_null(value=False).to_numpy()
    return finite
