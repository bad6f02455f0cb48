"""Attribute types as rule files write them, and whether a written value is of a type."""

import re
from typing import Final

from engine.model import Value
from engine.rulebook.book import Kind, Type
from engine.rulebook.names import did_you_mean, nearest
from engine.rulebook.nodes import ListNode, MapNode, Node, Plain, Scalar, described, shortened
from engine.rulebook.readers import allowing, meant, text
from engine.rulebook.report import Mistake
from engine.rulebook.times import duration_of, moment_of

_SCALARS: Final = ("bool", "int", "double", "string", "timestamp", "duration")
_ALL: Final = (*_SCALARS, "list(string)", "map(string,string)")
_MEANT: Final = {
    **dict.fromkeys(("float", "number", "decimal", "money"), "double"),
    **dict.fromkeys(("date", "datetime", "time"), "timestamp"),
    **dict.fromkeys(("text", "varchar", "enum"), "string"),
    **dict.fromkeys(("list", "array", "set"), "list(string)"),
    **dict.fromkeys(("map", "dict", "object"), "map(string,string)"),
}
"""The types of other languages."""
_LIST = re.compile(r"list\s*\((.*)\)")
_MAP = re.compile(r"map\s*\(\s*string\s*,(.*)\)")
_MOST_LEVELS = 4
_INT64 = 1 << 63


@allowing(type="string", anyOf=({"enum": _SCALARS}, {"pattern": r"^\s*(list|map)\s*\("}))
def attribute_type(node: Node) -> Type:
    """A type: `bool int double string timestamp duration list(T) map(string,T)`."""
    written = text(node)
    found = type_of(written)
    if found is None:
        raise Mistake(
            (
                node.place,
                f"'{shortened(written)}' is no type ({' '.join(_SCALARS)} list(T) map(string,T))."
                f"{_hint(written)}",
            )
        )
    return found


def _hint(written: str) -> str:
    instead = _MEANT.get(written.lower())
    return f" Did you mean '{instead}'?" if instead else did_you_mean(written, _ALL)


def likely_type(node: Node) -> Type:
    """The type that is written or, if that is misspelt, was most likely meant."""
    written = text(node)
    found = type_of(written) or type_of(_MEANT.get(written.lower()) or nearest(written, _ALL) or "")
    return found or attribute_type(node)


def type_of(written: str, levels: int = _MOST_LEVELS) -> Type | None:
    """The type that is written; None if it is none.

    >>> str(type_of("map(string, list(int))"))
    'map(string,list(int))'
    >>> type_of("strng") is None
    True
    """
    written = written.strip()
    if written in _SCALARS:
        return Type(Kind(written))
    for kind, pattern in ((Kind.LIST, _LIST), (Kind.MAP, _MAP)):
        if levels and (match := pattern.fullmatch(written)):
            element = type_of(match[1], levels - 1)
            return Type(kind, element) if element else None
    return None


def value_of(node: Node, type_: Type) -> Value:
    """A written value as the engine holds it: times in microseconds, lists as tuples.

    Raises:
        Mistake: if the value is not of the type; null is of no type.
    """
    value: Value = None
    match type_.kind:
        case Kind.LIST | Kind.MAP:
            return _collection(node, type_)
        case _ if not isinstance(node, Scalar):
            raise _mismatch(node, type_)
        case Kind.STRING:
            return text(node)
        case Kind.BOOL:
            value = node.value if isinstance(node.value, bool) else None
        case Kind.INT:
            value = node.value if _is_int64(node.value) else None
        case Kind.DOUBLE:
            value = _double(node.value)
        case Kind.TIMESTAMP:
            value = moment_of(node.text)
        case Kind.DURATION:
            value = duration_of(node.text)
    if value is None:
        raise _mismatch(node, type_)
    return value


def _double(value: Plain) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        return None
    return float(value)


def _is_int64(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64


def _collection(node: Node, type_: Type) -> Value:
    element = type_.element or Type(Kind.STRING)
    if type_.kind is Kind.LIST and isinstance(node, ListNode):
        return tuple(value_of(item, element) for item in node.items)
    if type_.kind is Kind.MAP and isinstance(node, MapNode):
        return {name: value_of(value, element) for name, (_, value) in node.entries.items()}
    raise _mismatch(node, type_)


_EXAMPLES: Final = {
    Kind.BOOL: "true or false",
    Kind.INT: "a whole number",
    Kind.DOUBLE: "a number",
    Kind.TIMESTAMP: "a date or time like 2026-11-21 or 2026-11-21T10:00:00Z",
    Kind.DURATION: "a length of time like 12h or 7d",
    Kind.LIST: "a list",
    Kind.MAP: "a mapping",
}


def _mismatch(node: Node, type_: Type) -> Mistake:
    expected = _EXAMPLES.get(type_.kind, "text")
    hint = meant(node) if type_.kind in {Kind.BOOL, Kind.INT, Kind.DOUBLE} else ""
    return Mistake((node.place, f"expected {expected} ({type_}), found {described(node)}{hint}"))
