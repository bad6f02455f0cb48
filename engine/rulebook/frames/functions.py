"""Functions over frames: texts, the calendar, conversions."""

from collections.abc import Callable, Mapping
from datetime import timedelta, timezone, tzinfo
from functools import partial
from typing import Any, Final

import polars as pl

from engine.model import HOUR, MINUTE, SECOND
from engine.rulebook.cel import clock, conversions, runtime
from engine.rulebook.cel.operators import kind
from engine.rulebook.cel.tree import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    Call,
    CelType,
    Constant,
    Node,
)
from engine.rulebook.cel.values import INT_MIN, Boxed, Duration, Timestamp
from engine.rulebook.frames.distinct import by_distinct
from engine.rulebook.frames.operators import within
from engine.rulebook.frames.patterns import portable
from engine.rulebook.frames.pieces import NotExpressible, Piece, truth, where

_DTYPES: Final[Mapping[str, pl.DataType]] = {
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "double": pl.Float64(),
    "string": pl.String(),
    "timestamp": pl.Int64(),
    "duration": pl.Int64(),
}
_CONVERSIONS: Final[Mapping[str, tuple[Callable[[Boxed], Any], CelType]]] = {
    "int": (conversions.int_of, INT),
    "double": (conversions.double_of, DOUBLE),
    "bool": (conversions.bool_from, BOOL),
    "string": (conversions.string_of, STRING),
    "timestamp": (conversions.timestamp_of, TIMESTAMP),
    "duration": (conversions.duration_of, DURATION),
}
_BOXES: Final[Mapping[str, Callable[[Any], Boxed]]] = {"timestamp": Timestamp, "duration": Duration}
_CALENDAR: Final[Mapping[str, tuple[Callable[..., int | None], Callable[[pl.Expr], pl.Expr]]]] = {
    "getFullYear": (clock.full_year, lambda at: at.dt.year()),
    "getMonth": (clock.month, lambda at: at.dt.month() - 1),
    "getDate": (clock.date_of_month, lambda at: at.dt.day()),
    "getDayOfMonth": (clock.day_of_month, lambda at: at.dt.day() - 1),
    "getDayOfWeek": (clock.day_of_week, lambda at: at.dt.weekday() % 7),
    "getDayOfYear": (clock.day_of_year, lambda at: at.dt.ordinal_day() - 1),
    "getHours": (clock.hours, lambda at: at.dt.hour()),
    "getMinutes": (clock.minutes, lambda at: at.dt.minute()),
    "getSeconds": (clock.seconds, lambda at: at.dt.second()),
    "getMilliseconds": (clock.milliseconds, lambda at: at.dt.millisecond()),
}
"""Each getter as the serving code reads it in a time zone, and as polars reads it without one."""

_LENGTHS: Final = {"getHours": HOUR, "getMinutes": MINUTE, "getSeconds": SECOND}


def text_test(function: str, subject: Piece, text: Piece, written: Node) -> Piece:
    """`contains startsWith endsWith matches`; `written` is the second argument as it is written."""
    if kind(subject.type) != "string" or kind(text.type) != "string":
        raise NotExpressible(f"{function} of {subject.type} and {text.type}")
    subject, text = subject.known, text.known
    match function:
        case "contains":
            return truth(subject.value.str.contains(text.value, literal=True))
        case "startsWith":
            return truth(subject.value.str.starts_with(text.value))
        case "endsWith":
            return truth(subject.value.str.ends_with(text.value))
        case _:
            return _matches(subject, written)


def _matches(subject: Piece, written: Node) -> Piece:
    if not isinstance(written, Constant) or not isinstance(written.value, str):
        raise NotExpressible("matches() with a pattern that is not written out")
    if portable(written.value):
        return truth(subject.value.str.contains(written.value))
    found = runtime.pattern(written.value)
    if found is None:
        raise NotExpressible("matches() with a pattern that is none")
    return truth(by_distinct(subject.value, found, pl.Boolean()))


