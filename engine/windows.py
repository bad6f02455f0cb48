"""Look back: what a customer's events of the last hours or weeks come to, at the moment of a decision.

Nothing is counted ahead of time: the interactions a customer holds are in the order of their own time,
so a window is a stretch of them, whenever and in whatever order they were reported.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from math import fsum
from operator import itemgetter
from typing import Final, NamedTuple, Self, TypeAlias

from engine.interactions import past
from engine.model import Customer, EventId, Interaction, Micros, PastInteraction, Value
from engine.rulebook.book import Attribute, Kind
from engine.rulebook.window import Reckoning, Window

Pasts: TypeAlias = list[PastInteraction]
"""Interactions in the order of time."""

_TIME = itemgetter(0)
_NUMBERS: Final = frozenset({int, float})
_UNNAMED: Final = EventId("")


class Windows:
    """The attributes of one book that are kept from events."""

    __slots__ = ("_reach", "_readings", "_types")

    def __init__(self, attributes: Iterable[Attribute]) -> None:
        self._readings = tuple(_Reading.of(a, a.source) for a in attributes if a.source)
        self._types = frozenset(type_ for one in self._readings for type_ in one.window.events)
        self._reach = max((one.window.within for one in self._readings), default=0)

    def fill(
        self,
        values: list[Value],
        customer: Customer,
        now: Micros,
        happening: Interaction | None = None,
    ) -> None:
        """Puts each into its place among `values`, in place, as of `now`.

        `happening` counts as if it had just happened. Where nothing is in its window, an attribute
        keeps the value it has: that of one that is absent.
        """
        by_type = self._by_type(customer.interactions, now)
        if happening is not None and happening.type in self._types:
            by_type.setdefault(happening.type, []).append(past(_UNNAMED, now, happening))
        if not by_type:
            return
        for place, window, come_to in self._readings:
            found = _falling(window, by_type, now - window.within)
            if found:
                values[place] = come_to(found, now)

    def _by_type(self, interactions: Pasts, now: Micros) -> dict[str, Pasts]:
        """The interactions of (now − the farthest reach, now] that any window counts, by type."""
        start, end = 0, len(interactions)
        if end and interactions[-1].time > now:
            end = bisect_right(interactions, now, key=_TIME)
        if end and interactions[0].time <= now - self._reach:
            start = bisect_right(interactions, now - self._reach, hi=end, key=_TIME)
        types, by_type = self._types, dict[str, Pasts]()
        for one in interactions[start:end]:
            if one.type in types:
                by_type.setdefault(one.type, []).append(one)
        return by_type


class _Reading(NamedTuple):
    """One attribute's place among the values, its window, and what makes a value of what falls into it."""

    place: int
    window: Window
    come_to: Callable[[Pasts, Micros], Value]

    @classmethod
    def of(cls, attribute: Attribute, window: Window) -> Self:
        return cls(attribute.index, window, _reckoning(window, attribute.type.kind))


def _falling(window: Window, by_type: dict[str, Pasts], since: Micros) -> Pasts:
    """The events that count of those after `since`, those of one type after another."""
    found: Pasts = []
    for type_ in window.events:
        of_type = by_type.get(type_)
        if of_type:
            inside = of_type[0].time > since
            later = of_type if inside else of_type[bisect_right(of_type, since, key=_TIME) :]
            found = found + later if found else later
    if window.channels:
        found = [one for one in found if one.channel in window.channels]
    for name, allowed in window.where:
        found = [one for one in found if one.details.get(name) in allowed]
    return found


def _reckoning(window: Window, kind: Kind) -> Callable[[Pasts, Micros], Value]:
    """What makes a value of this kind of the events in a window, of which there is at least one."""
    match window.what:
        case Reckoning.COUNT:
            return _count
        case Reckoning.LAST:
            return _since_last if kind is Kind.DURATION else _last
        case Reckoning.DISTINCT:
            return lambda found, _: len({one.details.get(window.of) for one in found} - {None})
        case Reckoning.SUM if kind is Kind.DOUBLE:
            return lambda found, _: _sum(window.of, found)
        case Reckoning.SUM:
            return lambda found, _: round(_sum(window.of, found))


def _count(found: Pasts, now: Micros) -> int:  # noqa: ARG001  # one shape for all
    return len(found)


def _last(found: Pasts, now: Micros) -> Micros:  # noqa: ARG001
    return max(map(_TIME, found))  # type: ignore[no-any-return]


def _since_last(found: Pasts, now: Micros) -> Micros:
    return now - _last(found, now)


def _sum(name: str, found: Sequence[PastInteraction]) -> float:
    """The sum of the numbers an attribute had, rounded once: the same in whatever order. A truth is none."""
    values = [one.details.get(name) for one in found]
    return fsum([value for value in values if type(value) in _NUMBERS])  # type: ignore[misc]
