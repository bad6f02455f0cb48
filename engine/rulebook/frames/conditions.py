"""The answers of many expressions over a frame, by polars where it is exact, else by the serving function."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import polars as pl

from engine.model import Value
from engine.rulebook.cel import Expression, generate, load
from engine.rulebook.frames.columns import Column, values_of
from engine.rulebook.frames.pieces import NotExpressible
from engine.rulebook.frames.writer import Columns, Writer

_ROWS: Final = 10_000
"""Rows turned into Python's values at a time."""


class Asked(NamedTuple):
    """An expression of a book, and the columns of that book's attributes, in their order."""

    expression: Expression
    columns: Columns

    @property
    def reads(self) -> tuple[Column, ...]:
        """The columns it looks at."""
        indexes = {variable.index for variable in self.expression.variables.values()}
        return tuple(self.columns[index] for index in sorted(indexes))


class ByRow(NamedTuple):
    """An expression that is answered row by row, and what polars would not answer exactly."""

    text: str
    because: str


@dataclass(frozen=True, slots=True)
class _Slow:
    """An expression answered by the serving function."""

    at: int
    asked: Asked
    dtype: pl.DataType
    answer: Callable[[Sequence[Value]], Any]


class Answers:
    """Answers `conditions` (bool, null where unknown) and `numbers` (double, null where there is none).

    Attributes:
        by_row: what is answered by the serving function, in the order asked.
    """

    def __init__(self, conditions: Sequence[Asked], numbers: Sequence[Asked] = ()) -> None:
        self._expressions: list[pl.Expr] = []
        self._slow: list[_Slow] = []
        self.by_row: list[ByRow] = []
        self._count = len(conditions) + len(numbers)
        for at, asked in enumerate((*conditions, *numbers)):
            self._add(at, asked, truth=at < len(conditions))

    def _add(self, at: int, asked: Asked, *, truth: bool) -> None:
        expression = asked.expression
        writer = Writer(expression.variables, asked.columns)
        dtype = pl.Boolean() if truth else pl.Float64()
        try:
            written = (writer.truth if truth else writer.number)(expression.tree)
        except NotExpressible as exception:
            self.by_row.append(ByRow(expression.text.strip(), exception.what))
            self._slow.append(_Slow(at, asked, dtype, _serving(expression, truth=truth)))
        else:
            self._expressions.append(written.cast(dtype).alias(str(at)))

    def over(self, frame: pl.DataFrame) -> pl.DataFrame:
        """One column for each expression, named "0", "1", … in the order asked, conditions first."""
        answered = frame.lazy().with_columns(self._expressions).collect()
        slow = [_by_row(each, frame) for each in self._slow]
        return answered.with_columns(slow).select(map(str, range(self._count)))


def _serving(expression: Expression, *, truth: bool) -> Callable[[Sequence[Value]], Any]:
    """The function that serves decisions, of this one expression."""
    defined: Any = load(generate([expression], []) if truth else generate([], [expression]))
    answer: Callable[[Sequence[Value]], Any] = defined["conditions_of" if truth else "numbers_of"]
    return answer


def _by_row(slow: _Slow, frame: pl.DataFrame) -> pl.Series:
    answers: list[Any] = []
    for part in frame.iter_slices(_ROWS):
        answers += [answer for (answer,) in map(slow.answer, _rows(slow.asked, part))]
    return pl.Series(str(slow.at), answers, slow.dtype)


def _rows(asked: Asked, frame: pl.DataFrame) -> Iterable[list[Value]]:
    """The values of each row, in the order of the book's attributes, of those the expression reads."""
    indexes = sorted({variable.index for variable in asked.expression.variables.values()})
    known = [values_of(asked.columns[index], frame) for index in indexes]
    blank: list[Value] = [None] * len(asked.columns)
    if not known:
        return [blank] * frame.height
    rows = []
    for values in zip(*known, strict=True):
        row = blank.copy()
        for index, value in zip(indexes, values, strict=True):
            row[index] = value
        rows.append(row)
    return rows
