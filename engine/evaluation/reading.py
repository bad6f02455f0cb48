"""Reading: somebody's table becomes a log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NoReturn

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.errors import InvalidInput, Violation
from engine.evaluation.context import encoded
from engine.evaluation.log import Indexes, Log, Vector
from engine.evaluation.mapping import Columns

MOST_ACTIONS: Final = 5_000
"""More different actions than this are taken for a wrong column."""

_CONSTANT: Final = "probability of every choice"
_FLAGS: Final = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


@dataclass(frozen=True, slots=True)
class Reading:
    """A log and where it comes from.

    Attributes:
        table: the rows of the log, in its order.
        features: what the reward model sees, the columns of `Log.context`.
        remarks: what was left out, and what else is worth knowing, as sentences.
    """

    log: Log
    table: pl.DataFrame
    features: tuple[str, ...]
    remarks: tuple[str, ...]


def read_log(
    table: pl.DataFrame,
    columns: Columns,
    further: Iterable[str] = (),
    remarks: Sequence[str] = (),
) -> Reading:
    """The log in a table. `further` are actions that could be chosen, though the table may not say so.

    Rows without an action, a reward or a probability are skipped, and that is added to `remarks`.

    Raises:
        InvalidInput: cells that are no numbers, probabilities that are none, an action chosen from
            among candidates that it is not one of.
    """
    if columns.constant is not None:
        table = table.with_columns(pl.lit(columns.constant).alias(_CONSTANT))
        columns = replace(columns, probability=_CONSTANT)
    needed = [columns.action, columns.reward, columns.probability]
    whole = table.drop_nulls(needed)
    told = list(remarks)
    if skipped := len(table) - len(whole):
        told.append(f"{skipped:,} rows without {_spoken(needed)} were skipped.")
    if whole.is_empty():
        _refuse(columns.reward, f"no row has all of {_spoken(needed)}")
    chosen = whole[columns.action].cast(pl.String)
    offered = _offered(whole, columns)
    names = _names(chosen, offered, [*columns.actions, *further], columns.action)
    of_context = columns.context_among(table.columns)
    if columns.slot:
        whole = whole.with_columns(pl.col(columns.slot).cast(pl.String))
        of_context.append(columns.slot)
    context, features = encoded(whole, of_context)
    log = Log(
        names,
        _indexes(chosen, names),
        _numbers(whole[columns.reward]),
        _probabilities(whole[columns.probability]),
        context,
        _units(whole, columns.customer),
        None if offered is None else _candidates(chosen, offered, names, columns),
    )
    return Reading(log, whole, features, tuple(told))


def _names(
    chosen: pl.Series, offered: pl.Series | None, further: Sequence[str], column: str
) -> tuple[str, ...]:
    seen = set(chosen.unique().to_list()) | set(further)
    if offered is not None:
        seen.update(offered.explode().drop_nulls().unique().to_list())
    if len(seen) > MOST_ACTIONS:
        _refuse(
            column,
            f"has {len(seen):,} different actions (at most {MOST_ACTIONS:,}): is it the right column?",
        )
    return tuple(sorted(seen, key=_natural))


def _natural(name: str) -> tuple[bool, int, str]:
    """Numbers in their order, before words."""
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def _indexes(chosen: pl.Series, names: Sequence[str]) -> Indexes:
    at = {name: index for index, name in enumerate(names)}
    return np.array([at[name] for name in chosen.to_list()], np.intp)


def _numbers(series: pl.Series) -> Vector:
    """The cells as finite numbers, flags as 1 and 0."""
    numbers = series
    if series.dtype == pl.String:
        flags = series.str.to_lowercase().replace_strict(
            _FLAGS, default=None, return_dtype=pl.Float64
        )
        numbers = series.cast(pl.Float64, strict=False).fill_null(flags)
    numbers = numbers.cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() | ~numbers.is_finite()).to_numpy()
    if wrong.any():
        _refuse(series.name, f"{_first(series, wrong)} is no number")
    return numbers.to_numpy()


def _probabilities(series: pl.Series) -> Vector:
    probabilities = _numbers(series)
    wrong = (probabilities <= 0.0) | (probabilities > 1.0)
    if wrong.any():
        _refuse(
            series.name,
            f"{_first(series, wrong)} is no probability something was chosen with: that is above 0"
            " and at most 1",
        )
    return probabilities


def _units(table: pl.DataFrame, customer: str) -> Indexes:
    """Numbers the customers from 0; without a column, or without a name, everybody is another one."""
    if not customer:
        return np.arange(len(table))
    rows = pl.Series("row", np.arange(len(table))).cast(pl.String)
    known = table[customer].cast(pl.String)
    whose = known.is_null().cast(pl.String) + known.fill_null(rows)
    units: Indexes = np.unique(whose.to_numpy().astype(str), return_inverse=True)[1].astype(np.intp)
    return units


def _offered(table: pl.DataFrame, columns: Columns) -> pl.Series | None:
    if not columns.candidates:
        return None
    series = table[columns.candidates]
    if series.dtype == pl.String:
        series = series.str.split(";").list.eval(pl.element().str.strip_chars())
    if not isinstance(series.dtype, pl.List):
        _refuse(columns.candidates, "is no list of actions: words parted by ';' are")
    return series.cast(pl.List(pl.String))


def _candidates(
    chosen: pl.Series, offered: pl.Series, names: Sequence[str], columns: Columns
) -> npt.NDArray[np.bool_]:
    at = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(offered), len(names)), np.bool_)
    for row, words in enumerate(offered.to_list()):
        matrix[row, [at[word] for word in words or () if word is not None]] = True
    wrong = ~matrix[np.arange(len(matrix)), _indexes(chosen, names)]
    if wrong.any():
        _refuse(
            columns.candidates,
            f"{_first(chosen, wrong)} was chosen, but is not among what could be",
        )
    return matrix


def _first(series: pl.Series, wrong: npt.NDArray[np.bool_]) -> str:
    """The first wrong cell, how many there are, and where it stands among the rows used."""
    row = int(np.argmax(wrong))
    count = int(wrong.sum())
    others = f" (and {count - 1:,} more)" if count > 1 else ""
    return f"'{series[row]}' in row {row + 1:,}{others}"


def _spoken(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _refuse(where: str, problem: str) -> NoReturn:
    raise InvalidInput([Violation(where, problem)])
