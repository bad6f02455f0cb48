"""What the engine asks of whatever keeps customers, events and decisions: one protocol, two edges.

`engine.edges.state.embedded` keeps all of it in one process over files. A cluster keeps customers in
Redis and the log in Kafka (see docs/cluster.md). What both promise is tested once, in
tests/edges/state/test_contract.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from engine.codec import DecisionRecord, Entry
from engine.contact.pending import Returned
from engine.edges.journal.decisions import PastRequest
from engine.errors import StorageError
from engine.model import (
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    EventId,
    EventStatus,
    Micros,
)

Found: TypeAlias = Customer | StorageError
"""What came of reading a customer: them, a fresh one if nobody has heard of them, or why they cannot be had."""


class CustomerStore(Protocol):
    """Know the customer: whoever asks gets an object that they do not change."""

    def known(self, customer_id: CustomerId) -> Customer | None:
        """The customer, if at hand and fresh enough to decide by; never waits."""

    def last_known(self, customer_id: CustomerId) -> Customer | None:
        """The customer as last seen, however long ago; never waits.

        For decisions while the store cannot be reached.
        """

    async def load(self, customer_id: CustomerId) -> Customer:
        """The customer; a fresh one if nobody has heard of them.

        Raises:
            DamagedData: what is stored of this customer makes no sense.
            StorageError: the store cannot be read.
        """

    def ask(self, customer_id: CustomerId, told: Callable[[Found], None], /) -> None:
        """Has `told` what `load` returns or raises, once: at once, or in the turn in which it is there.

        For who goes on from there without a task; `told` raises nothing.
        """

    def hurry(self) -> None:
        """Has what was asked leave now: for who waits alone. Else it leaves with all that is asked in the turn."""


class EventLog(Protocol):
    """Accepted is durable: what `append` has told to be accepted survives the death of any process."""

    async def append(self, entries: Sequence[Entry]) -> list[EventStatus]:
        """Accepts entries, in the order given: of each whether it is new, once all are durable.

        Raises:
            StorageError: not all were accepted, and sending them again is safe.
            Overloaded: more than can be taken now.
            TypeError, ValueError: an entry has no place in the log (see `engine.codec`).
        """

    async def note_schema(self, digest: str, document: Mapping[str, Any]) -> None:
        """Puts a feature schema into the log, once, before any lesson that uses it.

        Raises:
            StorageError: it could not be written.
        """

    async def knows(self, event_id: EventId, customer_id: CustomerId) -> bool:
        """Whether an event of this customer with this id was accepted, as far back as ids are kept.

        Raises:
            StorageError: that cannot be read.
        """

    async def settled(self) -> None:
        """Waits until what this process accepted is applied, where this process applies it.

        In a cluster workers apply events; there it returns at once.

        Raises:
            StorageError: it takes too long; what was accepted is not lost.
        """

    async def applied(self) -> None:
        """Waits until what this process accepted can be read back.

        In a cluster within reason only: a second at most, and not at all while workers are behind.

        Raises:
            StorageError: it takes too long; what was accepted is not lost.
        """

    @property
    def backlog(self) -> int:
        """Entries accepted here that still wait: to be applied, or to be handed on."""


class DecisionStore(Protocol):
    """What was decided, for joining responses by id, for repeats, and for what was offered lately."""

    def record(self, record: DecisionRecord, /) -> bool:
        """Takes a decision's record, without waiting; False if it was not taken."""

    def returned(self, returned: Returned, /) -> None:
        """Secures what a decision offered, so that the death of this process does not lose it."""

    async def decision(self, decision_id: DecisionId) -> DecisionRecord | None:
        """The record of a decision; None if there is none. Raises StorageError."""

    async def recent_requests(self, since: Micros) -> list[PastRequest]:
        """The requests with an id of their own decided at or after `since`, newest first."""

    async def recent_offers(self, since: Micros) -> list[Returned]:
        """What decisions made at or after `since` offered, the oldest first. Raises StorageError."""

    async def last_decision(self) -> Decision | None:
        """The decision recorded last; None if there is none. Raises StorageError."""


class State(CustomerStore, EventLog, DecisionStore, Protocol):
    """All of it, as `engine.engine.AttuneEngine` uses it. All calls come from one event loop."""
