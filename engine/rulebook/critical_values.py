"""Values of one attribute at which a condition may turn, and how far each is from what is."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from engine.model import DAY, UNKNOWN, Value
from engine.rulebook.book import Attribute, Kind
from engine.rulebook.cel import clock

YEAR: Final = 365 * DAY

FRESH: Final = "something else"
"""Stands for any text that no condition names."""

_FAR: Final = 10**15
_ENDS: Final = {
    Kind.INT: (-_FAR, _FAR),
    Kind.TIMESTAMP: (clock.FIRST_TIMESTAMP + 1_000 * YEAR, clock.LAST_TIMESTAMP - 1_000 * YEAR),
    Kind.DURATION: (-100 * YEAR, 100 * YEAR),
}
"""Within these, conditions can add and multiply without running over."""
_ORDERED: Final = frozenset({Kind.INT, Kind.DOUBLE, Kind.TIMESTAMP, Kind.DURATION})
_HALVINGS: Final = 80


class Turns(NamedTuple):
    """What an attribute is compared with: literals, and the places of parts to be evaluated."""

    literals: tuple[object, ...] = ()
    parts: tuple[int, ...] = ()


def is_ordered(attribute: Attribute) -> bool:
    """Whether the attribute's values have an order that conditions ask about."""
    return attribute.type.kind in _ORDERED


def candidates(attribute: Attribute, now: Value, opposite: Sequence[object]) -> Iterator[Value]:
    """Values worth a trial, given what the attribute is compared with; null where it can be null."""
    match attribute.type.kind:
        case Kind.BOOL:
            yield from (True, False)
        case Kind.STRING:
            yield from texts(attribute, opposite)
        case Kind.LIST:
            yield from _lists(attribute, now, opposite)
        case Kind.MAP:
            return
        case _:
            yield from numbers(attribute, opposite)
    if attribute.nullable and attribute.default is None:
        yield None


def texts(attribute: Attribute, opposite: Sequence[object]) -> list[str]:
    """The declared values; of an open text those that are named, and one that is not."""
    if attribute.values:
        return list(attribute.values)
    return [*dict.fromkeys(_strings(opposite)), FRESH]


def _strings(opposite: Sequence[object]) -> Iterator[str]:
    for item in opposite:
        if isinstance(item, str):
            yield item
        elif isinstance(item, tuple | list):
            yield from _strings(item)


def _lists(attribute: Attribute, now: Value, opposite: Sequence[object]) -> Iterator[Value]:
    """The list with one more element, with one less, and empty."""
    element = attribute.type.element
    if element is None or element.kind is not Kind.STRING:
        return
    held = tuple(now) if isinstance(now, tuple | list) else ()
    pool = attribute.values or tuple(dict.fromkeys(_strings(opposite)))
    for text in pool or (FRESH,):
        if text not in held:
            yield (*held, text)
    for text in held:
        yield tuple(other for other in held if other != text)
    yield ()


def numbers(attribute: Attribute, opposite: Sequence[object]) -> list[int | float]:
    """What the attribute is compared with, the values right beside it, and the ends of the range."""
    found: dict[int | float, None] = {}
    for item in _flat(opposite):
        for value in _around(attribute, item):
            found.setdefault(value)
    low, high = ends(attribute)
    for end in (low, high) if attribute.range else (0,):
        found.setdefault(_typed(attribute, end))
    return [value for value in found if low <= value <= high]


def exact(opposite: Sequence[object]) -> frozenset[int | float]:
    """The numbers an attribute is compared with."""
    return frozenset(_flat(opposite))


def _flat(opposite: Sequence[object]) -> Iterator[int | float]:
    for item in opposite:
        if isinstance(item, tuple | list):
            yield from _flat(item)
        elif isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item):
            yield item


def _around(attribute: Attribute, bound: float) -> Iterator[int | float]:
    if attribute.type.kind is Kind.DOUBLE:
        exact = float(bound)
        yield from (exact, math.nextafter(exact, -math.inf), math.nextafter(exact, math.inf))
    else:
        low = math.floor(bound)
        yield from (low, low - 1, low + 1)


def _typed(attribute: Attribute, value: float) -> int | float:
    return float(value) if attribute.type.kind is Kind.DOUBLE else int(value)


def ends(attribute: Attribute) -> tuple[int | float, int | float]:
    """The least and the greatest value to be considered."""
    if attribute.range:
        low, high = attribute.range
        if attribute.type.kind is not Kind.DOUBLE:
            return math.ceil(low), math.floor(high)
        return low, high
    return _ENDS.get(attribute.type.kind, (-float(_FAR), float(_FAR)))


def crossing(
    attribute: Attribute, now: Value, wanted: Callable[[Value], bool]
) -> Iterator[int | float]:
    """The nearest value on each side at which a trial turns out as wanted, by doubling and halving.

    For what is reckoned from the attribute. It finds the turn of anything that turns once.
    """
    low, high = ends(attribute)
    start = now if isinstance(now, int | float) and not isinstance(now, bool) else 0
    start = min(max(start, low), high)
    if now in (None, UNKNOWN) and wanted(_typed(attribute, start)):
        yield _typed(attribute, start)
        return
    for end, sign in ((high, 1), (low, -1)):
        found = _crossing(attribute, start, end, sign, wanted)
        if found is not None:
            yield found


def _crossing(
    attribute: Attribute,
    start: float,
    end: float,
    sign: int,
    wanted: Callable[[Value], bool],
) -> int | float | None:
    whole = attribute.type.kind is not Kind.DOUBLE
    step: float = 1 if whole else max(abs(start), 1.0) * 2.0**-20
    inside = outside = _typed(attribute, start)
    while abs(step) <= 4 * _FAR * 1_000:
        outside, inside = inside, _typed(attribute, start + sign * step)
        if (inside - end) * sign > 0:
            inside = _typed(attribute, end)
        if wanted(inside):
            return _halved(outside, inside, wanted, whole=whole)
        if inside == end:
            return None
        step *= 2
    return None


def _halved(
    outside: float, inside: float, wanted: Callable[[Value], bool], *, whole: bool
) -> int | float:
    """The value nearest to `outside` that is wanted; a rounder one if it is as good as that."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) // 2 if whole else (outside + inside) / 2
        if middle in {outside, inside}:
            break
        if wanted(middle):
            inside = middle
        else:
            outside = middle
    if whole:
        return inside if wanted(inside) else outside
    return next(filter(wanted, _rounder(outside, inside)), inside)


def _rounder(outside: float, inside: float) -> Iterator[float]:
    """Shorter numbers about as good as `inside`, on its side of the turn."""
    unit = math.copysign(
        10.0 ** (math.floor(math.log10(abs(inside) or 1.0)) - 11), inside - outside
    )
    short = float(f"{inside:.12g}")
    yield from (short, float(f"{short + unit:.12g}"))


def distance(attribute: Attribute, before: Value, after: Value) -> float:
    """How far a change goes; of one attribute's values, the nearer has the smaller distance."""
    if after is None:
        return 2.0
    if isinstance(after, tuple):
        held = set(before) if isinstance(before, tuple | list) else set()
        return float(len(held.symmetric_difference(after)))
    if is_ordered(attribute) and isinstance(before, int | float) and isinstance(after, int | float):
        return abs(after - before) / (1.0 + abs(before))
    return 1.0
