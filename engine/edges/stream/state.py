"""The state of one server of a cluster: customers from Redis, the log to Kafka, its own decisions on disk.

It is a `engine.edges.state.port.State`, as the embedded one is; what `append` has accepted is applied by
workers a moment later.
"""

import asyncio
import logging
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from engine.codec import DecisionRecord, Entry, SchemaNote
from engine.contact.pending import ROOM, Returned
from engine.contact.shared import SharedPending
from engine.edges.journal.database import DataDirectory
from engine.edges.journal.decisions import DecisionLog, PastRequest, Retention
from engine.edges.kafka.log import KafkaLog
from engine.edges.kafka.messages import Record, customer_key, encode_message
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.spool import Spool
from engine.edges.kafka.topics import Topics
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Keeping, RedisCustomers
from engine.edges.redis.marks import Marks
from engine.edges.redis.offers import RecentOffers
from engine.edges.redis.scores import LastScores
from engine.edges.redis.wire import settle
from engine.edges.state.names import DECISIONS, SPOOL
from engine.edges.state.port import Found
from engine.edges.state.remains import refuse_embedded
from engine.edges.stream.applied import Applied
from engine.edges.stream.inbox import MODEL
from engine.edges.stream.lookup import Lookup, Stores
from engine.errors import StorageError
from engine.model import (
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    Event,
    EventId,
    EventStatus,
    Micros,
)
from engine.telemetry import Gauge
from engine.triggers.scored import Scored

log = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_PAUSE: Final = 0.01


