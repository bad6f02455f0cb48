"""Reach out: what triggers ask for is decided, left in the outbox, and noted in the customer's history."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from engine.errors import RequestConflict, UnknownPlacement
from engine.model import CustomerId, Event, Micros
from engine.outbox import Outbox, Outgoing, outgoing
from engine.repeats import Answer
from engine.triggers import SetOff, note_of

log = structlog.get_logger(__name__)

_REMEMBERED: Final = 50_000

Decide = Callable[[SetOff], Awaitable[Answer | None]]
"""Answers a trigger's question; None if that was answered before in a way that cannot be read back."""

Note = Callable[[Sequence[Event]], Awaitable[object]]
"""Has entries accepted into the log; returns once they are durable."""


@dataclass(slots=True)
class Tally:
    """What became of triggers since the process began."""

    set_off: int = 0
    published: int = 0
    unanswered: int = 0
    rested: int = 0


class Outreach:
    """Does what triggers ask for, in this order: decide, publish, note.

    Whatever dies in between, the same trigger and interaction come again with the same request id:
    they get the same decision while that is remembered, and their message bears the same id. The note
    in the history is what a trigger's `rest` goes by; until it is applied it is remembered here.
    """

    def __init__(self, decide: Decide, outbox: Outbox, note: Note) -> None:
        self._decide = decide
        self._outbox = outbox
        self._note = note
        self._made: OrderedDict[tuple[CustomerId, str], tuple[str, Micros]] = OrderedDict()
        self.tally = Tally()

    async def reach(self, set_offs: Sequence[SetOff]) -> None:
        """Returns once everything these ask for is done, in this order.

        Raises:
            StorageError: not all is done; doing it again is safe.
        """
        messages: list[Outgoing] = []
        notes: list[Event] = []
        for set_off in set_offs:
            self.tally.set_off += 1
            answer = await self._answer(set_off)
            if answer is None:
                continue
            message = outgoing(set_off, *answer)
            if message is None:
                self.tally.unanswered += 1
                continue
            self._remember(set_off, message.decided_at)
            messages.append(message)
            notes.append(note_of(set_off, message.decided_at))
        if messages:
            await self._outbox.publish(messages)
            await self._note(notes)
            self.tally.published += len(messages)

    async def _answer(self, set_off: SetOff) -> Answer | None:
        """The decision; None if there is to be none."""
        if self._rests(set_off):
            self.tally.rested += 1
            return None
        try:
            return await self._decide(set_off)
        except (UnknownPlacement, RequestConflict) as error:
            log.warning("trigger.passed_over", trigger=set_off.trigger.name, error=str(error))
            return None

    def _rests(self, set_off: SetOff) -> bool:
        """Whether an offer made a moment ago, and not in the history yet, keeps it silent."""
        if not set_off.trigger.rest:
            return False
        made = self._made.get(_key(set_off))
        if made is None or made[0] == set_off.name:
            return False
        return made[1] > set_off.event.time - set_off.trigger.rest

    def _remember(self, set_off: SetOff, decided_at: Micros) -> None:
        if set_off.trigger.rest:
            if len(self._made) >= _REMEMBERED:
                self._made.popitem(last=False)
            self._made[_key(set_off)] = (set_off.name, decided_at)


def _key(set_off: SetOff) -> tuple[CustomerId, str]:
    return set_off.event.customer_id, set_off.trigger.name
