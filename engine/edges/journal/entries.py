"""The log of entries: what is accepted is on disk, in one order, before anybody is told so.

One thread writes. What callers append while a commit is under way goes into the next one together
(group commit), so that the price of reaching the disk is shared and never paid on the event loop.
"""

import logging
import sqlite3
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from engine.codec import Entry, EntryKind, Line, SchemaNote, decode_line, encode_entry
from engine.edges.journal.database import (
    InPlace,
    delete_all,
    insert_all,
    known_among,
    open_database,
    storage_error,
    storage_errors,
)
from engine.edges.journal.run import Run, mark_journal
from engine.errors import DamagedData, Overloaded, StorageError
from engine.model import CustomerId, Event, EventId, EventStatus, Micros, ProfileUpdate
from engine.running.named import name_this_thread

log = logging.getLogger(__name__)

Numbered: TypeAlias = tuple[int, Line]
"""An entry with its place in the log, counted from 1."""

MAX_GROUP: Final = 4_000
"""Entries in one commit."""

MAX_WAITING: Final = 100_000
"""Entries that may wait for the disk before more are refused."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS schemas ON entries (seq) WHERE kind = 3;
CREATE TABLE IF NOT EXISTS event_ids (event_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS customers (customer_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 1), seq INTEGER NOT NULL, model BLOB NOT NULL);
"""
_RANGE: Final = 1 << 63
_SEAL: Final = 16


class Checkpoint(NamedTuple):
    """State as of one place in the log: the customers changed since the last one, and the model."""

    seq: int
    model: bytes
    customers: Sequence[tuple[CustomerId, bytes]]


class _Append(NamedTuple):
    entries: Sequence[Entry]
    bodies: list[tuple[EntryKind, bytes]]
    told: "Future[list[EventStatus]]"


class _Job(NamedTuple):
    """Anything else the writer does, in its turn."""

    work: Callable[[sqlite3.Connection], Any]
    told: "Future[Any]"


