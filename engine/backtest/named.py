"""Columns and values that people name on the command line: found in their table, or refused with what there is."""

import math
from collections.abc import Sequence
from typing import Final, NoReturn

import polars as pl

from engine.errors import InvalidInput, Violation
from engine.rulebook.names import did_you_mean

_LISTED: Final = 12


def pair(text: str, option: str, columns: Sequence[str], example: str) -> tuple[str, str]:
    """COLUMN=VALUE, cut at the equals sign that leaves a known column; else at the first.

    >>> pair("a=b=c", "--target", ["a=b"], "Churn=Yes")
    ('a=b', 'c')

    Raises:
        InvalidInput: if there is no equals sign.
    """
    cuts = [at for at, character in enumerate(text) if character == "="]
    if not cuts:
        refuse(option, f"'{text}' is not COLUMN=VALUE, e.g. {example}")
    cut = next((at for at in cuts if text[:at] in columns), cuts[0])
    return text[:cut], text[cut + 1 :]


def require(name: str, option: str, columns: Sequence[str]) -> None:
    """Does nothing if there is such a column.

    Raises:
        InvalidInput: if there is none: says which there are.
    """
    if name not in columns:
        hint = did_you_mean(name, columns) or f" There are: {listed(columns)}."
        refuse(option, f"there is no column '{name}'.{hint}")


def rows_with(series: pl.Series, value: str, option: str) -> pl.Series:
    """Which rows have the value, as it is written: 1 is 1.0, true is True. Null where the row is blank.

    Raises:
        InvalidInput: if none has: says which values there are.
    """
    texts = series.cast(pl.String)
    flag = series.dtype == pl.Boolean
    found = texts.str.to_lowercase() == value.lower() if flag else texts == value.strip()
    number = _number(value)
    if not found.any() and number is not None:
        as_numbers = texts.cast(pl.Float64, strict=False) == number
        found = as_numbers.fill_null(value=False)
    if not found.any():
        values = texts.drop_nulls().value_counts(sort=True)[series.name].to_list()
        hint = did_you_mean(value, values)
        refuse(option, f"{series.name} is never '{value}'.{hint} Its values: {listed(values)}.")
    return found


def listed(names: Sequence[str]) -> str:
    """The first dozen, separated by commas."""
    shown = ", ".join(str(name) for name in names[:_LISTED])
    return f"{shown}, …" if len(names) > _LISTED else shown


def refuse(where: str, problem: str) -> NoReturn:
    """Ends with one sentence about an option or file."""
    raise InvalidInput([Violation(where, problem)])


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
