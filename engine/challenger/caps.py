"""Caps that hold for both: while two books decide, no cap of the champion is used beyond its limit.

Accounts are kept under a cap's key (`Cap.key`), so what either book offers counts for both. A cap that
both have holds for the challenger at the lower of the two limits; one that the challenger lacks holds
for the same actions there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from engine.model import Micros
from engine.rulebook.book import RuleBook
from engine.rulebook.cap import Cap, Limited


def with_caps_of(champion: RuleBook, challenger: RuleBook) -> RuleBook:
    """The challenger's book with the champion's caps in it."""
    theirs = {cap.key: cap for cap in challenger.caps}
    for cap in champion.caps:
        treatments = _same(cap, champion, challenger)
        own = theirs.get(cap.key)
        if own is not None:
            theirs[cap.key] = _stricter(own, cap, treatments)
        elif treatments and _is_told(cap):
            theirs[cap.key] = replace(cap, treatments=treatments)
    return replace(challenger, caps=tuple(theirs.values()))


def missing_budgets(champion: RuleBook, challenger: RuleBook) -> tuple[Cap, ...]:
    """The champion's budgets that nobody could keep for the challenger.

    What an offer costs is worked out by the champion's own rules there.
    """
    known = {cap.key for cap in challenger.caps}
    return tuple(
        cap
        for cap in champion.caps
        if cap.key not in known and not _is_told(cap) and _same(cap, champion, challenger)
    )


def _is_told(cap: Cap) -> bool:
    """Whether what an offer takes of it is known without any rule."""
    return cap.cost is None or cap.cost.units is not None


def _same(cap: Cap, champion: RuleBook, challenger: RuleBook) -> frozenset[int]:
    """The challenger's treatments of the actions that a cap of the champion holds for."""
    names = {champion.actions[champion.treatments[t].action].action_id for t in cap.treatments}
    return frozenset(
        t.index for t in challenger.treatments if challenger.actions[t.action].action_id in names
    )


def _stricter(own: Cap, other: Cap, treatments: frozenset[int]) -> Cap:
    """The challenger's cap at the lower of both limits, for the actions of either."""
    return replace(
        own,
        limit=min(own.limit, other.limit),
        treatments=own.treatments | treatments,
        hold=max(own.hold, other.hold),
        overrides=tuple(_lower(own, other)),
    )


def _lower(own: Cap, other: Cap) -> Iterator[Limited]:
    """The lower limit wherever levers.csv sets another for a time; nothing where it never does."""
    points = sorted(set(_ends((*own.overrides, *other.overrides))))
    if not points:
        if own.overrides or other.overrides:
            yield Limited(None, None, _least(own, other, 0))
        return
    yield Limited(None, points[0], _least(own, other, points[0] - 1))
    for start, end in zip(points, [*points[1:], None], strict=True):
        yield Limited(start, end, _least(own, other, start))


def _ends(overrides: Iterable[Limited]) -> Iterator[Micros]:
    for override in overrides:
        yield from (moment for moment in (override.start, override.end) if moment is not None)


def _least(own: Cap, other: Cap, now: Micros) -> int:
    return min(own.limit_at(now), other.limit_at(now))
