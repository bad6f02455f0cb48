"""Offers just returned, of which nobody has reported yet what became of them: they count as shown."""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple
from zlib import crc32

import structlog

from engine.model import ActionId, CustomerId, Decision, DecisionId, Micros

log = structlog.get_logger(__name__)

ROOM: Final = 500_000
"""Decisions remembered while nobody reports on them."""

_CELLS: Final = 2**16


class Offered(NamedTuple):
    """One offer, and to whom, on which channel and when it was made."""

    decided_at: Micros
    decision_id: DecisionId
    action_id: ActionId
    channel: str


NO_OFFERS: Final[tuple[Offered, ...]] = ()


class Returned(NamedTuple):
    """What one decision offered to a customer, and so to their household, if they have one."""

    customer_id: CustomerId
    household: CustomerId | None
    offers: tuple[Offered, ...]

    @classmethod
    def by(cls, decision: Decision) -> "Returned":
        """What this decision offers; fallbacks are no offers."""
        offers = tuple(
            Offered(decision.decided_at, decision.decision_id, offer.action_id, decision.channel)
            for placed in decision.placements
            if not placed.fallback
            for offer in placed.offers
        )
        return cls(decision.customer_id, decision.household, offers)


class Pending:
    """What was offered within the last `assume_shown` and not been reported on.

    At most `room` decisions are remembered. Of one that must be forgotten before its time it can no
    longer be told what was offered: until that time its customer counts as uncertain, with whoever
    shares one of 65,536 cells with them.

    Attributes:
        assume_shown: how long an offer counts as shown without a report, in microseconds; 0 while no
            book asks for it, and then nothing is remembered.
        keep: has the offers of a decision known to the next process as well.
    """

    def __init__(
        self, room: int = ROOM, keep: Callable[[Returned], object] = lambda _: None
    ) -> None:
        self.keep = keep
        self.assume_shown: Micros = 0
        self._room = room
        self._returned: OrderedDict[DecisionId, Returned] = OrderedDict()
        self._of: dict[CustomerId, tuple[Offered, ...]] = {}
        self._uncertain: array[int] | None = None

    def __len__(self) -> int:
        return len(self._returned)

    def note(self, returned: Returned) -> None:
        """Remembers offers from now on; the same decision again changes nothing."""
        if not (returned.offers and self.assume_shown):
            return
        newest = returned.offers[0]
        self._expire(newest.decided_at)
        if newest.decision_id in self._returned:
            return
        if len(self._returned) >= self._room:
            self._forget_one()
        self._returned[newest.decision_id] = returned
        for subject in _subjects(returned):
            self._of[subject] = self._of.get(subject, ()) + returned.offers

    def of(self, subject: CustomerId, now: Micros) -> tuple[Offered, ...]:
        """What counts as shown to a customer or household; the same object while nothing changes."""
        offers = self._of.get(subject, NO_OFFERS)
        if offers and offers[0].decided_at + self.assume_shown <= now:
            self._expire(now)
            offers = self._of.get(subject, NO_OFFERS)
            if any(offer.decided_at + self.assume_shown <= now for offer in offers):
                offers = tuple(o for o in offers if o.decided_at + self.assume_shown > now)
        return offers

    def uncertain_until(self, subject: CustomerId) -> Micros:
        """Until when it cannot be told what was offered to a customer or household; 0 if it can."""
        return self._uncertain[_cell(subject)] if self._uncertain is not None else 0

    def doubt(self, until: Micros) -> None:
        """From now to `until` it cannot be told of anybody what was offered."""
        self._uncertain = array("q", [until]) * _CELLS

    def doubt_of(self, subject: CustomerId, until: Micros) -> None:
        """From now on it cannot be told until then what was offered to a customer or household."""
        if self._uncertain is None:
            self._uncertain = array("q", bytes(8 * _CELLS))
        cell = _cell(subject)
        self._uncertain[cell] = max(self._uncertain[cell], until)

    def reported(self, decision_id: DecisionId, action_id: ActionId) -> None:
        """Forgets an offer whose fate is in the history now."""
        returned = self._returned.get(decision_id)
        if returned is None:
            return
        left = tuple(offer for offer in returned.offers if offer.action_id != action_id)
        self._take_away(returned, [o for o in returned.offers if o.action_id == action_id])
        if left:
            self._returned[decision_id] = returned._replace(offers=left)
        else:
            del self._returned[decision_id]

    def _expire(self, now: Micros) -> None:
        while self._returned:
            decision_id, oldest = next(iter(self._returned.items()))
            if oldest.offers[0].decided_at + self.assume_shown > now:
                return
            del self._returned[decision_id]
            self._take_away(oldest, oldest.offers)

    def _forget_one(self) -> None:
        _, oldest = self._returned.popitem(last=False)
        self._take_away(oldest, oldest.offers)
        if self._uncertain is None:
            log.warning("contact.pending_full", room=self._room)
        until = oldest.offers[0].decided_at + self.assume_shown
        for subject in _subjects(oldest):
            self.doubt_of(subject, until)

    def _take_away(self, returned: Returned, offers: Iterable[Offered]) -> None:
        gone = frozenset(offers)
        for subject in _subjects(returned):
            left = tuple(offer for offer in self._of.get(subject, ()) if offer not in gone)
            if left:
                self._of[subject] = left
            else:
                self._of.pop(subject, None)


def _subjects(returned: Returned) -> Iterator[CustomerId]:
    yield returned.customer_id
    if returned.household is not None:
        yield returned.household


def _cell(subject: CustomerId) -> int:
    return crc32(subject.encode()) % _CELLS