def span(unit: str, count: Piece) -> Piece:
    """`days(n) hours(n) minutes(n)`."""
    size = clock.UNITS[unit]
    most = clock.LONGEST_DURATION // size
    number = count.known.value
    return Piece(where(number.is_between(-most, most), number * size), DURATION)


# --- the calendar ---------------------------------------------------------------------------------


def calendar(node: Call, subject: Piece) -> Piece:
    """`getHours()` and the like, of a timestamp with or without a time zone, or of a duration."""
    value = subject.known.value
    match kind(subject.type), node.arguments[1:]:
        case "timestamp", ():
            return Piece(_in_utc(node.function, value), INT)
        case "timestamp", (Constant(value=str() as name),):
            return Piece(_in_zone(node.function, value, name), INT)
        case "duration", () if node.function == "getMilliseconds":
            return Piece(_whole(value - _whole(value, SECOND) * SECOND, 1000), INT)
        case "duration", () if node.function in _LENGTHS:
            return Piece(_whole(value, _LENGTHS[node.function]), INT)
        case _:
            raise NotExpressible(f"{node.function} of {subject.type} in a place not written out")


def _in_utc(function: str, value: pl.Expr) -> pl.Expr:
    moment = within(value, TIMESTAMP).cast(pl.Datetime("us"))
    return _CALENDAR[function][1](moment).cast(pl.Int64)


def _in_zone(function: str, value: pl.Expr, name: str) -> pl.Expr:
    """By the serving code's own time zones, since polars brings others along; fixed ones in polars."""
    place = clock.zone(name)
    if place is None:
        raise NotExpressible(f"the time zone '{name}'")
    offset = _fixed(place)
    if offset is not None:
        return where(
            value.is_between(clock.FIRST_TIMESTAMP, clock.LAST_TIMESTAMP),
            _in_utc(function, value + offset),
        )
    return by_distinct(value, partial(_read, _CALENDAR[function][0], place), pl.Int64())


def _read(getter: Callable[..., int | None], place: tzinfo, moment: int) -> int | None:
    return getter(moment, place)


def _fixed(place: tzinfo) -> int | None:
    """The microseconds a time zone is ahead of UTC, if always the same."""
    if not isinstance(place, timezone):
        return None
    return place.utcoffset(None) // timedelta(microseconds=1)


def _whole(length: pl.Expr, unit: int) -> pl.Expr:
    """How many whole units, towards zero."""
    return length.sign() * (length.abs() // unit)


# --- conversions ----------------------------------------------------------------------------------


def date(text: Piece) -> Piece:
    """`date("2026-12-01")` of a text that is not written out."""
    return Piece(by_distinct(text.known.value, clock.timestamp_of_date, pl.Int64()), TIMESTAMP)


def conversion(function: str, operand: Piece) -> Piece:
    """`int() double() bool() string() timestamp() duration()`."""
    source, value = kind(operand.type), operand.known.value
    if source == function:
        return operand.known
    match function, source:
        case "double", "int":
            return Piece(value.cast(pl.Float64), DOUBLE, not_nan=True)
        case "int", "timestamp":
            return Piece(value // SECOND, INT)
        case "timestamp", "int":
            most = clock.LAST_TIMESTAMP // SECOND
            within_reach = value.is_between(clock.FIRST_TIMESTAMP // SECOND, most)
            return Piece(where(within_reach, value * SECOND), TIMESTAMP)
        case "int", "double":
            cut = value.cast(pl.Int64, strict=False)
            return Piece(where(value > float(INT_MIN), cut), INT)
    if function not in _CONVERSIONS or source not in _DTYPES or source == "double":
        raise NotExpressible(f"{function}() of {operand.type}")
    convert, type_ = _CONVERSIONS[function]
    box = _BOXES.get(source)
    asked = partial(_converted, convert, box) if box else convert
    return Piece(by_distinct(value, asked, _DTYPES[type_.name]), type_)


def _converted(convert: Callable[[Boxed], Any], box: Callable[[Any], Boxed], value: Any) -> Any:
    return convert(box(value))
