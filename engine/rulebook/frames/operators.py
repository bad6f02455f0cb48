"""Operators over frames: comparison, arithmetic, membership, lookups, each as the serving code does."""

from collections.abc import Sequence
from functools import reduce
from operator import add, and_, ge, gt, le, lt, mul, or_, sub
from typing import Final

import polars as pl

from engine.rulebook.cel import clock
from engine.rulebook.cel.operators import TIMES, kind
from engine.rulebook.cel.tree import (
    BOOL,
    DOUBLE,
    INT,
    TIMESTAMP,
    CelType,
)
from engine.rulebook.cel.values import INT_MIN
from engine.rulebook.frames.columns import ELEMENT, KEY
from engine.rulebook.frames.pieces import NotExpressible, Piece, nothing, truth, where

_SCALARS: Final = frozenset({"bool", "int", "double", "string", "timestamp", "duration"})
_NUMBERS: Final = frozenset({"int", "double"})
_ORDER: Final = {"_<_": lt, "_<=_": le, "_>_": gt, "_>=_": ge}
_WHOLE: Final = {"_+_": add, "_-_": sub, "_*_": mul}


def scalar_kind(piece: Piece) -> str:
    """The kind of a scalar, or "null"; what is neither, polars compares in its own way."""
    found = kind(piece.type)
    if found not in _SCALARS and found != "null":
        raise NotExpressible(f"{piece.type} values")
    return found


# --- comparison -----------------------------------------------------------------------------------


def equality(a: Piece, b: Piece) -> Piece:
    """`a == b`: null equals null alone; an int beside a double is taken as double."""
    if "null" in {kind(a.type), kind(b.type)}:
        return truth(_is_null(a if kind(b.type) == "null" else b))
    same = _same(a, b)
    if a.null is None and b.null is None:
        return truth(same)
    a_null, b_null = _or_false(a.null), _or_false(b.null)
    return truth(
        pl.when(~(a.there & b.there))
        .then(nothing())
        .when(a_null | b_null)
        .then(a_null & b_null)
        .otherwise(same)
    )


def _same(a: Piece, b: Piece) -> pl.Expr:
    """Whether two values are equal; unknown where one is missing, or null."""
    kinds = {scalar_kind(a), scalar_kind(b)}
    if len(kinds) > 1 and not kinds <= _NUMBERS:
        return where(a.there & b.there, pl.lit(value=False))
    a, b = _alike(a, b)
    same = a.value == b.value
    return same if b.not_nan else _beside_nan(same, a, b)


def _is_null(piece: Piece) -> pl.Expr:
    if kind(piece.type) == "null":
        return pl.lit(value=True)
    if piece.null is None:
        return where(piece.there, pl.lit(value=False))
    return where(piece.there, piece.null)


def _or_false(null: pl.Expr | None) -> pl.Expr:
    return pl.lit(value=False) if null is None else null


def order(function: str, a: Piece, b: Piece) -> Piece:
    """`< <= > >=`, false beside NaN."""
    kinds = {scalar_kind(a), scalar_kind(b)}
    if len(kinds) > 1 and not kinds <= _NUMBERS:
        raise NotExpressible("an order of values of two types")
    a, b = _alike(a.known, b.known)
    answer: pl.Expr = _ORDER[function](a.value, b.value)
    return truth(_beside_nan(_beside_nan(answer, a, b), b, a))


def _beside_nan(answer: pl.Expr, a: Piece, b: Piece) -> pl.Expr:
    """Polars holds NaN equal to itself and above all numbers; here nothing is true of it."""
    if kind(a.type) != "double" or a.not_nan:
        return answer
    number = a.value.is_not_nan()
    return answer & (number if b.literal else number | b.value.is_null())


def _alike(a: Piece, b: Piece) -> tuple[Piece, Piece]:
    """Two numbers as polars compares them like CEL: an int beside a double as double."""
    if kind(a.type) == kind(b.type):
        return a, b
    return as_double(a), as_double(b)


def as_double(piece: Piece) -> Piece:
    """A number as a double."""
    if kind(piece.type) == "double":
        return piece
    double = piece.value.cast(pl.Float64)
    return Piece(double, DOUBLE, piece.null, not_nan=True, literal=piece.literal)


# --- arithmetic -----------------------------------------------------------------------------------


def arithmetic(function: str, a: Piece, b: Piece) -> Piece:
    """`+ - * / %`; what overflows, or is divided by zero, has no value."""
    a, b = a.known, b.known
    left, right = kind(a.type), kind(b.type)
    if (time := TIMES.get((function, left, right))) is not None:
        moved: pl.Expr = _WHOLE[function](a.value, b.value)
        return Piece(within(moved, time), time)
    if left == right == "int":
        return Piece(_integers(function, a.value, b.value), INT)
    if _NUMBERS.issuperset({left, right}) and function != "_%_":
        return _doubles(function, as_double(a).value, as_double(b).value)
    if left == right == "string" and function == "_+_":
        return Piece(a.value + b.value, a.type)
    if left == right == "list" and function == "_+_" and a.type == b.type:
        return Piece(where(a.there & b.there, pl.concat_list(a.value, b.value)), a.type)
    raise NotExpressible(f"{a.type} {function.strip('_')} {b.type}")