class Journal:
    """The log in one database file, with the checkpoints of the state that follows from it.

    `committed` is called on the loop with each group of new entries once they are on disk, in the
    order of the log, before those who appended them are told. Before each commit the file, and what
    else is given in `also`, is checked to be still in its place: nothing is accepted into a file that
    nobody will find again.

    Raises:
        StorageError: the file is damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path, also: Sequence[InPlace] = ()) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = open_database(path, _TABLES)
        self._in_place = (InPlace(path), *also)
        self._lost = False
        self._failing = False
        with storage_errors(path):
            self._last = _last_seq(self._connection)
        self._jobs: SimpleQueue[_Append | _Job | None] = SimpleQueue()
        self._waiting = 0
        self._writer: threading.Thread | None = None
        self._loop: AbstractEventLoop | None = None
        self._committed: Callable[[list[Numbered]], None] = _ignore

    @property
    def last_seq(self) -> int:
        """The place of the newest entry on disk; 0 if there is none. Only exact before `start`."""
        return self._last

    def start(self, loop: AbstractEventLoop, committed: Callable[[list[Numbered]], None]) -> None:
        """Begins to write; from now on the database belongs to the writer thread."""
        self._loop = loop
        self._committed = committed
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    def append(self, entries: Sequence[Entry]) -> "Future[list[EventStatus]]":
        """Hands entries to the writer; the future tells of each whether it is new, once all are on disk.

        The future fails with StorageError if they could not be written; then none of them was
        accepted, and sending them again is right (should they have reached the disk all the same,
        the answer will be DUPLICATE).

        Raises:
            Overloaded: the disk is too slow for what comes in.
            TypeError, ValueError: an entry has no place in the log (see `engine.codec`).
        """
        if self._loop is None:
            raise RuntimeError("the journal has not been started")
        if self._waiting + len(entries) > MAX_WAITING:
            raise Overloaded("more events than the disk can take", retry_after=1.0)
        bodies = [encode_entry(entry) for entry in entries]
        for entry in entries:
            if not -_RANGE <= _time(entry) < _RANGE:
                raise ValueError(f"time {_time(entry)} is beyond 64 bit")
        told: Future[list[EventStatus]] = self._loop.create_future()
        self._waiting += len(entries)
        self._jobs.put(_Append(entries, bodies, told))
        return told

    def save(self, checkpoint: Checkpoint) -> "Future[None]":
        """Writes a checkpoint, all of it or nothing."""

        def work(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                insert_all(
                    connection,
                    "customers (customer_id, body)",
                    checkpoint.customers,
                    "ON CONFLICT (customer_id) DO UPDATE SET body = excluded.body",
                )
                connection.execute(
                    "INSERT OR REPLACE INTO checkpoint (only, seq, model) VALUES (1, ?, ?)",
                    (checkpoint.seq, _sealed(checkpoint.seq, checkpoint.model)),
                )

        return self._do(work)

    def discard_checkpoint(self) -> "Future[None]":
        """Lets go of the checkpoint and all customers in it: the state begins anew, the log stays."""

        def work(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.execute("DELETE FROM checkpoint")
                connection.execute("DELETE FROM customers")

        return self._do(work)

    def mend(self, customer_id: CustomerId, body: bytes) -> "Future[None]":
        """Writes a customer as of the last checkpoint once more, in place of a damaged row."""

        def work(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.execute(
                    "UPDATE customers SET body = ? WHERE customer_id = ?", (body, customer_id)
                )

        return self._do(work)

    def begin_run(self, run: Run) -> "Future[None]":
        """Marks the log as one of this run (see `engine.edges.journal.run`)."""
        return self._do(lambda connection: mark_journal(connection, run))

    def flushed(self) -> "Future[None]":
        """Done when all that was appended before is on disk, or has failed, and callers are told."""
        return self._do(_nothing)

    def forget_ids(self, before: Micros, at_most: int = 1_000) -> "Future[int]":
        """Forgets the ids of old events, so that they are no longer recognised as duplicates.

        Goes on where it last stopped, in the order of the log, up to the first entry whose time is
        not before `before`. The future tells how many entries it has gone past.
        """

        def work(connection: sqlite3.Connection) -> int:
            with _transaction(connection):
                return _forget_ids(connection, before, at_most)

        return self._do(work)

    def close(self) -> None:
        """Writes what is waiting, then closes. Blocks the calling thread meanwhile."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- reading, before `start` or beside the writer ------------------------------------------

    @property
    def connection(self) -> sqlite3.Connection:
        """The database itself; not to be touched after `start`."""
        if self._connection is None:
            raise StorageError(f"{self.path} is closed")
        return self._connection

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> "Future[Any]":
        if self._loop is None:
            raise RuntimeError("the journal has not been started")
        told: Future[Any] = self._loop.create_future()
        self._jobs.put(_Job(work, told))
        return told

    # --- the writer's thread -------------------------------------------------------------------

    def _write(self) -> None:
        name_this_thread()
        job: _Append | _Job | None = self._jobs.get()
        while job is not None:
            if isinstance(job, _Append):
                group, following = self._gather(job)
                self._commit(group)
                job = following[0] if following else self._jobs.get()
            else:
                self._run(job)
                job = self._jobs.get()

    def _gather(self, first: _Append) -> tuple[list[_Append], list[_Append | _Job | None]]:
        """All appends that wait, up to a group's size, and the other job met behind them, if any."""
        group, size = [first], len(first.entries)
        while size < MAX_GROUP and not self._jobs.empty():
            job = self._jobs.get()
            if not isinstance(job, _Append):
                return group, [job]
            group.append(job)
            size += len(job.entries)
        return group, []

    def _commit(self, group: list[_Append]) -> None:
        if self._misplaced([append.told for append in group]):
            self._tell(self._settle, group, [], None)
            return
        try:
            accepted, told = self._insert(self._healthy(), group)
        except Exception as error:  # noqa: BLE001 - whatever it was, its callers must be told
            self._fail(error, [append.told for append in group])
            self._tell(self._settle, group, [], None)
            return
        self._last += len(accepted)
        if self._failing:
            log.warning("events are accepted again into %s", self.path)
        self._failing = False
        self._tell(self._settle, group, accepted, told)

    def _insert(
        self, connection: sqlite3.Connection, group: list[_Append]
    ) -> tuple[list[Numbered], list[list[EventStatus]]]:
        accepted: list[Numbered] = []
        rows: list[tuple[int, Micros, EntryKind, bytes]] = []
        told: list[list[EventStatus]] = []
        seq = self._last
        ids = [e.event_id for append in group for e in append.entries if isinstance(e, Event)]
        new: set[str] = set()
        with _transaction(connection):
            known = known_among(connection, "event_ids", "event_id", ids)
            for append in group:
                statuses: list[EventStatus] = []
                for entry, (kind, body) in zip(append.entries, append.bodies, strict=True):
                    if isinstance(entry, Event):
                        if entry.event_id in known or entry.event_id in new:
                            statuses.append(EventStatus.DUPLICATE)
                            continue
                        new.add(entry.event_id)
                    seq += 1
                    rows.append((seq, _time(entry), kind, body))
                    accepted.append((seq, entry))
                    statuses.append(EventStatus.ACCEPTED)
                told.append(statuses)
            insert_all(connection, "event_ids (event_id)", [(name,) for name in sorted(new)])
            insert_all(connection, "entries (seq, time, kind, body)", rows)
        return accepted, told

    def _misplaced(self, told: "list[Future[Any]]") -> bool:
        """Whether the files are no longer in their place; those who wait are told, the log once.

        The connection is left alone: closing it could remove files beside the one that took its place.
        """
        try:
            for file in self._in_place:
                file.check()
        except StorageError as error:
            if not self._lost:
                log.error("nothing is accepted: %s", error)  # noqa: TRY400 - no trace is needed
            self._lost = True
            self._tell(_refuse, told, error)
            return True
        self._lost = False
        return False

    def _run(self, job: _Job) -> None:
        if self._misplaced([job.told]):
            return
        try:
            result = job.work(self._healthy())
        except Exception as error:  # noqa: BLE001 - whatever it was, its caller must be told
            self._fail(error, [job.told])
        else:
            self._tell(_answer, job.told, result)

    def _healthy(self) -> sqlite3.Connection:
        """The connection; after a failure a new one, and then what the disk holds is looked at again.

        A commit that failed is gone as a rule, but where the failure came late (while the disk was
        told to keep it) the log may hold it after all: then it counts as accepted from now on.
        """
        if self._connection is None:
            connection = open_database(self.path, _TABLES)
            found = list(read_entries(connection, self._last, -1))
            self._connection = connection
            if found:
                self._last = found[-1][0]
                self._tell(self._committed, found)
        return self._connection

    def _fail(self, error: Exception, told: "list[Future[Any]]") -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        failure = error if isinstance(error, StorageError) else storage_error(self.path, error)
        if not self._failing:
            log.error("nothing is accepted: %s", failure)
        self._failing = True
        self._tell(_refuse, told, failure)

    def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            if self._loop is not None:
                self._loop.call_soon_threadsafe(callback, *arguments)

    # --- back on the loop ----------------------------------------------------------------------

    def _settle(
        self,
        group: list[_Append],
        accepted: list[Numbered],
        told: list[list[EventStatus]] | None,
    ) -> None:
        self._waiting -= sum([len(append.entries) for append in group])
        if accepted:
            self._committed(accepted)
        if told is not None:
            for append, statuses in zip(group, told, strict=True):
                _answer(append.told, statuses)


