"""The lookout: watches the log being applied, and keeps what triggers ask for until it is done."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

import structlog

from engine.model import DAY, Customer, CustomerId, Event, EventId, Interaction, Micros
from engine.rulebook.book import RuleBook
from engine.triggers.triggers import FIRED, Before, SetOff, Triggers, without

log = structlog.get_logger(__name__)


FRESH: Final = DAY
"""Who did something longer ago than this when it is applied is not scored anew."""

MOST_STIRRED: Final = 10_000
"""Customers that wait to be scored."""


class Due(NamedTuple):
    """Something a trigger asks for, and the place in the log of the interaction that set it off."""

    seq: int
    set_off: SetOff


class Lookout:
    """Is shown every entry before and after it is applied; never fails, and never waits.

    Attributes:
        due: what is to be done, in the order of the log; taken away by whoever has done it.
        stirred: who has done something lately and is to be scored anew, with the channel they did it on;
            taken away likewise. Of too many the first are let go.
        came: set while there is any of these.
    """

    def __init__(self, book: RuleBook, clock: Callable[[], Micros]) -> None:
        self._triggers = Triggers(book)
        self._clock = clock
        self.due: deque[Due] = deque()
        self.stirred: dict[CustomerId, str] = {}
        self.came = asyncio.Event()

    @property
    def listens(self) -> bool:
        """Whether the book in force has any triggers."""
        return bool(self._triggers.book.triggers)

    @property
    def triggers(self) -> Triggers:
        """The triggers of the book in force."""
        return self._triggers

    def follow(self, book: RuleBook) -> None:
        """From now on this book's triggers count."""
        self._triggers = Triggers(book)

    def before(self, customer: Customer, entry: object) -> Before | None:
        """See `engine.triggers.triggers.Triggers.before`."""
        now = self._clock()
        if not isinstance(entry, Event) or not isinstance(entry.body, Interaction):
            return None
        if entry.body.type.startswith(FIRED):
            return None
        if now - entry.time <= FRESH:
            self._stir(customer.customer_id, entry.body.channel)
        try:
            return self._triggers.before(customer, entry, now)
        except Exception:
            log.exception("trigger.failed", customer_id=customer.customer_id)
            return None

    def after(self, seq: int, before: Before, customer: Customer) -> None:
        """Takes up what the entry has set off."""
        try:
            set_offs = self._triggers.after(before, customer)
        except Exception:
            log.exception("trigger.failed", customer_id=customer.customer_id)
            return
        for set_off in set_offs:
            self.due.append(Due(seq, set_off))
            self.came.set()

    def late(
        self, seq: int, customer: Customer, event: Event, still_to_come: Collection[EventId]
    ) -> None:
        """The same for an event that was applied before this process began.

        `still_to_come` are the events behind it that will be shown too: it is judged without them.
        """
        before = self.before(without(customer, {event.event_id, *still_to_come}), event)
        if before is not None:
            self.after(seq, before, without(customer, still_to_come))

    def clear(self) -> None:
        """Lets go of everything."""
        self.due.clear()
        self.stirred.clear()
        self.came.clear()

    def heed(self) -> None:
        """Notes whether there still is anything to do."""
        if not self.due and not self.stirred:
            self.came.clear()

    def _stir(self, customer_id: CustomerId, channel: str) -> None:
        self.stirred.pop(customer_id, None)
        if len(self.stirred) >= MOST_STIRRED:
            del self.stirred[next(iter(self.stirred))]
        self.stirred[customer_id] = channel
        self.came.set()

    def drop(self, up_to: int) -> None:
        """Lets go of what is due up to this place in the log: it was done before."""
        while self.due and self.due[0].seq <= up_to:
            self.due.popleft()
        self.heed()