def within(value: pl.Expr, type_: CelType) -> pl.Expr:
    """A timestamp or duration that lies in its range; no value elsewhere."""
    low, high = -clock.LONGEST_DURATION, clock.LONGEST_DURATION
    if type_ == TIMESTAMP:
        low, high = clock.FIRST_TIMESTAMP, clock.LAST_TIMESTAMP
    return where(value.is_between(low, high), value)


def _integers(function: str, a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Reckoned in 128 bits, so that what leaves 64 can be told."""
    wide_a, wide_b = a.cast(pl.Int128), b.cast(pl.Int128)
    if function in _WHOLE:
        wide: pl.Expr = _WHOLE[function](wide_a, wide_b)
        return wide.cast(pl.Int64, strict=False)
    low_a, low_b = wide_a.abs(), wide_b.abs()
    wide = low_a // low_b if function == "_/_" else low_a % low_b
    negative = (a < 0) != (b < 0) if function == "_/_" else a < 0
    signed = pl.when(negative).then(pl.lit(0, pl.Int128) - wide).otherwise(wide)
    overflows = (a == INT_MIN) & (b == -1)
    return where((b != 0) & ~overflows, signed).cast(pl.Int64, strict=False)


def _doubles(function: str, a: pl.Expr, b: pl.Expr) -> Piece:
    """Polars divides by one number for all rows by multiplying with 1 / b, which rounds twice.

    What it adds to 0.0 it leaves as it is, also −0.0. So one number becomes a column.
    """
    if not a.meta.root_names():
        a = _beside(b, a)
    elif not b.meta.root_names():
        b = _beside(a, b)
    made: pl.Expr = a / b if function == "_/_" else _WHOLE[function](a, b)
    return Piece(made, DOUBLE)


def _beside(column: pl.Expr, number: pl.Expr) -> pl.Expr:
    """The number as a column, where the other has a value: times 1.0 it stays what it is."""
    beside: pl.Expr = number * column.is_not_null().cast(pl.Float64)
    return beside


def negative(a: Piece) -> Piece:
    """`-a`."""
    a = a.known
    match kind(a.type):
        case "int":
            return Piece(where(a.value != INT_MIN, -a.value), INT)
        case "double":
            return Piece(-a.value, DOUBLE, not_nan=a.not_nan)
        case _:
            raise NotExpressible(f"- of {a.type}")


# --- lists and maps -------------------------------------------------------------------------------


def among(item: Piece, elements: Sequence[Piece]) -> Piece:
    """`item in [elements]`: unknown as soon as one of them is."""
    same = [equality(item, element).value for element in elements]
    found = reduce(or_, same, pl.lit(value=False))
    known = reduce(and_, [element.there for element in elements], item.there)
    return truth(where(known, found))


def among_values(item: Piece, values: Sequence[object]) -> Piece:
    """The same where all elements are written out and of the item's kind, which is no double."""
    found = item.value.is_in(values)
    if item.null is not None:
        found = pl.when(item.null).then(statement=False).otherwise(found)
    return truth(found)


def member(item: Piece, container: Piece) -> Piece:
    """`item in container`, a list or the keys of a map."""
    container = container.known
    where_ = kind(container.type)
    if where_ == "map":
        item = item.known
        keys = container.value.list.eval(pl.element().struct.field(KEY))
        element = "string"
    elif where_ == "list" and container.type.parameters:
        keys, element = container.value, kind(container.type.parameters[0])
    else:
        raise NotExpressible(f"in {container.type}")
    if element != scalar_kind(item) or element == "double":
        raise NotExpressible(f"{item.type} in {container.type}")
    held = where(item.value.is_not_null() & keys.is_not_null(), keys.list.contains(item.value))
    if item.null is None:
        return truth(held)
    nowhere = where(keys.is_not_null(), pl.lit(value=False))
    return truth(pl.when(item.null).then(nowhere).otherwise(held))


def lookup(container: Piece, key: str) -> Piece:
    """What a map holds under a key that is written out; no value where it holds nothing."""
    pairs = container.known.value
    pair = pl.element()
    held = pair.filter(pair.struct.field(KEY) == key).struct.field(ELEMENT)
    return Piece(pairs.list.eval(held).list.first(), container.type.parameters[1])


def has_key(container: Piece, key: str) -> Piece:
    """Whether a map has a key that is written out."""
    keys = container.known.value.list.eval(pl.element().struct.field(KEY))
    return Piece(keys.list.contains(key), BOOL)


def at(container: Piece, index: int) -> Piece:
    """The element at an index that is written out, counted from 0; no value outside the list."""
    element = container.type.parameters[0]
    if index < 0:
        return Piece(where(pl.lit(value=False), container.value.list.first()), element)
    return Piece(container.known.value.list.get(index, null_on_oob=True), element)


def length(piece: Piece) -> Piece:
    """`size()` of a text (in characters), a list or a map."""
    match kind(piece.type):
        case "string":
            return Piece(piece.known.value.str.len_chars().cast(pl.Int64), INT)
        case "list" | "map":
            return Piece(piece.known.value.list.len().cast(pl.Int64), INT)
        case _:
            raise NotExpressible(f"size of {piece.type}")