def read_entries(connection: sqlite3.Connection, after: int, at_most: int) -> Iterator[Numbered]:
    """The entries that come after a place in the log, in order; all of them if `at_most` is −1."""
    yield from _lines(connection, "seq > ? ORDER BY seq LIMIT ?", after, at_most)


def read_recent(connection: sqlite3.Connection, since: Micros) -> Iterator[Numbered]:
    """The entries whose time is not before `since`, and all schema notes, in order."""
    yield from _lines(connection, "time >= ? OR kind = 3 ORDER BY seq", since)


def read_entries_naming(
    connection: sqlite3.Connection, customer_id: CustomerId, up_to: int
) -> Iterator[Numbered]:
    """The entries up to and including a place that name a customer anywhere, in order.

    Reads the whole log to find them.
    """
    name = orjson.dumps(customer_id)
    yield from _lines(
        connection, "seq <= ? AND instr(CAST(body AS BLOB), ?) ORDER BY seq", up_to, name
    )


def _lines(connection: sqlite3.Connection, where: str, *values: int | bytes) -> Iterator[Numbered]:
    rows = connection.execute(
        f"SELECT seq, kind, CAST(body AS BLOB) FROM entries WHERE {where}",  # noqa: S608 - ours
        values,
    )
    for seq, kind, body in rows:
        yield seq, decode_line(kind, body)


