"""The values that tell one comparison from another: a few for each attribute stand for all."""

import math
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.model import UNKNOWN, Value
from engine.rulebook.attributes import FILLED_BY_ENGINE
from engine.rulebook.book import Attribute
from engine.rulebook.cel import clock
from engine.rulebook.cel.operators import kind
from engine.rulebook.cel.tree import TIMESTAMP, Call, CelType, Node
from engine.rulebook.cel.values import INT_MAX, INT_MIN

MOST_VALUES: Final = 50
"""Declared values up to which every expression about an attribute alone is looked into."""

Mark: TypeAlias = int | float | str
"""A constant something is compared with."""

_WHOLE: Final = {
    "int": (INT_MIN, INT_MAX),
    "timestamp": (clock.FIRST_TIMESTAMP, clock.LAST_TIMESTAMP),
    "duration": (-clock.LONGEST_DURATION, clock.LONGEST_DURATION),
}
_FINITE: Final = (-sys.float_info.max, sys.float_info.max)
_CALENDAR: Final = {
    "getMonth": (0, 11),
    "getDate": (1, 31),
    "getDayOfMonth": (0, 30),
    "getDayOfWeek": (0, 6),
    "getDayOfYear": (0, 365),
    "getHours": (0, 23),
    "getMinutes": (0, 59),
    "getSeconds": (0, 59),
    "getMilliseconds": (0, 999),
}
"""What the methods of timestamps give (CEL's language definition, "Standard Definitions")."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What something can be: of a scalar type, in a range (inclusive), among values, null or unknown.

    `finite`: a double is neither infinite nor NaN.
    """

    kind: str
    values: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    finite: bool = False
    null: bool = False
    unknown: bool = True

    @property
    def closed(self) -> bool:
        """Whether all its values can be gone through."""
        few = 0 < len(self.values) <= MOST_VALUES
        return self.kind == "bool" or (self.kind == "string" and few)

    def cells(self, marks: Collection[Mark]) -> tuple[Value, ...]:
        """Values such that whatever is compared with the marks alone cannot tell others from them.

        >>> Domain("int", range=(0, 9), unknown=False).cells([5])
        (0, 4, 5, 6, 9)
        >>> Domain("string", values=("a", "b"), null=True, unknown=False).cells([])
        ('a', 'b', None)
        """
        nothing: tuple[Value, ...] = (*[None] * self.null, *[UNKNOWN] * self.unknown)
        return (*self._known(marks), *nothing)

    def _known(self, marks: Collection[Mark]) -> tuple[Value, ...]:
        if self.kind == "bool":
            return (True, False)
        if self.kind == "string":
            return self.values if self.closed else _texts(self.values, marks)
        numbers = [mark for mark in marks if not isinstance(mark, str)]
        if self.kind == "double":
            span = self.range or (_FINITE if self.finite else None)
            return tuple(sorted(_doubles(numbers, span), key=_nan_last))
        if self.kind not in _WHOLE:
            return (True,)
        low, high = _WHOLE[self.kind]
        if self.range is not None:
            low, high = max(low, _up(self.range[0])), min(high, _down(self.range[1]))
        near = {n for mark in numbers if math.isfinite(mark) for n in _around(mark)}
        return tuple(sorted(n for n in {low, high, *near} if low <= n <= high))


def _texts(values: tuple[str, ...], marks: Collection[Mark]) -> tuple[str, ...]:
    """The texts among the marks, and one that is not."""
    named = tuple(sorted({mark for mark in marks if isinstance(mark, str)}))
    if values:
        other = next((value for value in values if value not in named), None)
        return (*(n for n in named if n in values), *([] if other is None else [other]))
    return (*named, "".join(named) + "…")


def _around(mark: float) -> Iterator[int]:
    yield from (math.floor(mark) - 1, math.floor(mark), math.ceil(mark), math.ceil(mark) + 1)


def _up(end: float) -> int:
    return math.ceil(max(min(end, 1e300), -1e300))


def _down(end: float) -> int:
    return math.floor(max(min(end, 1e300), -1e300))


def _doubles(marks: Iterable[float], span: tuple[float, float] | None) -> set[float]:
    """Each mark, the nearest doubles on either side of it, and the ends.

    Without a range also what is no number: a double may be that.
    """
    low, high = span or (-math.inf, math.inf)
    near = {
        n
        for mark in map(float, marks)
        for n in (math.nextafter(mark, -math.inf), mark, math.nextafter(mark, math.inf))
    }
    found = {n for n in {low, high, *near} if low <= n <= high}
    return found if span else {*found, math.nan}


def _nan_last(number: float) -> tuple[bool, float]:
    return math.isnan(number), number


def of_attribute(attribute: Attribute, *, doubtful: bool) -> Domain:
    """What an attribute can be by its declaration; anything of its kind if that is in doubt.

    Values come from outside, where what is not declared so, and doubles that are not finite, are refused.

    A value that is missing is the default, else null, else unknown; an explicit null is null.
    """
    name = str(attribute.type.kind)
    if doubtful:
        return Domain(name, finite=True, null=True)
    missing = attribute.default is UNKNOWN and attribute.name not in FILLED_BY_ENGINE
    range_ = attribute.range
    if range_ and name == "int" and _up(range_[0]) > _down(range_[1]):
        range_ = None
    return Domain(name, attribute.values, range_, True, attribute.nullable, missing)


def of_node(node: Node) -> Domain:
    """What an expression can be, by its type and what is known of functions."""
    range_: tuple[float, float] | None = None
    match node:
        case Call(function="size"):
            range_ = (0, INT_MAX)
        case Call(function=function, arguments=(subject, *_)) if _is_timestamp(subject.type):
            range_ = _CALENDAR.get(function)
    found = kind(node.type)
    return Domain("bool" if found == "dyn" else found, range=range_, null=True)


def _is_timestamp(type_: CelType) -> bool:
    return kind(type_) == TIMESTAMP.name
