"""Standing: which treatments rest for one customer, and until when, as far as is known now."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from engine.contact.holding import Held, Holding, Watch
from engine.contact.pending import Returned, without
from engine.contact.rests import NEVER
from engine.contact.tallies import Counted, Tallies
from engine.model import Customer, Micros, Touch
from engine.respond import MAX_TOUCHES
from engine.rulebook.contact import FOREVER, IMPRESSION


class Past(NamedTuple):
    """What is known of the offers to a customer or household: reported on, and just returned.

    Attributes:
        unknown_until: of impressions, until when offers may be missing here; `FOREVER` if nothing is
            known at all.
        reach: outcomes of offers decided before may have been forgotten.
    """

    touches: Sequence[Touch]
    offers: tuple[Returned, ...]
    unknown_until: Micros = NEVER
    reach: Micros = NEVER

    @classmethod
    def of(cls, record: Customer, offers: tuple[Returned, ...], unknown_until: Micros) -> "Past":
        """What one record and the offers just returned tell."""
        touches = record.touches
        reach = touches[0].decided_at if len(touches) >= MAX_TOUCHES else NEVER
        return cls(touches, offers, unknown_until, reach)

    def gaps(self, now: Micros) -> bool:
        """Whether anything may be missing here."""
        return self.unknown_until > now or self.reach > NEVER

    def with_member(self, member: "Past") -> "Past":
        """A household's past together with that of one of its members."""
        known = {(touch.decision_id, touch.action_id) for touch in self.touches}
        own = [t for t in member.touches if (t.decision_id, t.action_id) not in known]
        offered = {each.decision_id: each.actions for each in self.offers}
        return Past(
            [*self.touches, *own],
            self.offers + without(member.offers, offered),
            max(self.unknown_until, member.unknown_until),
            max(self.reach, member.reach),
        )


_NOBODY: Final = 2**31

NOTHING_KNOWN: Final = Past((), (), FOREVER)
"""The past of somebody whose record cannot be read."""


class Standing(NamedTuple):
    """How the policies over the history stand for one customer.

    Attributes:
        closed: until when treatments rest, those that do.
        own, home: the customer's tallies, and the household's.
        past, household: what they were counted from.
    """

    closed: dict[int, Micros]
    own: Counted
    home: Counted
    past: Past
    household: Past
    zone: ZoneInfo | None

    def counts(self, held: Held) -> Counted:
        """The tallies a policy counts by."""
        return self.home if held.policy.household else self.own

    def unknown_until(self, held: Held) -> Micros:
        """Until when it cannot be told whether a policy is met; `NEVER` if it can."""
        past = self.household if held.policy.household else self.past
        if past.unknown_until == FOREVER:
            return FOREVER
        shown = past.unknown_until if held.rule.count == IMPRESSION else NEVER
        return max(shown, min(past.reach + held.horizon, FOREVER))


def standing(
    holding: Holding, past: Past, household: Past, now: Micros, zone: ZoneInfo | None
) -> Standing:
    """How the policies stand, at any time from `now` on until something is reported or offered.

    `zone` is the customer's own, None if that is not known.
    """
    own = holding.own.count(past.touches, past.offers)
    home = holding.home.count(household.touches, household.offers) if holding.households else {}
    found = Standing({}, own, home, past, household, zone)
    rests = _rests(own, own, holding.own_watch, zone) + _rests(home, home, holding.home_watch, zone)
    for held in holding.held if past.gaps(now) or household.gaps(now) else ():
        unknown = found.unknown_until(held)
        rests += [(unknown, resting) for resting in held.treatments.values()]
    _close(found.closed, rests, now)
    return found


def standing_after(
    holding: Holding,
    before: Standing,
    offers: tuple[Returned, ...],
    added: Sequence[Returned],
    now: Micros,
) -> Standing:
    """How the policies stand once offers have been added to what they stood by, and nothing else changed.

    `offers` are all of them now. It is what `standing` says, for the price of the offers added: an
    impression more ends no rest. The customer belongs to no household.
    """
    past = before.past._replace(offers=offers)
    closed, zone = dict(before.closed), before.zone
    own, more = _grown(before.own, holding.own, past, added)
    _close(closed, _rests(own, more, holding.own_watch, zone), now)
    home = before.home
    if holding.households:
        home, more = _grown(home, holding.home, past, added)
        _close(closed, _rests(home, more, holding.home_watch, zone), now)
    return Standing(closed, own, home, past, past, zone)


def _grown(
    counted: Counted, tallies: Tallies, past: Past, added: Sequence[Returned]
) -> tuple[Counted, Iterable[int]]:
    """What was counted, with what these offers add, and in which cells that is."""
    grown = dict(counted)
    more = tallies.assumed(past.touches, added)
    for cell, times in more.items():
        grown[cell] = [*counted.get(cell, ()), *times]
    return grown, more


def _rests(
    counts: Counted, cells: Iterable[int], watch: Watch, zone: ZoneInfo | None
) -> list[tuple[Micros, tuple[int, ...]]]:
    """Until when which treatments rest by what was counted in these cells."""
    least = watch.least.get
    return [
        (held.ends(counts, scope, zone), held.treatments[scope])
        for cell in cells
        if len(counts[cell]) >= least(cell, _NOBODY)
        for held, scope in watch.policies[cell]
    ]


def _close(
    closed: dict[int, Micros], rests: Iterable[tuple[Micros, tuple[int, ...]]], now: Micros
) -> None:
    """Has treatments rest until the latest of these times, where that is not past."""
    for until, resting in rests:
        if until > now:
            for treatment in resting:
                if closed.get(treatment, now) < until:
                    closed[treatment] = until
