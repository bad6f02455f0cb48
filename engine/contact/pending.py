"""Offers just returned, of which nobody has reported yet what became of them: they count as shown."""

from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self
from zlib import crc32

import structlog

from engine.model import ActionId, CustomerId, Decision, DecisionId, Micros, Touch

log = structlog.get_logger(__name__)

ROOM: Final = 500_000
"""Decisions remembered while nobody reports on them."""

_CELLS: Final = 2**16


class Returned(NamedTuple):
    """What one decision offered to a customer, and so to their household, if they have one: `actions`."""

    decision_id: DecisionId
    decided_at: Micros
    customer_id: CustomerId
    household: CustomerId | None
    channel: str
    actions: tuple[ActionId, ...]

    @classmethod
    def by(cls, decision: Decision) -> Self:
        """What this decision offers; fallbacks are no offers."""
        actions = [
            offer.action_id
            for placed in decision.placements
            if not placed.fallback
            for offer in placed.offers
        ]
        return cls(
            decision.decision_id,
            decision.decided_at,
            decision.customer_id,
            decision.household,
            decision.channel,
            tuple(actions),
        )

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """The same from a list of its six parts. Raises TypeError or ValueError where it is none."""
        decision_id, decided_at, customer_id, household, channel, actions = row
        return cls(decision_id, decided_at, customer_id, household, channel, tuple(actions))

    def without(self, actions: Collection[ActionId]) -> Self:
        """The same but for these actions."""
        return self._replace(actions=tuple(a for a in self.actions if a not in actions))


NO_OFFERS: Final[tuple[Returned, ...]] = ()


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
        self._of: dict[CustomerId, tuple[Returned, ...]] = {}
        self._uncertain: array[int] | None = None

    def __len__(self) -> int:
        return len(self._returned)

    def note(self, returned: Returned) -> None:
        """Remembers offers from now on; the same decision again changes nothing."""
        if not (returned.actions and self.assume_shown):
            return
        self._expire(returned.decided_at)
        if returned.decision_id in self._returned:
            return
        if len(self._returned) >= self._room:
            self._forget_one()
        self._returned[returned.decision_id] = returned
        for subject in _subjects(returned):
            self._of[subject] = (*self._of.get(subject, ()), returned)

    def of(self, subject: CustomerId, now: Micros) -> tuple[Returned, ...]:
        """What counts as shown to a customer or household; the same object while nothing changes."""
        offers = self._of.get(subject, NO_OFFERS)
        if offers and offers[0].decided_at + self.assume_shown <= now:
            self._expire(now)
            offers = self._of.get(subject, NO_OFFERS)
            if any(each.decided_at + self.assume_shown <= now for each in offers):
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
        self._take_away(returned, (action_id,))
        left = returned.without((action_id,))
        if left.actions:
            self._returned[decision_id] = left
        else:
            del self._returned[decision_id]

    def _expire(self, now: Micros) -> None:
        while self._returned:
            decision_id, oldest = next(iter(self._returned.items()))
            if oldest.decided_at + self.assume_shown > now:
                return
            del self._returned[decision_id]
            self._take_away(oldest, oldest.actions)

    def _forget_one(self) -> None:
        _, oldest = self._returned.popitem(last=False)
        self._take_away(oldest, oldest.actions)
        if self._uncertain is None:
            log.warning("contact.pending_full", room=self._room)
        until = oldest.decided_at + self.assume_shown
        for subject in _subjects(oldest):
            self.doubt_of(subject, until)

    def _take_away(self, returned: Returned, actions: Collection[ActionId]) -> None:
        """Has these of the actions that a decision offered count no longer."""
        for subject in _subjects(returned):
            counting = self._of.get(subject, ())
            left = without(counting, {returned.decision_id: actions})
            if left:
                self._of[subject] = left
            else:
                self._of.pop(subject, None)


def settled(
    offers: Iterable[Returned], touches: Iterable[Touch]
) -> Mapping[DecisionId, Sequence[ActionId]]:
    """The actions of these offers whose fate is in the history, by decision."""
    found: defaultdict[DecisionId, list[ActionId]] = defaultdict(list)
    decisions = {each.decision_id for each in offers}
    for touch in touches:
        if touch.decision_id in decisions:
            found[touch.decision_id].append(touch.action_id)
    return found


def without(
    offers: Iterable[Returned], gone: Mapping[DecisionId, Collection[ActionId]]
) -> tuple[Returned, ...]:
    """These offers but for some actions of some decisions; decisions of which nothing is left are left out."""
    if not gone:
        return tuple(offers)
    left = [
        each.without(gone[each.decision_id]) if each.decision_id in gone else each
        for each in offers
    ]
    return tuple(each for each in left if each.actions)


def _subjects(returned: Returned) -> Iterator[CustomerId]:
    yield returned.customer_id
    if returned.household is not None:
        yield returned.household


def _cell(subject: CustomerId) -> int:
    return crc32(subject.encode()) % _CELLS
