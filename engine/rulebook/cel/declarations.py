"""What the official checker is told: the attributes' types, and operators over mixed numbers.

The standard library has no `int < double` or `int * double`, which marketing writes all the time.
So those operators are excluded from it and declared again with the mixed overloads added: an int
or uint beside a double is taken as double. Everything else is the standard library's own.
"""

from collections.abc import Iterator
from functools import cache

_NUMBERS = ("int", "uint", "double")
_ORDERED = ("bool", "string", "bytes", "timestamp", "duration")
_MIXED = tuple((a, b) for a in _NUMBERS for b in _NUMBERS if a != b)
_MIXED_DOUBLE = tuple(pair for pair in _MIXED if "double" in pair)

Signature = tuple[tuple[str, ...], str]
"""Arguments and result. `A` and `B` stand for any type."""


def _comparisons() -> Iterator[Signature]:
    for name in (*_NUMBERS, *_ORDERED):
        yield (name, name), "bool"
    for pair in _MIXED:
        yield pair, "bool"


def _equalities() -> Iterator[Signature]:
    yield ("A", "A"), "bool"
    for pair in _MIXED:
        yield pair, "bool"
    for container in ("list(A)", "map(A,B)"):
        yield (container, "null_type"), "bool"
        yield ("null_type", container), "bool"


def _memberships() -> Iterator[Signature]:
    yield ("A", "list(A)"), "bool"
    yield ("A", "map(A,B)"), "bool"
    for a, b in _MIXED:
        yield (a, f"list({b})"), "bool"


def _arithmetic() -> Iterator[Signature]:
    for name in _NUMBERS:
        yield (name, name), name
    for pair in _MIXED_DOUBLE:
        yield pair, "double"


def _sums() -> Iterator[Signature]:
    yield from _arithmetic()
    for name in ("string", "bytes", "list(A)", "duration"):
        yield (name, name), name
    yield ("timestamp", "duration"), "timestamp"
    yield ("duration", "timestamp"), "timestamp"


def _differences() -> Iterator[Signature]:
    yield from _arithmetic()
    yield ("timestamp", "timestamp"), "duration"
    yield ("timestamp", "duration"), "timestamp"
    yield ("duration", "duration"), "duration"


OPERATORS = {
    **{name: tuple(_comparisons()) for name in ("_<_", "_<=_", "_>_", "_>=_")},
    **{name: tuple(_equalities()) for name in ("_==_", "_!=_")},
    "@in": tuple(_memberships()),
    "_+_": tuple(_sums()),
    "_-_": tuple(_differences()),
    "_*_": tuple(_arithmetic()),
    "_/_": tuple(_arithmetic()),
}
"""Declared in place of the standard library's."""

FUNCTIONS: dict[str, tuple[Signature, ...]] = {
    "days": ((("int",), "duration"),),
    "hours": ((("int",), "duration"),),
    "minutes": ((("int",), "duration"),),
    "date": ((("string",), "timestamp"),),
}
"""Attune's own: `days(60)`, `hours(2)`, `minutes(30)`, `date("2026-12-01")`."""

GETTERS = (
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)
"""The calendar's methods of timestamps, the last four of durations, too."""

STANDARD_FUNCTIONS = (
    *("size", "contains", "startsWith", "endsWith", "matches", "has", "dyn", "type"),
    *("all", "exists", "exists_one", "map", "filter", "timestamp", "duration"),
    *("int", "double", "uint", "string", "bool", "bytes"),
    *GETTERS,
)


def _type(text: str) -> str:
    """A type in the configuration's YAML.

    >>> _type("list(A)")
    '{type_name: list, params: [{type_name: A, is_type_param: true}]}'
    """
    if text in {"A", "B"}:
        return f"{{type_name: {text}, is_type_param: true}}"
    name, _, rest = text.rstrip(")").partition("(")
    if not rest:
        return f"{{type_name: {name}}}"
    parameters = ", ".join(map(_type, rest.split(",")))
    return f"{{type_name: {name}, params: [{parameters}]}}"


def overload_id(function: str, arguments: tuple[str, ...]) -> str:
    """The name an overload is declared under."""
    return f"{function}({','.join(arguments)})"


@cache
def configuration() -> str:
    """The environment's configuration, as `cel.NewEnvConfigFromYaml` reads it."""
    lines = ["stdlib:", "  exclude_functions:"]
    lines += [f'    - name: "{name}"' for name in OPERATORS]
    lines.append("functions:")
    for name, signatures in {**OPERATORS, **FUNCTIONS}.items():
        lines += [f'  - name: "{name}"', "    overloads:"]
        for arguments, result in signatures:
            lines.append(f'      - id: "{overload_id(name, arguments)}"')
            lines.append(f"        args: [{', '.join(map(_type, arguments))}]")
            lines.append(f"        return: {_type(result)}")
    return "\n".join(lines)
