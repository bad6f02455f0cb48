"""Cells: what stands in a table, read as the value its attribute's declared type asks for."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any, Final, TypeAlias

from engine.rulebook.names import did_you_mean
from engine.rulebook.times import duration_of, moment_of
from engine.wire.value_pb2 import AttributeValue, StringList

CellReader: TypeAlias = Callable[[Any], AttributeValue]
"""Reads a cell that is not blank; raises `BadCell`."""

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}(\.0+)?", re.ASCII)
_PARTING: Final = re.compile(r"(?<=\S)[,;|](?=\s*\S)")
_SHOWN: Final = 40
_REMEMBERED: Final = 4096


class BadCell(Exception):
    """A cell that cannot be read; the text says what it should be."""


def reader_of(type_: str, date_format: str = "", split: str = ";") -> CellReader | None:
    """The reader for a declared type; None if a cell cannot hold such a value.

    >>> reader_of("bool")("Yes").bool_value, reader_of("int")("42.0").int_value
    (True, 42)
    >>> reader_of("double")("n/a")
    Traceback (most recent call last):
    engine.imports.cells.BadCell: must be a number
    """
    match type_:
        case "timestamp":
            return _remembering(lambda cell: _timestamp(cell, date_format))
        case "list(string)":
            return lambda cell: _list(cell, split)
        case _:
            return _remembering(_SCALARS[type_]) if type_ in _SCALARS else None


def translating(words: Mapping[str, AttributeValue]) -> CellReader:
    """A reader that knows only these words."""

    def read(cell: Any) -> AttributeValue:
        word = text_of(cell)
        known = words.get(word)
        if known is None:
            raise BadCell(f"is not one of {_listed(words)}.{did_you_mean(word, words)}")
        return known

    return read


def text_of(cell: Any) -> str:
    """A cell as a text, as it would stand in CSV.

    >>> text_of(" Yes "), text_of(True), text_of(3)
    ('Yes', 'true', '3')
    """
    if isinstance(cell, str):
        return cell.strip()
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _listed(words: Iterable[str]) -> str:
    known = [f"'{word}'" for word in words]
    return ", ".join(known[:12]) + (", …" if len(known) > 12 else "")


def _remembering(read: CellReader) -> CellReader:
    """Columns repeat themselves: what was read once is not read again."""
    remembered = lru_cache(_REMEMBERED, typed=True)(read)
    return lambda cell: remembered(cell.strip() if isinstance(cell, str) else cell)


def _bool(cell: Any) -> AttributeValue:
    if isinstance(cell, bool):
        return AttributeValue(bool_value=cell)
    word = text_of(cell).lower()
    if word not in _TRUE and word not in _FALSE:
        raise BadCell("must be true or false (or yes and no, or 1 and 0)")
    return AttributeValue(bool_value=word in _TRUE)


def _int(cell: Any) -> AttributeValue:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e18:
        cell = int(cell)
    word = text_of(cell)
    if isinstance(cell, bool) or not _WHOLE.fullmatch(word):
        raise BadCell("must be a whole number")
    return AttributeValue(int_value=int(word.partition(".")[0]))


def _double(cell: Any) -> AttributeValue:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        raise BadCell("must be a number") from None
    if isinstance(cell, bool) or not isfinite(number) or "_" in str(cell):
        raise BadCell("must be a number")
    return AttributeValue(double_value=number)


def _string(cell: Any) -> AttributeValue:
    return AttributeValue(string_value=text_of(cell))


def _timestamp(cell: Any, date_format: str) -> AttributeValue:
    if isinstance(cell, datetime):
        moment = cell if cell.tzinfo else cell.replace(tzinfo=UTC)
    elif isinstance(cell, date):
        moment = datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    elif date_format:
        moment = _formatted(text_of(cell), date_format)
    else:
        micros = moment_of(text_of(cell))
        if micros is None:
            raise BadCell("must be a date or time such as 2026-11-21 or 2026-11-21T10:00:00Z")
        value = AttributeValue()
        value.timestamp_value.FromMicroseconds(micros)
        return value
    value = AttributeValue()
    value.timestamp_value.FromDatetime(moment.astimezone(UTC))
    return value


def _formatted(word: str, date_format: str) -> datetime:
    try:
        moment = datetime.strptime(word, date_format)  # noqa: DTZ007 -- given a zone below
    except ValueError:
        raise BadCell(f"must be a date written as {date_format}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _duration(cell: Any) -> AttributeValue:
    value = AttributeValue()
    if isinstance(cell, timedelta):
        value.duration_value.FromTimedelta(cell)
        return value
    micros = duration_of(text_of(cell))
    if micros is None:
        raise BadCell("must be a length of time such as 90s, 30m, 12h, 7d or 2w")
    value.duration_value.FromMicroseconds(micros)
    return value


def _list(cell: Any, split: str) -> AttributeValue:
    """The words of a cell; one that is parted by another sign would be taken for a single word."""
    if isinstance(cell, str) and split not in cell and (other := _PARTING.search(cell)):
        raise BadCell(f"must be parted by '{split}', not by '{other[0]}' (see `split` of --map)")
    words = text_of(cell).split(split) if isinstance(cell, str) else map(text_of, cell)
    return AttributeValue(
        string_list=StringList(values=[word.strip() for word in words if word.strip()])
    )


def shown(cell: Any) -> str:
    """A cell for a message: short, on one line."""
    word = " ".join(text_of(cell).split())
    return word if len(word) <= _SHOWN else word[: _SHOWN - 1] + "…"


_SCALARS: Final[Mapping[str, CellReader]] = {
    "bool": _bool,
    "int": _int,
    "double": _double,
    "string": _string,
    "duration": _duration,
}
