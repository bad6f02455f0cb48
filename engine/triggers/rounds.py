"""Rounds: what daily triggers ask for is done for a few customers after another, beside everything else.

Whoever keeps customers says which are next; see `engine.edges.offers.rounds` and `engine.edges.stream.rounds`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from engine.errors import Overloaded, StorageError
from engine.model import Customer, Micros
from engine.rulebook.trigger import Trigger
from engine.triggers.daily import Round
from engine.triggers.outreach import Outreach
from engine.triggers.triggers import SetOff, Triggers

log = logging.getLogger(__name__)

TICK: Final = 1.0
"""Seconds between two looks at the clock, and between two attempts while something fails."""

_AT_ONCE: Final = 10
_SLICE: Final = 0.000_5


@dataclass(frozen=True, slots=True)
class Turn:
    """The round of a trigger of `triggers`, by the moment it is at."""

    triggers: Triggers
    trigger: Trigger
    due: Round
    now: Micros

    async def of(self, customers: Iterable[Customer | None], outreach: Outreach) -> None:
        """Returns once all is done that the round asks for these customers.

        They are looked at for no longer at a time than can be felt.

        Raises:
            StorageError, Overloaded: not all is done; doing it again is safe.
        """
        found: list[SetOff] = []
        end = time.perf_counter() + _SLICE
        for customer in customers:
            if customer is not None and (set_off := self._set_off(customer)) is not None:
                found.append(set_off)
            if time.perf_counter() > end:
                await asyncio.sleep(_SLICE)
                end = time.perf_counter() + _SLICE
        for first in range(0, len(found), _AT_ONCE):
            await outreach.reach(found[first : first + _AT_ONCE])
            await asyncio.sleep(0)

    def _set_off(self, customer: Customer) -> SetOff | None:
        """What the day sets off for a customer; a failure is said, and holds up nobody else."""
        day = self.due.day_for(customer.customer_id)
        try:
            return self.triggers.on_day(self.trigger, day, customer, self.now)
        except Exception:
            name = self.trigger.name
            log.exception("trigger '%s' failed for customer %r", name, customer.customer_id)
            return None


async def keep(go_on: Callable[[], Awaitable[bool]]) -> None:
    """Has rounds made, for good: `go_on` takes them a little further, and says whether there was any."""
    reported = False
    while True:
        try:
            busy = await go_on()
            reported = False
        except (StorageError, Overloaded) as error:
            if not reported:
                log.warning("%s; the rounds of daily triggers wait", error)
            reported, busy = True, False
        await asyncio.sleep(0 if busy else TICK)
