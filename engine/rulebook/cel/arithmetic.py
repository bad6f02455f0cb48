"""Arithmetic while conditions run: whole numbers of 64 bits, doubles by IEEE 754, boxed operands.

What overflows, or is divided by zero, has no value (None).
"""

import math
from collections.abc import Callable

from engine.rulebook.cel import clock
from engine.rulebook.cel.values import (
    INT_MAX,
    INT_MIN,
    NUMBERS,
    UINT_MAX,
    Boxed,
    Duration,
    Timestamp,
    Uint,
)


def int_in_range(value: int) -> int | None:
    """The int itself, or None if it does not fit 64 bits."""
    return value if INT_MIN <= value <= INT_MAX else None


def uint_in_range(value: int) -> int | None:
    """The uint itself, or None if it does not fit 64 bits."""
    return value if 0 <= value <= UINT_MAX else None


def duration_in_range(value: int) -> int | None:
    """The duration itself, or None if its nanoseconds do not fit 64 bits."""
    return value if -clock.LONGEST_DURATION <= value <= clock.LONGEST_DURATION else None


def quotient(a: int, b: int) -> int | None:
    """`a / b` of ints or uints, towards zero; None by zero or where it overflows."""
    if b == 0:
        return None
    value = a // b if (a < 0) == (b < 0) else -(-a // b)
    return value if INT_MIN <= value <= UINT_MAX and not (a == INT_MIN and b == -1) else None


def remainder(a: int, b: int) -> int | None:
    """`a % b` of ints or uints, with the sign of `a`; None by zero or where the quotient overflows."""
    if b == 0 or (a == INT_MIN and b == -1):
        return None
    value = abs(a) % abs(b)
    return -value if a < 0 else value


def ratio(a: float, b: float) -> float:
    """`a / b` of doubles, by IEEE 754: infinite or not a number by zero."""
    if b:
        return a / b
    if math.isnan(a) or a == 0 or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _add(a: Boxed, b: Boxed) -> Boxed:
    match a, b:
        case (Timestamp(), Duration()) | (Duration(), Timestamp()):
            return _boxed(Timestamp, clock.timestamp_in_range(int(a) + int(b)))
        case Duration(), Duration():
            return _boxed(Duration, duration_in_range(int(a) + int(b)))
        case (list() | tuple(), list() | tuple()):
            return (*a, *b)
        case (str(), str()) | (bytes(), bytes()):
            return a + b if type(a) is type(b) else None
    return _arithmetic(a, b, lambda x, y: x + y, lambda x, y: x + y)


def _subtract(a: Boxed, b: Boxed) -> Boxed:
    match a, b:
        case Timestamp(), Duration():
            return _boxed(Timestamp, clock.timestamp_in_range(int(a) - int(b)))
        case (Timestamp(), Timestamp()) | (Duration(), Duration()):
            return _boxed(Duration, duration_in_range(int(a) - int(b)))
    return _arithmetic(a, b, lambda x, y: x - y, lambda x, y: x - y)


def _boxed(kind: type[int], value: int | None) -> Boxed:
    return None if value is None else kind(value)


def _arithmetic(
    a: Boxed,
    b: Boxed,
    whole: Callable[[int, int], int | None],
    real: Callable[[float, float], float] | None,
) -> Boxed:
    """An operation of two boxed numbers of one type."""
    kind = type(a)
    if kind is not type(b) or kind not in NUMBERS:
        return None
    if kind is float:
        return real(a, b) if real else None
    value = whole(int(a), int(b))
    if value is None:
        return None
    return int_in_range(value) if kind is int else _boxed(Uint, uint_in_range(value))


def arithmetic(operator: str, a: Boxed, b: Boxed) -> Boxed:
    """`a operator b` of boxed values, for `+ - * / %`."""
    match operator:
        case "+":
            return _add(a, b)
        case "-":
            return _subtract(a, b)
        case "*":
            return _arithmetic(a, b, lambda x, y: x * y, lambda x, y: x * y)
        case "/":
            return _arithmetic(a, b, quotient, ratio)
        case _:
            return _arithmetic(a, b, remainder, None)


def negative(value: Boxed) -> Boxed:
    """`-value` of a boxed value."""
    match value:
        case float():
            return -value
        case _ if type(value) is int:
            return int_in_range(-value)
        case _:
            return None
