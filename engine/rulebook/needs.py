"""Which values of an attribute would do, in words: "12 or more", "less than 80", `"cancel"`."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Final

from engine.eligibility import show
from engine.model import DAY, Value
from engine.rulebook.book import Attribute, Kind
from engine.rulebook.critical_values import FRESH, ends, exact, is_ordered, numbers, texts

_MANY: Final = 8
_FEW: Final = 3


def told(attribute: Attribute, value: Value) -> str:
    """A value as people write it in a condition: texts in quotes, whole doubles without a point."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float):
        short = f"{value:.15g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple | list) and all(isinstance(item, str) for item in value):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return show(attribute, value)


def needs(
    attribute: Attribute,
    before: Value,
    after: Value,
    opposite: Sequence[object],
    good: Callable[[Value], bool],
) -> str:
    """The values that will do, `after` among them, each told only if it was found good."""
    if after is None:
        return "to be absent"
    if isinstance(after, tuple):
        return _list(before, after)
    if is_ordered(attribute) and isinstance(after, int | float):
        return _span(attribute, after, opposite, good)
    if isinstance(after, str):
        return _texts(attribute, after, opposite, good)
    return told(attribute, after)


def _list(before: Value, after: tuple[Value, ...]) -> str:
    held = tuple(before) if isinstance(before, tuple | list) else ()
    more = [f'"{item}"' for item in after if item not in held]
    less = [f'"{item}"' for item in held if item not in after]
    parts = [f"{_and(more)} in it"] if more else []
    parts += [f"to be without {_and(less)}"] if less else []
    return " and ".join(parts) or "to be an empty list"


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)


def _texts(
    attribute: Attribute, after: str, opposite: Sequence[object], good: Callable[[Value], bool]
) -> str:
    choices = texts(attribute, opposite)
    good_ones = [choice for choice in choices if good(choice)]
    fine = [told(attribute, choice) for choice in good_ones]
    bad = [told(attribute, choice) for choice in choices if choice not in good_ones]
    is_open = FRESH in good_ones and not attribute.values
    if is_open or not bad or (len(fine) > _MANY and len(bad) < len(fine)):
        return f"anything but {_or(bad)}" if bad else "any value"
    return _or(fine or [told(attribute, after)])


def _or(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _span(
    attribute: Attribute,
    after: float,
    opposite: Sequence[object],
    good: Callable[[Value], bool],
) -> str:
    """The run of good values around `after`, as far as the critical values tell."""
    bounds = exact(opposite)
    probes = _probes(attribute, {*numbers(attribute, opposite), after})
    bad = [probe for probe in probes if not good(probe)]
    if bad and len(bad) <= _FEW and bounds.issuperset(bad):
        return f"anything but {_or([told(attribute, probe) for probe in bad])}"
    low = high = probes.index(after)
    while low > 0 and good(probes[low - 1]):
        low -= 1
    while high < len(probes) - 1 and good(probes[high + 1]):
        high += 1
    from_ = probes[low] if low > 0 else None
    to = probes[high] if high < len(probes) - 1 else None
    if low == high:
        return told(attribute, after)
    if from_ is None and to is None:
        return "any value"
    kind = attribute.type.kind
    if from_ is not None and to is not None and kind is Kind.INT:
        return f"{from_} to {to}"
    parts = [] if from_ is None else [_least(attribute, from_, bounds)]
    parts += [] if to is None else [_most(attribute, to, bounds)]
    return " and ".join(parts)


def _probes(attribute: Attribute, found: Collection[int | float]) -> list[int | float]:
    """The critical values, in order, with one far beyond them on each side."""
    least, most = ends(attribute)
    unit = DAY if attribute.type.kind in {Kind.TIMESTAMP, Kind.DURATION} else 1
    far = 1_000 * unit
    return sorted({*found, max(least, min(found) - far), min(most, max(found) + far)})


def _least(attribute: Attribute, value: float, bounds: Collection[int | float]) -> str:
    below = _beside(attribute, value, -1)
    moment = attribute.type.kind is Kind.TIMESTAMP
    if attribute.type.kind is not Kind.INT and value not in bounds and below in bounds:
        return f"{'after' if moment else 'more than'} {told(attribute, below)}"
    return f"{told(attribute, value)} or {'later' if moment else 'more'}"


def _most(attribute: Attribute, value: float, bounds: Collection[int | float]) -> str:
    above = _beside(attribute, value, 1)
    moment = attribute.type.kind is Kind.TIMESTAMP
    if attribute.type.kind is not Kind.INT and value not in bounds and above in bounds:
        return f"{'before' if moment else 'less than'} {told(attribute, above)}"
    return f"{told(attribute, value)} or {'earlier' if moment else 'less'}"


def _beside(attribute: Attribute, value: float, sign: int) -> int | float:
    if attribute.type.kind is Kind.DOUBLE:
        return math.nextafter(value, sign * math.inf)
    return value + sign
