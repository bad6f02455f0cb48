"""The spool: what was accepted while Kafka is away, on this machine's disk, in order, until it has it."""

import asyncio
import sqlite3
from asyncio import Future
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from engine.edges.journal.database import insert_all, open_database, storage_errors
from engine.edges.kafka.messages import Record
from engine.errors import Overloaded
from engine.running.named import name_this_thread

LIMIT: Final = 1 << 30
"""Bytes of records that may lie in the spool, unless said otherwise."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL);
"""
_SIZE: Final = "SELECT count(*), coalesce(sum(length(key) + length(value)), 0) FROM records"

T = TypeVar("T")


class Spooled(NamedTuple):
    """A record in the spool, at its place."""

    seq: int
    record: Record


class Spool:
    """Records in one database file, the oldest first. All calls come from one event loop.

    What callers put while a commit is under way goes into the next one together.

    Raises:
        StorageError: the file is damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._connection = open_database(path, _TABLES)
        self._count: int
        self._bytes: int
        with storage_errors(path):
            self._count, self._bytes = self._connection.execute(_SIZE).fetchone()
        self._thread = ThreadPoolExecutor(1, "spool", name_this_thread)
        self._waiting: list[tuple[Sequence[Record], Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many records it holds, those still on their way to the disk included."""
        return self._count

    @property
    def bytes(self) -> int:
        """Bytes of their keys and values."""
        return self._bytes

    async def put(self, records: Sequence[Record]) -> None:
        """Puts records behind all others; they are on disk when it returns.

        Raises:
            Overloaded: the spool is full.
            StorageError: the disk takes nothing; none of them is in the spool.
        """
        size = _size(records)
        if self._bytes + size > self._limit:
            raise Overloaded(
                f"Kafka is away and the spool {self._path} is full ({self._bytes:,} bytes)",
                retry_after=5.0,
            )
        self._count += len(records)
        self._bytes += size
        told: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, told))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        try:
            await asyncio.shield(told)
        except Exception:
            self._count -= len(records)
            self._bytes -= size
            raise

    async def oldest(self, most: int) -> list[Spooled]:
        """The oldest records, at most so many, once what is on its way is on disk.

        Raises:
            StorageError: the disk cannot be read.
        """

        def read(connection: sqlite3.Connection) -> list[Spooled]:
            rows = connection.execute(
                "SELECT seq, topic, key, value FROM records ORDER BY seq LIMIT ?", (most,)
            ).fetchall()
            return [Spooled(seq, Record(*record)) for seq, *record in rows]

        if self._writing is not None:
            await asyncio.wait([self._writing])
        return await self._do(read)

    async def forget(self, spooled: Sequence[Spooled]) -> None:
        """Removes records that Kafka has; they are the oldest ones.

        Raises:
            StorageError: the disk takes nothing; they are still there, and will be sent again.
        """

        def delete(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM records WHERE seq <= ?", (spooled[-1].seq,))

        await self._do(delete)
        self._count -= len(spooled)
        self._bytes -= _size([record for _, record in spooled])

    async def close(self) -> None:
        """Writes what is on its way, then closes."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await self._do(_inserting([record for records, _ in group for record in records]))
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                for _, told in group:
                    told.set_exception(error)
            else:
                for _, told in group:
                    told.set_result(None)
        self._writing = None

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def done() -> T:
            with storage_errors(self._path), self._connection:
                return work(self._connection)

        return await asyncio.get_running_loop().run_in_executor(self._thread, done)


def _inserting(records: Sequence[Record]) -> Callable[[sqlite3.Connection], None]:
    def insert(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        insert_all(connection, "records (topic, key, value)", records)

    return insert


def _size(records: Sequence[Record]) -> int:
    return sum(len(record.key) + len(record.value) for record in records)
