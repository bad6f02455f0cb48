"""Rounds: once a day a daily trigger goes through all customers, a few at a time, beside everything else.

A round goes by the ids of the customers of a checkpoint written as it begins. How far it has come is
kept beside the messages: a start goes on from there within the day, and who had their turn twice is
known by the name of what was decided.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Final

from engine.codec import decode_customer
from engine.contact.household import is_household
from engine.daily import Round, last_begun, round_at
from engine.edges.offers.box import OfferBox, Walked
from engine.edges.state.embedded import Embedded
from engine.errors import Overloaded, StorageError
from engine.lookout import Lookout
from engine.model import Customer, CustomerId, Micros
from engine.outreach import Outreach
from engine.rulebook.trigger import Daily, Trigger
from engine.triggers import SetOff, Triggers

log = logging.getLogger(__name__)

TICK: Final = 1.0
"""Seconds between two looks at the clock, and between two attempts while the disk fails."""

_PAGE: Final = 256
_AT_ONCE: Final = 10
_SLICE: Final = 0.000_5


class Rounds:
    """Makes the rounds of the book in force. `keep` never ends."""

    def __init__(
        self,
        state: Embedded,
        lookout: Lookout,
        box: OfferBox,
        outreach: Outreach,
        clock: Callable[[], Micros],
    ) -> None:
        self._state = state
        self._lookout = lookout
        self._box = box
        self._outreach = outreach
        self._clock = clock
        self._under_way: dict[str, date] = {}

    async def keep(self) -> None:
        """Makes each round at its time, and goes on with those that were begun before."""
        reported = False
        while True:
            try:
                busy = await self._go_on()
                reported = False
            except (StorageError, Overloaded) as error:
                if not reported:
                    log.warning("%s; the rounds of daily triggers wait", error)
                reported, busy = True, False
            await asyncio.sleep(0 if busy else TICK)

    async def _go_on(self) -> bool:
        """Takes every round that is due a few customers further; whether there was any."""
        busy, triggers = False, self._lookout.triggers
        for trigger in triggers.book.triggers:
            if trigger.daily is not None and (due := await self._due(trigger, trigger.daily)):
                await self._walk(triggers, trigger, *due)
                busy = True
        return busy

    async def _due(self, trigger: Trigger, daily: Daily) -> tuple[Round, str] | None:
        """The round to be made now, and how far it has come.

        A trigger that is heard for the first time begins with the next time its clock shows it.
        """
        now, walked = self._clock(), self._box.walked.get(trigger.name)
        if walked is None:
            begun = Walked(last_begun(trigger, daily, now), None)
            await self._box.note_walked(trigger.name, begun)
            return None
        due = round_at(trigger, daily, now)
        if due is None:
            self._give_up(trigger)
            return None
        if due.day > walked.day:
            return due, ""
        if due.day == walked.day and walked.behind is not None:
            return due, walked.behind
        return None

    async def _walk(self, triggers: Triggers, trigger: Trigger, due: Round, behind: str) -> None:
        """Has the next customers' turn, and notes it."""
        if self._under_way.get(trigger.name) != due.day:
            await self._state.checkpoint()
            self._under_way[trigger.name] = due.day
        page = await self._state.customers_after(behind, _PAGE)
        set_offs = await self._set_off(
            page, partial(_on_day, triggers, trigger, due, self._clock())
        )
        for first in range(0, len(set_offs), _AT_ONCE):
            await self._outreach.reach(set_offs[first : first + _AT_ONCE])
            await asyncio.sleep(0)
        last = page[-1][0] if len(page) == _PAGE else None
        await self._box.note_walked(trigger.name, Walked(due.day, last))
        if last is None:
            del self._under_way[trigger.name]

    async def _set_off(
        self,
        page: Sequence[tuple[CustomerId, bytes]],
        on_day: Callable[[Customer], SetOff | None],
    ) -> list[SetOff]:
        """What these customers set off; looks at them for no longer at a time than can be felt."""
        found: list[SetOff] = []
        end = time.perf_counter() + _SLICE
        for name, body in page:
            customer = None if is_household(name) else self._state.known(name) or _decoded(body)
            if customer is not None and (set_off := on_day(customer)) is not None:
                found.append(set_off)
            if time.perf_counter() > end:
                await asyncio.sleep(_SLICE)
                end = time.perf_counter() + _SLICE
        return found

    def _give_up(self, trigger: Trigger) -> None:
        """Says so where a round has not come to its end in time."""
        day = self._under_way.pop(trigger.name, None)
        if day is not None:
            log.warning(
                "trigger '%s' did not come to all customers on %s: it was too late for the rest",
                trigger.name,
                day,
            )


def _on_day(
    triggers: Triggers, trigger: Trigger, due: Round, now: Micros, customer: Customer
) -> SetOff | None:
    """What the day sets off for a customer; a failure is said, and holds up nobody else."""
    try:
        return triggers.on_day(trigger, due.day_for(customer.customer_id), customer, now)
    except Exception:
        log.exception("trigger '%s' failed for customer %r", trigger.name, customer.customer_id)
        return None


def _decoded(body: bytes) -> Customer | None:
    """The customer of a row; None if it is damaged, which is said when they are next asked for."""
    try:
        return decode_customer(body)
    except Exception:  # noqa: BLE001 - damaged bytes may fail in any way
        return None