class ClusterState:
    """Made by `open`, ended by `close`; all calls come from one event loop.

    The data directory is this server's alone: it holds the spool, and the decisions made here.

    Attributes:
        pending: what any server has offered lately and the history does not have yet.
        marks: how far workers have applied the log.
        aside: what other servers are told, without waiting.
        trusted: whether what is read from Redis now may be believed; see `engine.edges.stream.wholeness`.
        at_worker: whether this is beside a worker. It must not wait for what it makes up itself: where Redis
            is not trusted, it counts as unknown what the customer was offered lately.
    """

    def __init__(
        self,
        directory: DataDirectory,
        connection: Connection,
        customers: RedisCustomers,
        kafka: KafkaLog,
        decisions: DecisionLog,
        topics: Topics,
        clock: Callable[[], Micros],
    ) -> None:
        self._directory = directory
        self._connection = connection
        self._customers = customers
        self._kafka = kafka
        self._decisions = decisions
        self._topics = topics
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._noted: set[str] = set()
        self._clock = clock
        self.marks = Marks(connection, topics.events)
        self._applied_here = Applied(self.marks)
        self.aside = Aside(connection)
        self._offers = RecentOffers(connection, self.aside)
        self._scores = LastScores(self.aside)
        self.pending = SharedPending(keep=self.returned)
        self._stores = Stores(
            connection, customers, self._offers, self.pending, self._scores, clock
        )
        self._own: deque[Returned] = deque(maxlen=ROOM)
        self.trusted: Callable[[], bool] = lambda: True
        self.at_worker = False
        self.known = customers.known
        self.last_known = customers.last_known
        self.hurry = connection.flush
        self.record: Callable[[DecisionRecord], bool] = decisions.record

    @classmethod
    async def open(
        cls,
        data: Path,
        connection: Connection,
        publisher: Publisher,
        topics: Topics,
        clock: Callable[[], Micros],
        keeping: Keeping | None = None,
    ) -> "ClusterState":
        """Opens (or creates) the data directory; what its spool holds is sent on.

        `connection` and `publisher` are closed with it.

        Raises:
            InvalidInput: the directory is an embedded installation's.
            StorageError: it is in use, damaged, or cannot be read.
        """
        refuse_embedded(data)
        directory = DataDirectory(data)
        try:
            spool = Spool(data / SPOOL)
            later = asyncio.get_running_loop().call_soon
            decisions = DecisionLog(data / DECISIONS, clock, Retention(), later=later)
        except StorageError:
            directory.close()
            raise
        customers = RedisCustomers(connection, clock, keeping)
        kafka = KafkaLog(publisher, spool)
        return cls(directory, connection, customers, kafka, decisions, topics, clock)

    # --- customers -----------------------------------------------------------------------------

    async def load(self, customer_id: CustomerId) -> Customer:
        """The customer, as Redis has them now; a fresh one if nobody has heard of them.

        What any server offered them lately is in `pending` then, without what their history has of it.

        Raises:
            DamagedData: their record, or what was offered to them, makes no sense.
            StorageError: Redis cannot be reached, or what is there cannot be trusted now.
        """
        loading: asyncio.Future[Customer] = self._loop.create_future()
        self.ask(customer_id, partial(settle, loading))
        return await loading

    def ask(self, customer_id: CustomerId, told: Callable[[Found], None]) -> None:
        """See `engine.edges.state.port.CustomerStore`; what `load` promises holds when `told` is called."""
        if not self.trusted():
            if not self.at_worker:
                told(
                    StorageError(
                        "Redis does not have again what it had: customers are not read from it"
                    )
                )
                return
            self.pending.doubt_of(customer_id, self._clock() + self.pending.assume_shown)
        Lookup(self._stores, customer_id, told).begin()

    def scored(self, customer_id: CustomerId) -> Scored | None:
        """What workers last said of a customer, as it was read with them; never waits."""
        return self._scores.of(customer_id)

    # --- the log -------------------------------------------------------------------------------

    async def append(self, entries: Sequence[Entry]) -> list[EventStatus]:
        """Accepts entries, in the order given: of each whether it is new, once all are durable.

        An event is a duplicate if it is among these twice or was applied before. One that was accepted
        and is not applied yet, or comes while Redis is away, is accepted again and applied once.

        Raises:
            StorageError: neither Kafka nor the disk takes them; sending them again is safe.
            Overloaded: Kafka is away and the spool is full.
            TypeError, ValueError: an entry has no place in the log (see `engine.codec`).
        """
        events = [entry for entry in entries if isinstance(entry, Event)]
        known = await self._applied(events)
        statuses, records = [], []
        for entry in entries:
            if isinstance(entry, Event):
                key = (entry.customer_id, entry.event_id)
                if key in known:
                    statuses.append(EventStatus.DUPLICATE)
                    continue
                known.add(key)
            statuses.append(EventStatus.ACCEPTED)
            records.append(self._record_of(entry))
        if records:
            self._applied_here.note(await self._kafka.append(records))
        return statuses

    async def note_schema(self, digest: str, document: Mapping[str, Any]) -> None:
        """Puts a feature schema before all lessons that use it, once for each server and start.

        Raises:
            StorageError: neither Kafka nor the disk takes it.
        """
        if digest not in self._noted:
            await self._kafka.append([self._record_of(SchemaNote(digest, document))])
            self._noted.add(digest)

    async def knows(self, event_id: EventId, customer_id: CustomerId) -> bool:
        """Whether an event of this customer with this id was applied, as far back as ids are kept.

        Raises:
            StorageError: Redis cannot be reached.
        """
        return (await self._customers.applied(customer_id, [event_id]))[0]

    async def settled(self) -> None:
        """Returns at once: workers apply what was accepted."""

    async def applied(self) -> None:
        """Waits until workers have applied what was accepted here: a second at most, and never for the spool."""
        await self._applied_here.wait()

    @property
    def backlog(self) -> int:
        """Entries accepted here that Kafka does not have yet."""
        return self._kafka.backlog

    def gauges(self) -> Sequence[Gauge]:
        """What operations watch of it."""
        return [
            Gauge(
                "attune_spool_records",
                "Accepted here while Kafka was away, and not there yet.",
                lambda: float(self._kafka.backlog),
            ),
            Gauge(
                "attune_spool_bytes",
                "Bytes of these on disk.",
                lambda: float(self._kafka.backlog_bytes),
            ),
            Gauge(
                "attune_redis_up",
                "1 while Redis is reached, else 0.",
                lambda: float(self._connection.is_up),
            ),
            Gauge(
                "attune_redis_writes_lost_total",
                "What other servers were to be told of decisions made here, and may not have been.",
                lambda: float(self.aside.lost),
            ),
        ]

    async def sent(self) -> None:
        """Waits until Kafka has everything accepted so far."""
        await self._kafka.sent()

    async def _applied(self, events: Sequence[Event]) -> set[tuple[CustomerId, EventId]]:
        """Which of the events were applied; none where Redis cannot tell."""
        by_customer: dict[CustomerId, list[EventId]] = {}
        for event in events:
            by_customer.setdefault(event.customer_id, []).append(event.event_id)
        try:
            found = await asyncio.gather(
                *[self._customers.applied(who, ids) for who, ids in by_customer.items()]
            )
        except StorageError as error:
            log.debug("%s; duplicates are told later, when they are applied", error)
            return set()
        return {
            (who, event_id)
            for (who, ids), applied in zip(by_customer.items(), found, strict=True)
            for event_id, was in zip(ids, applied, strict=True)
            if was
        }

    def _record_of(self, entry: Entry) -> Record:
        if isinstance(entry, SchemaNote):
            return Record(self._topics.lessons, MODEL, encode_message(entry))
        return Record(self._topics.events, customer_key(entry.customer_id), encode_message(entry))

    # --- decisions -----------------------------------------------------------------------------

    def returned(self, returned: Returned) -> None:
        """Secures what a decision offered, on disk here and for the other servers; returns at once."""
        self._decisions.returned(returned)
        self._offers.note(returned, self.pending.assume_shown)
        self._own.append(returned)

    async def tell_again(self) -> None:
        """Has the other servers know once more what was offered here and may still count as shown."""
        keep, since = self.pending.assume_shown, self._clock() - self.pending.assume_shown
        for number, returned in enumerate(list(self._own)):
            if returned.decided_at > since:
                self._offers.note(returned, keep)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(_PAUSE)

    async def decision(self, decision_id: DecisionId) -> DecisionRecord | None:
        """The record of a decision made here; None if there is none. Raises StorageError."""
        return await self._decisions.decision(self._loop, decision_id)

    async def recent_requests(self, since: Micros) -> list[PastRequest]:
        """The requests with an id of their own decided here at or after `since`, newest first."""
        return await self._decisions.recent_requests(self._loop, since)

    async def recent_offers(self, since: Micros) -> list[Returned]:
        """What decisions made here at or after `since` offered, the oldest first. Raises StorageError."""
        return await self._decisions.recent_offers(self._loop, since)

    async def last_decision(self) -> Decision | None:
        """The decision recorded last, here; None if there is none. Raises StorageError."""
        record = await self._decisions.last(self._loop)
        return None if record is None else record.decision

    async def close(self) -> None:
        """Lets go of everything; what is in the spool is sent by the next start."""
        await self._kafka.close()
        await self._connection.close()
        await asyncio.to_thread(self._decisions.close)
        self._directory.close()
