"""Checks what is written out in an expression: values, patterns, dates, durations, time zones."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import is_not
from zoneinfo import available_timezones

from engine.rulebook.book import Attribute
from engine.rulebook.cel import clock, runtime
from engine.rulebook.cel.declarations import GETTERS
from engine.rulebook.cel.mistakes import Problem, null_order
from engine.rulebook.cel.tree import (
    DURATION,
    TIMESTAMP,
    Call,
    Constant,
    Fold,
    ListOf,
    MapOf,
    Node,
    Select,
    dotted,
    start,
    walk,
)
from engine.rulebook.names import did_you_mean, listed

_TEXTS = {
    "timestamp": (
        clock.timestamp_of_text,
        TIMESTAMP,
        "is not a timestamp such as '2026-12-01T09:00:00Z', in the years 1 to 9999 and to the microsecond",
    ),
    "duration": (
        clock.duration_of_text,
        DURATION,
        "is not a duration such as '36h', '90m' or '1h30m' (units h m s ms us); for days write days(60)",
    ),
    "date": (clock.timestamp_of_date, TIMESTAMP, "is not a date such as '2026-12-01'"),
}


def _text(node: Node) -> str | None:
    return node.value if isinstance(node, Constant) and isinstance(node.value, str) else None


def _number(node: Node) -> int | None:
    """An int written out, with or without a minus sign."""
    match node:
        case Constant(value=int() as value) if node.type.name == "int":
            return value
        case Call(function="-_", arguments=(Constant(value=int() as value),)):
            return -value
        case _:
            return None


def literal_problems(tree: Node, attributes: Mapping[str, Attribute]) -> Iterator[Problem]:
    """The mistakes in literals, wherever they stand; works on a tree that was only parsed, too."""
    for node in walk(tree):
        if isinstance(node, Call):
            yield from _call_problems(node)
            yield from _value_problems(node, attributes)
            yield from _element_problems(node, attributes)
            yield from _null_problems(node)
            yield from _zero_problems(node)
        attribute = attributes.get(dotted(node.range)) if isinstance(node, Fold) else None
        if isinstance(node, Fold) and attribute and attribute.values:
            for inner in walk(node.step):
                if isinstance(inner, Call):
                    yield from _value_problems(inner, {node.variable: attribute})


def _zero_problems(node: Call) -> Iterator[Problem]:
    """Divisions that never have an outcome."""
    if node.function in {"_/_", "_%_"} and _number(node.arguments[1]) == 0:
        yield Problem(node.arguments[1].offset, "nothing can be divided by 0")


def _null_problems(node: Call) -> Iterator[Problem]:
    """Orders that null has no place in, though a nullable attribute lets the checker pass them."""
    if node.function in {"_<_", "_<=_", "_>_", "_>=_"}:
        for argument in node.arguments:
            if isinstance(argument, Constant) and argument.value is None:
                yield Problem(start(node), null_order(node.function.strip("_")))


def _call_problems(node: Call) -> Iterator[Problem]:
    last = node.arguments[-1] if node.arguments else None
    text = _text(last) if last else None
    if last is None:
        return
    if text is not None:
        yield from _text_problems(node, last, text)
    count = _number(last)
    unit = clock.UNITS.get(node.function)
    if unit and count is not None and clock.span(count, unit) is None:
        yield Problem(last.offset, f"{count} {node.function} are more than can be reckoned with")


def _text_problems(node: Call, last: Node, text: str) -> Iterator[Problem]:
    if node.function == "matches" and runtime.pattern(text) is None:
        yield Problem(last.offset, f"'{text}' is not a regular expression (RE2 syntax)")
    if node.function in _TEXTS and len(node.arguments) == 1:
        read, _, complaint = _TEXTS[node.function]
        if read(text) is None:
            yield Problem(last.offset, f"'{text}' {complaint}")
    placed = node.function in GETTERS and node.method and len(node.arguments) == 2
    if placed and (not text or clock.zone(text) is None):
        wanted = "a time zone such as 'Europe/Vienna' or '+01:00'"
        hint = did_you_mean(text, sorted(available_timezones()))
        yield Problem(
            last.offset, f"'{text}' is not {wanted}.{hint}" if hint else f"'{text}' is not {wanted}"
        )


def _value_problems(node: Call, attributes: Mapping[str, Attribute]) -> Iterator[Problem]:
    if node.function not in {"_==_", "_!=_", "@in"} or len(node.arguments) != 2:
        return
    for one, other in (node.arguments, reversed(node.arguments)):
        if node.function == "@in" and one is node.arguments[0] and isinstance(other, Constant):
            continue
        for attribute in _subjects(one, attributes):
            for literal in _literals(other):
                text = _text(literal)
                if text is not None and text not in attribute.values:
                    hint = did_you_mean(text, attribute.values)
                    said = f"'{text}' is not a value of {attribute.name}{listed(attribute.values)}."
                    yield Problem(literal.offset, f"{said}{hint}")


def _element_problems(node: Call, attributes: Mapping[str, Attribute]) -> Iterator[Problem]:
    """Literals in a list that the attribute can never equal, which mixed lists let through."""
    if node.function != "@in" or len(node.arguments) != 2:
        return
    attribute = attributes.get(dotted(node.arguments[0]))
    container = node.arguments[1]
    if attribute is None or not isinstance(container, ListOf):
        return
    kinds = {e.type.name for e in container.elements if isinstance(e, Constant)}
    if len(kinds) < 2:
        return
    fitting = _FITTING.get(str(attribute.type), frozenset())
    for element in container.elements:
        if isinstance(element, Constant) and element.type.name not in {*fitting, "null"}:
            said = f"'{attribute.name}' is {attribute.type}; it is never"
            yield Problem(element.offset, f"{said} {element.type.name} {element.value!r}")


_NUMERIC = frozenset({"int", "uint", "double"})
_FITTING = {
    "int": _NUMERIC,
    "double": _NUMERIC,
    "string": frozenset({"string"}),
    "bool": frozenset({"bool"}),
}


def _subjects(node: Node, attributes: Mapping[str, Attribute]) -> Iterator[Attribute]:
    """The attributes with declared values a node can be the value of."""
    match node:
        case Call(function="_?_:_"):
            for branch in node.arguments[1:]:
                yield from _subjects(branch, attributes)
        case Call(function="_[_]"):
            yield from _subjects(node.arguments[0], attributes)
        case _:
            attribute = attributes.get(dotted(node).removeprefix("."))
            if attribute and attribute.values:
                yield attribute


def _literals(node: Node) -> Iterator[Node]:
    """The literals a node can be, looking into lists and outcomes."""
    match node:
        case ListOf():
            for element in node.elements:
                yield from _literals(element)
        case Call(function="_?_:_"):
            for branch in node.arguments[1:]:
                yield from _literals(branch)
        case Constant():
            yield node
        case _:
            return


def folded(node: Node) -> Node:
    """The tree with times and lengths of time that are written out worked out."""
    match node:
        case Call():
            arguments = tuple(map(folded, node.arguments))
            if any(map(is_not, arguments, node.arguments)):
                node = replace(node, arguments=arguments)
            return _worked_out(node)
        case Select():
            return replace(node, operand=folded(node.operand))
        case ListOf():
            return replace(node, elements=tuple(map(folded, node.elements)))
        case MapOf():
            return replace(node, entries=tuple((folded(k), folded(v)) for k, v in node.entries))
        case Fold():
            return replace(
                node,
                range=folded(node.range),
                start=folded(node.start),
                condition=folded(node.condition),
                step=folded(node.step),
                result=folded(node.result),
            )
        case _:
            return node


def _worked_out(node: Call) -> Node:
    if len(node.arguments) != 1:
        return node
    text, count = _text(node.arguments[0]), _number(node.arguments[0])
    value: int | None = None
    type_ = node.type
    if text is not None and node.function in _TEXTS:
        read, type_, _ = _TEXTS[node.function]
        value = read(text)
    elif count is not None and node.function in clock.UNITS:
        value, type_ = clock.span(count, clock.UNITS[node.function]), DURATION
    return node if value is None else Constant(type_, node.offset, value)
