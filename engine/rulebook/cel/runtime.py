"""What generated conditions call for the rest, and nothing else: importable without the checker.

Nothing here raises: a function that has no answer returns None.
"""

import math
from bisect import bisect
from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

import re2

from engine.model import HOUR, MINUTE, SECOND, UNKNOWN
from engine.rulebook.cel import arithmetic, clock, conversions, kleene, values
from engine.rulebook.cel.values import NULL, Boxed, Duration, Timestamp, TypeValue


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


@lru_cache(maxsize=1024)
def pattern(text: str) -> Callable[[str], bool | None] | None:
    """A test for a regular expression (RE2 syntax) anywhere in a text; None if it is not one.

    The test answers None of a text that is not valid Unicode.
    """
    try:
        search = re2.compile(text, _options()).search
    except (re2.error, UnicodeEncodeError):
        return None

    def found(subject: str) -> bool | None:
        try:
            return search(subject) is not None
        except UnicodeEncodeError:
            return None

    return found


def matches(subject: str, text: str) -> bool | None:
    """`subject.matches(text)` for an expression known only at run time."""
    test = pattern(text)
    return None if test is None else test(subject)


def method(function: str, a: Boxed, b: Boxed) -> bool | None:
    """A string test of boxed values."""
    if type(a) is not str or type(b) is not str:
        return None
    match function:
        case "contains":
            return b in a
        case "startsWith":
            return a.startswith(b)
        case "endsWith":
            return a.endswith(b)
        case _:
            return matches(a, b)


def size(value: Boxed) -> int | None:
    """`size(x)` of a boxed value."""
    if isinstance(value, TypeValue):
        return None
    return len(value) if isinstance(value, str | bytes | list | tuple | dict) else None


_TIMESTAMP_PARTS: Final[Mapping[str, Callable[..., int | None]]] = {
    "getFullYear": clock.full_year,
    "getMonth": clock.month,
    "getDate": clock.date_of_month,
    "getDayOfMonth": clock.day_of_month,
    "getDayOfWeek": clock.day_of_week,
    "getDayOfYear": clock.day_of_year,
    "getHours": clock.hours,
    "getMinutes": clock.minutes,
    "getSeconds": clock.seconds,
    "getMilliseconds": clock.milliseconds,
}
_DURATION_UNITS: Final = {
    "getHours": HOUR,
    "getMinutes": MINUTE,
    "getSeconds": SECOND,
}


def part(function: str, value: Boxed, *place: Boxed) -> int | None:
    """A calendar getter of a boxed timestamp (with an optional time zone's name) or duration."""
    match value:
        case Timestamp():
            zones: tuple[tzinfo | None, ...] = tuple(
                clock.zone(name) if type(name) is str else None for name in place
            )
            return None if None in zones else _TIMESTAMP_PARTS[function](value, *zones)
        case Duration() if not place:
            if function == "getMilliseconds":
                return clock.milliseconds_of_duration(int(value))
            unit = _DURATION_UNITS.get(function)
            return None if unit is None else clock.whole(int(value), unit)
        case _:
            return None


def finite(value: float | None) -> float | None:
    """A number of the book: None if unknown, infinite or not a number."""
    return float(value) if value is not None and math.isfinite(value) else None


def _functions() -> Mapping[str, object]:
    modules = (clock, values, arithmetic, conversions)
    shared = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    }
    return {
        **shared,
        **{f.__name__: f for f in (pattern, matches, method, size, part, finite, kleene.rows)},
    }


NAMESPACE: Final[Mapping[str, object]] = {
    **_functions(),
    **kleene.TABLES,
    "UNKNOWN": UNKNOWN,
    "NULL": NULL,
    "INFINITY": math.inf,
    "bisect": bisect,
}
"""Everything generated code may name, besides a few builtins."""
