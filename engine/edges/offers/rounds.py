"""The rounds of one process: through the customers of a checkpoint written as the round begins, by their ids.

How far a round has come is kept beside the messages: a start goes on from there within the day, and who
had their turn twice is known by the name of what was decided.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final

from engine.codec import decode_customer
from engine.contact.household import is_household
from engine.edges.offers.box import OfferBox
from engine.edges.state.embedded import Embedded
from engine.model import Customer, CustomerId, Micros
from engine.rulebook.trigger import Daily, Trigger
from engine.triggers.daily import Round, Walked, last_begun, turn_at
from engine.triggers.lookout import Lookout
from engine.triggers.outreach import Outreach
from engine.triggers.rounds import Turn
from engine.triggers.triggers import Triggers

log = logging.getLogger(__name__)

_PAGE: Final = 256


class Rounds:
    """Makes the rounds of the book in force."""

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

    async def go_on(self) -> bool:
        """Takes every round that is due a few customers further; whether there was any.

        Raises:
            StorageError, Overloaded: not all of that is done; doing it again is safe.
        """
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
        due = turn_at(trigger, daily, walked, now)
        if due is None:
            self._give_up(trigger)
        return due

    async def _walk(self, triggers: Triggers, trigger: Trigger, due: Round, behind: str) -> None:
        """Has the next customers' turn, and notes it."""
        if self._under_way.get(trigger.name) != due.day:
            await self._state.checkpoint()
            self._under_way[trigger.name] = due.day
        page = await self._state.customers_after(behind, _PAGE)
        turn = Turn(triggers, trigger, due, self._clock())
        await turn.of(self._as_of_now(page), self._outreach)
        last = page[-1][0] if len(page) == _PAGE else None
        await self._box.note_walked(trigger.name, Walked(due.day, last))
        if last is None:
            del self._under_way[trigger.name]

    def _as_of_now(self, page: Sequence[tuple[CustomerId, bytes]]) -> Iterator[Customer | None]:
        """The customers of a page, also as changed since the checkpoint, one after the other."""
        for name, body in page:
            yield None if is_household(name) else self._state.known(name) or _decoded(body)

    def _give_up(self, trigger: Trigger) -> None:
        """Says so where a round has not come to its end in time."""
        day = self._under_way.pop(trigger.name, None)
        if day is not None:
            log.warning(
                "trigger '%s' did not come to all customers on %s: it was too late for the rest",
                trigger.name,
                day,
            )


def _decoded(body: bytes) -> Customer | None:
    """The customer of a row; None if it is damaged, which is said when they are next asked for."""
    try:
        return decode_customer(body)
    except Exception:  # noqa: BLE001 - damaged bytes may fail in any way
        return None
