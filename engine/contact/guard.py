"""The guard of contact policies: knows how they stand for each customer, and what was just returned."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from engine.circumstances import Circumstances
from engine.contact.holding import Holding, Quiet
from engine.contact.limit import ContactLimit
from engine.contact.pending import NO_OFFERS, Pending, Returned
from engine.contact.rests import is_quiet
from engine.contact.standing import NOTHING_KNOWN, Past, Standing, standing, standing_after
from engine.model import (
    MINUTE,
    UNKNOWN,
    Customer,
    CustomerId,
    Decision,
    Micros,
    Question,
    Step,
    Unknown,
    Value,
)
from engine.rulebook.book import RuleBook
from engine.rulebook.times import zone_of

TIMEZONE: Final = "customer.timezone"
"""The attribute that holds a customer's own time zone, in books that declare it."""

_KEPT: Final = 4_096
"""Standings kept, with the customers they were told of: as many as `Limits.at_hand` keeps at hand."""

_ZONES: Final = 1_000


class _Basis(NamedTuple):
    """What a standing was told from; while all of it is equal, so is the standing."""

    customer: Customer
    revision: int
    offers: tuple[Returned, ...]
    household: Customer | Unknown | None
    household_revision: int
    household_offers: tuple[Returned, ...]
    uncertain: Micros
    zone: str
    known: bool

    def since(self, before: "_Basis") -> tuple[Returned, ...]:
        """The offers added since then, if the customer is known by themselves and nothing else changed."""
        had = len(before.offers)
        added = self.offers[had:]
        if not added or self.household is not None or not self.known:
            return NO_OFFERS
        grown = self.offers[:had] == before.offers and self == before._replace(offers=self.offers)
        return added if grown else NO_OFFERS


class ContactGuard:
    """Keeps the contact policies of one book; see `engine.limits.limits.Guard`.

    `pending` is shared by the guards of all books of an engine, as it outlives them.
    """

    def __init__(self, book: RuleBook, pending: Pending) -> None:
        self._holding = Holding(book)
        self._pending = pending
        self._timezone = book.index.get(TIMEZONE)
        self._standings: OrderedDict[CustomerId, tuple[_Basis, Standing]] = OrderedDict()
        self._quiet: dict[str, tuple[Micros, tuple[Quiet, ...], frozenset[int]]] = {}
        self._zones: dict[str, ZoneInfo | None] = {}
        self._every_quiet = tuple(self._holding.quiet), _kept_by(self._holding.quiet)

    def limit(
        self, question: Question, given: Circumstances, values: Sequence[Value]
    ) -> ContactLimit | None:
        """How the policies stand for this answer; None if they can touch nothing in it."""
        holding = self._holding
        if not (holding.held or holding.quiet):
            return None
        zone = self._zone(values)
        found = self._standing(given, zone)
        quiets, quiet = self._quiet_now(given.now, zone) if holding.quiet else ((), frozenset())
        if not (found.closed or quiet or holding.closing_on(question.channel) or question.explain):
            return None
        nowhere = "" if found.zone else zone
        return ContactLimit(holding, question.channel, found, quiets, quiet, given.now, nowhere)

    def commit(self, decision: Decision) -> None:
        """Counts the offers as shown, until something else is reported of them."""
        if self._pending.assume_shown:
            returned = Returned.by(decision)
            self._pending.note(returned)
            if returned.actions:
                self._pending.keep(returned)

    def _zone(self, values: Sequence[Value]) -> str:
        """The customer's own time zone as their profile names it; empty if it names none."""
        value = values[self._timezone] if self._timezone is not None else None
        if not isinstance(value, str):
            return ""
        if value not in self._zones:
            if len(self._zones) >= _ZONES:
                self._zones.clear()
            self._zones[value] = zone_of(value)
        return value

    def _standing(self, given: Circumstances, zone: str) -> Standing:
        basis = self._basis(given, zone)
        customer_id = given.customer.customer_id
        known = self._standings.get(customer_id)
        if known is not None and known[0] == basis:
            self._standings.move_to_end(customer_id)
            return known[1]
        added = NO_OFFERS if known is None else basis.since(known[0])
        if known is not None and added:
            found = standing_after(self._holding, known[1], basis.offers, added, given.now)
        else:
            found = self._told(basis, given.now)
        self._standings[customer_id] = basis, found
        if len(self._standings) > _KEPT:
            self._standings.popitem(last=False)
        return found

    def _basis(self, given: Circumstances, zone: str) -> _Basis:
        customer, household, pending = given.customer, given.household, self._pending
        uncertain = pending.uncertain_until(customer.customer_id)
        revision, home_offers = 0, NO_OFFERS
        if isinstance(household, Customer):
            revision = household.revision
            home_offers = pending.of(household.customer_id, given.now)
            uncertain = max(uncertain, pending.uncertain_until(household.customer_id))
        return _Basis(
            customer,
            customer.revision,
            pending.of(customer.customer_id, given.now),
            household,
            revision,
            home_offers,
            uncertain,
            zone,
            not any(step is Step.PROFILE for step, _ in given.degraded),
        )

    def _told(self, basis: _Basis, now: Micros) -> Standing:
        past = NOTHING_KNOWN
        if basis.known:
            past = Past.of(basis.customer, basis.offers, basis.uncertain)
        household = past
        if basis.household is UNKNOWN:
            household = NOTHING_KNOWN
        elif isinstance(basis.household, Customer):
            record = Past.of(basis.household, basis.household_offers, basis.uncertain)
            household = record.with_member(past)
        zone = self._zones[basis.zone] if basis.zone else None
        return standing(self._holding, past, household, now, zone)

    def _quiet_now(self, now: Micros, zone: str) -> tuple[tuple[Quiet, ...], frozenset[int]]:
        """Which quiet hours it is, and what they keep back; told once a minute for each zone.

        Where the zone is none that is known, nobody can tell: then it may be any of them.
        """
        own = self._zones[zone] if zone else None
        if zone and own is None:
            return self._every_quiet
        minute = now // MINUTE
        known = self._quiet.get(zone)
        if known is not None and known[0] == minute:
            return known[1:]
        quiets = tuple(
            quiet for quiet in self._holding.quiet if is_quiet(quiet.hours, now, own or quiet.zone)
        )
        closed = _kept_by(quiets)
        self._quiet[zone] = minute, quiets, closed
        return quiets, closed


def _kept_by(quiets: Iterable[Quiet]) -> frozenset[int]:
    """The treatments quiet hours keep back."""
    return frozenset().union(*(quiet.treatments for quiet in quiets))
