"""Conversions while conditions run: `int() uint() double() bool() bytes() string()` and times.

All take boxed values; what cannot be converted has no value (None).
"""

import math
import re
from typing import Final

from engine.model import SECOND
from engine.rulebook.cel import clock
from engine.rulebook.cel.arithmetic import int_in_range
from engine.rulebook.cel.values import (
    INT_MIN,
    UINT_MAX,
    Boxed,
    Duration,
    Timestamp,
    TypeValue,
    Uint,
)

_INTEGER: Final = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_UNSIGNED: Final = re.compile(r"\d{1,40}", re.ASCII)
_REAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,5})?", re.ASCII)
_NOT_REAL: Final = re.compile(r"[+-]?(?:inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_TRUTHS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def int_of(value: Boxed) -> int | None:
    """`int(x)` of a boxed value; doubles are cut off towards zero."""
    match value:
        case Timestamp():
            return int(value) // SECOND
        case bool() | Duration() | TypeValue():
            return None
        case str():
            return int_in_range(int(value)) if _INTEGER.fullmatch(value) else None
        case float():
            return int(value) if INT_MIN < value < -INT_MIN else None
        case int():
            return int_in_range(int(value))
        case _:
            return None


def uint_of(value: Boxed) -> Uint | None:
    """`uint(x)` of a boxed value; doubles are cut off towards zero."""
    match value:
        case bool() | Timestamp() | Duration() | TypeValue():
            return None
        case str():
            whole = int(value) if _UNSIGNED.fullmatch(value) else -1
        case float():
            whole = int(value) if 0 <= value < 2.0**64 else -1
        case int():
            whole = int(value)
        case _:
            return None
    return Uint(whole) if 0 <= whole <= UINT_MAX else None


def double_of(value: Boxed) -> float | None:
    """`double(x)` of a boxed value."""
    match value:
        case bool() | Timestamp() | Duration() | TypeValue():
            return None
        case str():
            return _double_of_text(value)
        case int() | float():
            return float(value)
        case _:
            return None


def _double_of_text(text: str) -> float | None:
    """A double as written; None for what overflows, which implementations read differently."""
    if _NOT_REAL.fullmatch(text):
        return float(text)
    value = float(text) if _REAL.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def bool_from(value: Boxed) -> bool | None:
    """`bool(x)` of a boxed value."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(value) if isinstance(value, str) else None


def bytes_of(value: Boxed) -> bytes | None:
    """`bytes(x)` of a boxed value."""
    if isinstance(value, bytes):
        return value
    return _encoded(value) if type(value) is str else None


def string_of(value: Boxed) -> str | None:
    """`string(x)` of a boxed value; None for bytes that are not UTF-8."""
    match value:
        case bool():
            return "true" if value else "false"
        case TypeValue():
            return None
        case str():
            return value
        case Timestamp():
            return clock.text_of_timestamp(value)
        case Duration():
            return clock.text_of_duration(value)
        case float():
            return text_of_double(value)
        case int():
            return str(int(value))
        case bytes():
            return _decoded(value)
        case _:
            return None


def _encoded(value: str) -> bytes | None:
    try:
        return value.encode()
    except UnicodeEncodeError:
        return None


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def text_of_double(value: float) -> str | None:
    """The shortest digits that read back the same, with an exponent below 1e-4 and from 1e+06.

    None if infinite or not a number: implementations write those differently.

    >>> text_of_double(1234567.0), text_of_double(-4.5e-3), text_of_double(12.0)
    ('1.234567e+06', '-0.0045', '12')
    """
    if not math.isfinite(value):
        return None
    exponent = int(f"{value:e}".partition("e")[2]) if value else 0
    text = repr(value)
    digits, _, scale = text.partition("e")
    if scale:
        exponent = int(scale)
    if -4 <= exponent < 6:
        return text.removesuffix(".0")
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    digits = digits.replace(".", "").strip("0")
    return f"{sign}{digits[0]}{'.' + digits[1:] if digits[1:] else ''}e{exponent:+03}"


def timestamp_of(value: Boxed) -> Timestamp | None:
    """`timestamp(x)` of a boxed value: RFC 3339 text, or seconds since 1970."""
    match value:
        case Timestamp():
            return value
        case str():
            moment = clock.timestamp_of_text(value)
        case _ if type(value) is int:
            moment = clock.timestamp_in_range(value * SECOND)
        case _:
            return None
    return None if moment is None else Timestamp(moment)


def duration_of(value: Boxed) -> Duration | None:
    """`duration(x)` of a boxed value."""
    if isinstance(value, Duration):
        return value
    length = clock.duration_of_text(value) if type(value) is str else None
    return None if length is None else Duration(length)
