"""Look back: what a customer's events of the last hours or weeks come to, at the moment of a decision.

Nothing is counted ahead of time: the interactions a customer holds are in the order of their own time,
so a window is a stretch of them, whenever and in whatever order they were reported.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import fsum
from operator import attrgetter
from typing import Final

from engine.interactions import past
from engine.model import Customer, EventId, Interaction, Micros, PastInteraction, Value
from engine.rulebook.book import Attribute, Kind
from engine.rulebook.window import Reckoning, Window

_TIME = attrgetter("time")
_NUMBERS: Final = frozenset({int, float})
_NOBODY: Final = EventId("")


class Windows:
    """The attributes of one book that are kept from events."""

    __slots__ = ("_kept", "_reach", "_types")

    def __init__(self, attributes: Iterable[Attribute]) -> None:
        kept = [(a.index, a.source, a.type.kind) for a in attributes if a.source is not None]
        self._kept = tuple(kept)
        self._types = frozenset(type_ for _, window, _ in kept for type_ in window.events)
        self._reach = max((window.within for _, window, _ in kept), default=0)

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
        by_type = self._stretch(customer.interactions, now)
        if happening is not None and happening.type in by_type:
            by_type[happening.type].append(past(_NOBODY, now, happening))
        for index, window, kind in self._kept:
            found = _falling(window, by_type, now)
            if found:
                values[index] = _reckoned(window, kind, found, now)

    def _stretch(
        self, interactions: Sequence[PastInteraction], now: Micros
    ) -> dict[str, list[PastInteraction]]:
        """The interactions up to `now` that any window can reach, by type, each in the order of time."""
        by_type: dict[str, list[PastInteraction]] = {type_: [] for type_ in self._types}
        start = bisect_right(interactions, now - self._reach, key=_TIME)
        end = bisect_right(interactions, now, lo=start, key=_TIME)
        for one in interactions[start:end]:
            if one.type in by_type:
                by_type[one.type].append(one)
        return by_type


def _falling(
    window: Window, by_type: dict[str, list[PastInteraction]], now: Micros
) -> list[PastInteraction]:
    """The events in (now − within, now] that count."""
    since = now - window.within
    found: list[PastInteraction] = []
    for type_ in window.events:
        of_type = by_type[type_]
        found += of_type[bisect_right(of_type, since, key=_TIME) :]
    if window.channels:
        found = [one for one in found if one.channel in window.channels]
    for name, allowed in window.where:
        found = [one for one in found if one.details.get(name) in allowed]
    return found


def _reckoned(
    window: Window, kind: Kind, found: Sequence[PastInteraction], now: Micros
) -> int | float:
    """What these events, of which there is at least one, come to, as a value of this kind."""
    match window.what:
        case Reckoning.COUNT:
            return len(found)
        case Reckoning.LAST:
            latest = max([one.time for one in found])
            return now - latest if kind is Kind.DURATION else latest
        case Reckoning.DISTINCT:
            return len({one.details.get(window.of) for one in found} - {None})
        case Reckoning.SUM:
            total = fsum(_numbers(window.of, found))
            return total if kind is Kind.DOUBLE else round(total)


def _numbers(name: str, found: Sequence[PastInteraction]) -> list[int | float]:
    """The numbers among the values of an attribute; a truth is none."""
    values = [one.details.get(name) for one in found]
    return [value for value in values if type(value) in _NUMBERS]  # type: ignore[misc]
