"""Reach out: what triggers ask for is decided, left in the outbox, and noted in the customer's history."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from engine.errors import DamagedData, Overloaded, RequestConflict, StorageError, UnknownPlacement
from engine.model import Customer, CustomerId, Event, Micros
from engine.running.repeats import Answer
from engine.triggers.outbox import Outbox, Outgoing, outgoing
from engine.triggers.scored import Scored
from engine.triggers.triggers import SetOff, note_of

log = structlog.get_logger(__name__)

_REMEMBERED: Final = 50_000

NOBODY: Final[Mapping[CustomerId, Customer]] = MappingProxyType({})
"""No customers."""

NOTHING: Final = b"null"
"""What is kept as the reply where nothing was offered."""


class Answering(Protocol):
    """Who decides what triggers ask for: an engine."""

    async def answer(
        self, set_off: SetOff, at_hand: Customer | None = None
    ) -> Answer | bytes | None:
        """The decision, by the customer `at_hand` if one is given; None if there can be none.

        The reply given to `keep` if the same was asked before.

        Raises:
            UnknownPlacement: another book took over, which does not have the placement.
            RequestConflict: the same was asked before in other words.
            StorageError: the customer cannot be read now.
        """

    def score(self, customer: Customer, channel: str) -> Scored:
        """What the model says of a customer now; decisions that have no time to ask it go by that."""

    def keep(self, request_id: str, reply: bytes) -> None:
        """Keeps what was answered, for when the same is asked again, here or elsewhere."""

    async def note(self, events: Sequence[Event]) -> None:
        """Has events in the log; they are durable when it returns. Raises StorageError, Overloaded."""


@dataclass(slots=True)
class Tally:
    """What became of triggers since the process began, how often each."""

    published: int = 0
    unanswered: int = 0
    rested: int = 0

    def by_result(self) -> Mapping[str, float]:
        """As metrics tell it."""
        return {
            "published": self.published,
            "nothing_to_offer": self.unanswered,
            "resting": self.rested,
        }


class Outreach:
    """Does what triggers ask for, in this order: decide, publish, note.

    Whatever dies in between, the same trigger and interaction come again with the same request id:
    they get the same decision while that is remembered, and their message bears the same id. The note
    in the history is what a trigger's `rest` goes by; until it is applied it is remembered here.
    """

    def __init__(self, engine: Answering, outbox: Outbox, tally: Tally | None = None) -> None:
        self._engine = engine
        self._outbox = outbox
        self._made: OrderedDict[tuple[CustomerId, str], tuple[str, Micros]] = OrderedDict()
        self.tally = Tally() if tally is None else tally

    async def reach(
        self, set_offs: Sequence[SetOff], at_hand: Mapping[CustomerId, Customer] = NOBODY
    ) -> None:
        """Returns once everything these ask for is done, in this order.

        Customers `at_hand` are newer than those in the store, and decided by.

        Raises:
            StorageError: not all is done; doing it again is safe.
        """
        messages: list[Outgoing] = []
        notes: list[Event] = []
        for set_off in set_offs:
            if self._rests(set_off):
                self.tally.rested += 1
                continue
            message = await self._message(set_off, at_hand.get(set_off.event.customer_id))
            if message is None:
                self.tally.unanswered += 1
                continue
            self._remember(set_off, message.decided_at)
            messages.append(message)
            notes.append(note_of(set_off, message.decided_at))
        if messages:
            await self._outbox.publish(messages)
            self.tally.published += len(messages)
            await self._engine.note(notes)

    async def _message(self, set_off: SetOff, at_hand: Customer | None) -> Outgoing | None:
        """What is to be sent; None if that is nothing."""
        try:
            answer = await self._engine.answer(set_off, at_hand)
            if isinstance(answer, bytes):
                return None if answer == NOTHING else Outgoing.decode(answer)
        except (UnknownPlacement, RequestConflict, DamagedData) as error:
            log.warning("trigger.passed_over", trigger=set_off.trigger.name, error=str(error))
            return None
        except (StorageError, Overloaded):
            raise
        except Exception:
            log.exception("trigger.failed", trigger=set_off.trigger.name, name=set_off.name)
            return None
        if answer is None:
            return None
        message = outgoing(set_off, *answer)
        self._engine.keep(set_off.name, NOTHING if message is None else message.encode())
        return message

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
