"""How attributes stand in frames: one column each, missing values as polars' null."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from engine.model import UNKNOWN, Value
from engine.rulebook.book import Attribute, Kind, Type

KEY: Final = "k"
ELEMENT: Final = "v"
"""A map is a list of pairs with these two fields."""

_SCALARS: Final = {
    Kind.BOOL: pl.Boolean(),
    Kind.INT: pl.Int64(),
    Kind.DOUBLE: pl.Float64(),
    Kind.STRING: pl.String(),
    Kind.TIMESTAMP: pl.Int64(),
    Kind.DURATION: pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """Where an attribute stands in a frame.

    A null in the column `name` means that nothing is known, or, of a `nullable` attribute, that it is
    null. Where a nullable attribute can also be unknown, the column `unknown` (bool, without nulls)
    tells the two apart; it is "" where it cannot.
    """

    name: str
    type: Type
    nullable: bool
    unknown: str = ""


def dtype_of(type_: Type) -> pl.DataType:
    """The column's type: times and lengths of time are microseconds, maps lists of pairs."""
    if type_.element is None:
        return _SCALARS[type_.kind]
    element = dtype_of(type_.element)
    if type_.kind is Kind.LIST:
        return pl.List(element)
    return pl.List(pl.Struct({KEY: pl.String(), ELEMENT: element}))


def column_of(attribute: Attribute) -> Column:
    """The column of an attribute in a frame whose columns are named like attributes."""
    return Column(attribute.name, attribute.type, attribute.nullable)


def series_of(column: Column, values: Sequence[Value]) -> list[pl.Series]:
    """Values as the engine holds them, as the column and, if there is one, its `unknown` column.

    Values must be of the column's type, None or `UNKNOWN`.
    """
    plain = [None if v is UNKNOWN else _written(v, column.type) for v in values]
    made = [pl.Series(column.name, plain, dtype_of(column.type))]
    if column.unknown:
        made.append(pl.Series(column.unknown, [v is UNKNOWN for v in values], pl.Boolean()))
    return made


def _written(value: Any, type_: Type) -> Any:
    if value is None or type_.element is None:
        return value
    if type_.kind is Kind.LIST:
        return [_written(item, type_.element) for item in value]
    return [{KEY: k, ELEMENT: _written(v, type_.element)} for k, v in value.items()]


def values_of(column: Column, frame: pl.DataFrame) -> list[Value]:
    """The column's values as the engine holds them; what `series_of` was given."""
    values: list[Any] = frame[column.name].to_list()
    if column.type.element is not None:
        values = [_read(v, column.type) for v in values]
    if not column.nullable:
        return [UNKNOWN if v is None else v for v in values]
    if not column.unknown:
        return values
    return [UNKNOWN if u else v for v, u in zip(values, frame[column.unknown], strict=True)]


def _read(value: Any, type_: Type) -> Any:
    if value is None or type_.element is None:
        return value
    if type_.kind is Kind.LIST:
        return tuple(_read(item, type_.element) for item in value)
    return {pair[KEY]: _read(pair[ELEMENT], type_.element) for pair in value}