def read_schemas(connection: sqlite3.Connection, up_to: int) -> Iterator[Numbered]:
    """The schema notes up to and including a place in the log, in order."""
    yield from _lines(connection, "kind = 3 AND seq <= ? ORDER BY seq", up_to)


def read_checkpoint(connection: sqlite3.Connection) -> tuple[int, bytes | None]:
    """The place in the log of the last checkpoint and the model there; (0, None) if there is none.

    Raises:
        DamagedData: they are not what was written.
    """
    row = connection.execute("SELECT seq, CAST(model AS BLOB) FROM checkpoint").fetchone()
    if row is None:
        return 0, None
    seq, stored = row
    model = bytes(stored[_SEAL:])
    if _sealed(seq, model) != stored:
        raise DamagedData("the model of the last checkpoint fails its checksum")
    return seq, model


def read_checkpoint_seq(connection: sqlite3.Connection) -> int:
    """The place in the log of the last checkpoint; 0 if there is none."""
    row = connection.execute("SELECT seq FROM checkpoint").fetchone()
    return 0 if row is None else int(row[0])


def _sealed(seq: int, model: bytes) -> bytes:
    """The model behind a checksum of it and its place in the log."""
    checksum = blake2b(seq.to_bytes(8), digest_size=_SEAL)
    checksum.update(model)
    return checksum.digest() + model


def read_customer(connection: sqlite3.Connection, customer_id: CustomerId) -> bytes | None:
    """A customer as of the last checkpoint, encoded; None if there is none."""
    row = connection.execute(
        "SELECT CAST(body AS BLOB) FROM customers WHERE customer_id = ?", (customer_id,)
    ).fetchone()
    return None if row is None else row[0]


def read_customers(
    connection: sqlite3.Connection, behind: str, at_most: int
) -> list[tuple[CustomerId, bytes]]:
    """The next customers of the last checkpoint behind an id, in the order of their ids, encoded."""
    return connection.execute(
        "SELECT customer_id, CAST(body AS BLOB) FROM customers WHERE customer_id > ? "
        "ORDER BY customer_id LIMIT ?",
        (behind, at_most),
    ).fetchall()


def knows(connection: sqlite3.Connection, event_id: EventId) -> bool:
    """Whether an event with this id was accepted and is still remembered."""
    found = connection.execute("SELECT 1 FROM event_ids WHERE event_id = ?", (event_id,))
    return found.fetchone() is not None


def _forget_ids(connection: sqlite3.Connection, before: Micros, at_most: int) -> int:
    name = "ids_forgotten"
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    start: int = 0 if row is None else row[0]
    end = start
    old: list[str] = []
    for seq, entry in read_entries(connection, start, at_most):
        if isinstance(entry, Event | ProfileUpdate) and entry.time >= before:
            break
        if isinstance(entry, Event):
            old.append(entry.event_id)
        end = seq
    delete_all(connection, "event_ids", "event_id", old)
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, end))
    return end - start


class _transaction:  # noqa: N801 - reads as the function it replaces, at a third of the cost
    """Commits if nothing is raised, else rolls back."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _last_seq(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()
    return int(row[0])


def _time(entry: Entry) -> Micros:
    return 0 if isinstance(entry, SchemaNote) else entry.time


def _answer(told: "Future[Any]", result: Any) -> None:
    if not told.done():
        told.set_result(result)


def _refuse(told: "list[Future[Any]]", error: StorageError) -> None:
    for future in told:
        if not future.done():
            future.set_exception(error)


def _nothing(_: sqlite3.Connection) -> None:
    """No work, only its turn."""


def _ignore(_: list[Numbered]) -> None:
    """Nobody listens yet."""
