"""Generated code for functions and methods: strings, sizes, time, conversions."""

from collections.abc import Callable, Sequence

from engine.model import HOUR, MINUTE, SECOND
from engine.rulebook.cel import clock
from engine.rulebook.cel.code import Code, Scope
from engine.rulebook.cel.operators import DURATION_BOUNDS, TIMESTAMP_BOUNDS, kind
from engine.rulebook.cel.shapes import boxed
from engine.rulebook.cel.tree import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    UINT,
    Call,
)

Global = Callable[[str], str]
"""Makes a global of an expression evaluated once, at load; returns its name."""

_STRING_TESTS = {
    "contains": "({1} in {0})",
    "startsWith": "{0}.startswith({1})",
    "endsWith": "{0}.endswith({1})",
}
_GETTERS = {
    "getFullYear": "full_year",
    "getMonth": "month",
    "getDate": "date_of_month",
    "getDayOfMonth": "day_of_month",
    "getDayOfWeek": "day_of_week",
    "getDayOfYear": "day_of_year",
    "getHours": "hours",
    "getMinutes": "minutes",
    "getSeconds": "seconds",
    "getMilliseconds": "milliseconds",
}
_DURATION_UNITS = {
    "getHours": HOUR,
    "getMinutes": MINUTE,
    "getSeconds": SECOND,
}
_CONVERSIONS = {
    "int": ("int_of", INT),
    "uint": ("uint_of", UINT),
    "double": ("double_of", DOUBLE),
    "bool": ("bool_from", BOOL),
    "string": ("string_of", STRING),
    "bytes": ("bytes_of", BYTES),
    "timestamp": ("timestamp_of", TIMESTAMP),
    "duration": ("duration_of", DURATION),
}
_SIZED = {"string", "bytes", "list", "map"}


def call(constant: Global, scope: Scope, node: Call, operands: Sequence[Code]) -> Code | None:
    """The code of a function or method, None if there is none."""
    known = [scope.known(code) for code in operands]
    match node.function, len(operands):
        case (("contains" | "startsWith" | "endsWith" | "matches"), 2):
            return _string_test(constant, scope, node.function, *known)
        case "size", 1:
            return _size(scope, known[0])
        case getter, (1 | 2) if getter in _GETTERS:
            return _getter(constant, scope, node, known)
        case conversion, 1 if conversion in _CONVERSIONS:
            return _conversion(scope, conversion, known[0])
        case ("days" | "hours" | "minutes") as unit, 1 if kind(known[0].type) == "int":
            body = f"{known[0].body} * {clock.UNITS[unit]}"
            return scope.within(body, DURATION, known, DURATION_BOUNDS)
        case "date", 1 if kind(known[0].type) == "string":
            return scope.checked(f"timestamp_of_date({known[0].body})", TIMESTAMP, known)
        case "type", 1:
            value = boxed(scope, operands[0])
            return scope.sure(f"type_of({value.body})", node.type, [value])
        case _:
            return None


def _string_test(constant: Global, scope: Scope, function: str, a: Code, b: Code) -> Code:
    if kind(a.type) != "string" or kind(b.type) != "string":
        a, b = boxed(scope, a), boxed(scope, b)
        return scope.checked(f"method({function!r}, {a.body}, {b.body})", BOOL, [a, b])
    if function != "matches":
        return scope.sure(_STRING_TESTS[function].format(a.body, b.body), BOOL, [a, b])
    if b.literal:
        return scope.checked(f"{constant(f'pattern({b.body})')}({a.body})", BOOL, [a])
    return scope.checked(f"matches({a.body}, {b.body})", BOOL, [a, b])


def _size(scope: Scope, operand: Code) -> Code:
    if kind(operand.type) in _SIZED:
        return scope.sure(f"len({operand.body})", INT, [operand])
    operand = boxed(scope, operand)
    return scope.checked(f"size({operand.body})", INT, [operand])


def _getter(constant: Global, scope: Scope, node: Call, known: Sequence[Code]) -> Code:
    subject, places, function = known[0], known[1:], node.function
    if kind(subject.type) == "timestamp" and all(kind(p.type) == "string" for p in places):
        if not places:
            return scope.checked(f"{_GETTERS[function]}({subject.body})", INT, [subject])
        if places[0].literal:
            place = Code(constant(f"zone({places[0].body})"), STRING)
        else:
            place = scope.checked(f"zone({places[0].body})", STRING, places)
        body = f"{_GETTERS[function]}({subject.body}, {place.body})"
        return scope.checked(body, INT, [subject, place])
    if kind(subject.type) == "duration" and not places:
        if function == "getMilliseconds":
            return scope.sure(f"milliseconds_of_duration({subject.body})", INT, [subject])
        if (unit := _DURATION_UNITS.get(function)) is not None:
            return scope.sure(f"whole({subject.body}, {unit})", INT, [subject])
    values = [boxed(scope, code) for code in known]
    body = ", ".join(code.body for code in values)
    return scope.checked(f"part({function!r}, {body})", INT, values)


def _conversion(scope: Scope, function: str, operand: Code) -> Code:
    source = kind(operand.type)
    if source == function:
        return operand
    match function, source:
        case "double", "int" | "uint":
            return scope.sure(f"float({operand.body})", DOUBLE, [operand])
        case "int", "timestamp":
            return scope.sure(f"({operand.body} // {SECOND})", INT, [operand])
        case "timestamp", "int":
            body = f"{operand.body} * {SECOND}"
            return scope.within(body, TIMESTAMP, [operand], TIMESTAMP_BOUNDS)
        case _:
            name, type_ = _CONVERSIONS[function]
            value = boxed(scope, operand)
            return scope.checked(f"{name}({value.body})", type_, [value])


def not_covered(node: Call, operands: Sequence[Code]) -> str:
    """How to say that a function has no code."""
    types = ", ".join(str(code.type) for code in operands)
    return f"{node.function}({types}) cannot be used in a rule book"
