"""Where a migration starts: the data directory of an embedded installation that nobody serves."""

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from hashlib import blake2b
from pathlib import Path
from typing import Final

from engine.codec import DecisionRecord, decode_customer
from engine.contact.pending import Returned
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.decisions import how_many, recorded
from engine.edges.journal.entries import Numbered, read_entries, read_recent
from engine.edges.state.embedded import Embedded
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.errors import StorageError
from engine.learning.mind import Mind
from engine.model import Customer, CustomerId, Event, Micros

_AT_ONCE: Final = 1_000
_SCHEMA: Final = 3


class Source:
    """All that an embedded installation holds, as of the end of its log.

    Attributes:
        data: its directory.
        mind: what it has learned.
        last_seq: the place of the last entry of its log; 0 if there is none.
        origin: tells its log from any other.
    """

    def __init__(self, data: Path, store: Embedded, mind: Mind, reader: sqlite3.Connection) -> None:
        self.data = data
        self.mind = mind
        self.last_seq = store.last_seq
        self._store = store
        self._reader = reader
        with storage_errors(data / JOURNAL):
            self.origin = _origin(reader)

    def entries(self) -> Iterator[Sequence[Numbered]]:
        """The log, in its order, a thousand entries at a time."""
        after = 0
        while batch := list(read_entries(self._reader, after, _AT_ONCE)):
            yield batch
            after = batch[-1][0]

    def events_since(self, since: Micros) -> Iterator[Event]:
        """The events that happened at or after `since`, in the order of the log."""
        for _, entry in read_recent(self._reader, since):
            if isinstance(entry, Event):
                yield entry

    def count_customers(self) -> int:
        """How many customers there are."""
        (count,) = self._reader.execute("SELECT count(*) FROM customers").fetchone()
        return int(count)

    async def customers(self) -> AsyncIterator[Customer]:
        """Every customer. One whose row is damaged is computed again from the log.

        Raises:
            DamagedData: the log is damaged there too.
        """
        rows = self._reader.execute("SELECT customer_id, CAST(body AS BLOB) FROM customers")
        for customer_id, body in rows:
            yield await self._customer(CustomerId(customer_id), body)

    def count_decisions(self) -> int:
        """How many decisions are still kept."""
        return how_many(self.data / DECISIONS)

    def decisions(self, since: Micros) -> Iterator[DecisionRecord]:
        """The decisions made at or after `since` that are still kept, the oldest first."""
        return recorded(self.data / DECISIONS, since)

    async def offers(self, since: Micros) -> list[Returned]:
        """What decisions made at or after `since` offered, the oldest first. Raises StorageError."""
        return await self._store.recent_offers(since)

    async def _customer(self, customer_id: CustomerId, body: bytes) -> Customer:
        try:
            customer = decode_customer(body)
        except Exception:  # noqa: BLE001 -- damaged bytes may fail in any way
            return await self._store.load(customer_id)
        if customer.customer_id != customer_id:
            return await self._store.load(customer_id)
        return customer


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Source]:
    """The installation, brought to the end of its log as a start of the service does it.

    Nobody else can open it meanwhile. Nothing of it is changed but its checkpoint.

    Raises:
        StorageError: there is none, a service runs over it, or it cannot be read.
    """
    if not (data / JOURNAL).is_file():
        raise StorageError(
            f"there is no {JOURNAL} in {data}: name the data directory of `attune serve`"
        )
    mind = Mind()
    store = await Embedded.open(
        data,
        teach=mind.teach,
        register=mind.register,
        snapshot=mind.snapshot,
        restore=mind.restore,
        clock=lambda: time.time_ns() // 1_000,
    )
    try:
        await store.checkpoint()
        with closing(open_reader(data / JOURNAL)) as reader:
            yield Source(data, store, mind, reader)
    finally:
        await store.close()


def _origin(reader: sqlite3.Connection) -> str:
    """A digest of the first entry about a customer; "" for an empty log."""
    first = reader.execute(
        "SELECT CAST(body AS BLOB) FROM entries WHERE kind != ? ORDER BY seq LIMIT 1", (_SCHEMA,)
    ).fetchone()
    return "" if first is None else blake2b(first[0], digest_size=8).hexdigest()
