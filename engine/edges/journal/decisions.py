"""The log of decisions: what was asked, seen and chosen, for late responses, explanation and replay.

Recording never waits for the disk: `record` hands over references, and a thread of its own encodes
them, compresses them in blocks and writes them. A record is on its way for some milliseconds, and at
most about `_PAUSE` seconds longer when many come; the death of the process in between loses it
(responses then still join by token).
"""

import logging
import sqlite3
import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import zstandard

from engine.codec import DecisionRecord, decode_decision, encode_decision, split_decisions
from engine.edges.journal.database import (
    Readers,
    open_database,
    storage_error,
)
from engine.errors import StorageError
from engine.model import DAY, DecisionId, Micros

log = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""Records that may wait for the disk before more are let go."""

_BLOCK: Final = 256
_PAUSE: Final = 0.05
_RETRY: Final = 1.0
_BREATH: Final = 0.000_05
_IDLE: Final = 600.0
_PRUNED_AT_ONCE: Final = 32
_LEVEL: Final = 1

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS blocks (
    block INTEGER PRIMARY KEY, newest INTEGER NOT NULL, ids BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    decision_id TEXT PRIMARY KEY, block INTEGER NOT NULL) WITHOUT ROWID;
"""


class Retention(NamedTuple):
    """How long decisions are kept: neither longer than `age` microseconds nor beyond `size` bytes."""

    age: Micros = 7 * DAY
    size: int = 10_000_000_000


class PastRequest(NamedTuple):
    """A request id that was answered, by which decision, and when."""

    request_id: str
    decision_id: DecisionId
    time: Micros


class DecisionLog:
    """Records decisions in one database file, the oldest of which it lets go.

    A commit survives the death of the process; a power failure may take the last ones.

    Raises:
        StorageError: the file is damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path, clock: Callable[[], Micros], retention: Retention) -> None:
        self._path = path
        self._clock = clock
        self._retention = retention
        self._connection: sqlite3.Connection | None = self._open()
        self._readers = Readers(path, threads=1)
        self._waiting: deque[DecisionRecord] = deque()
        self._unwritten: dict[DecisionId, DecisionRecord] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._writer = threading.Thread(target=self._write, name="decisions", daemon=True)
        self._writer.start()

    def record(self, record: DecisionRecord) -> bool:
        """Takes the record on; False if too many wait already, and then it is not kept.

        What is handed over must not be changed any more. Never blocks.
        """
        if len(self._unwritten) >= MAX_WAITING:
            return False
        self._unwritten[record.decision.decision_id] = record
        self._waiting.append(record)
        if not self._wake.is_set():
            self._wake.set()
        return True

    async def decision(
        self, loop: AbstractEventLoop, decision_id: DecisionId
    ) -> DecisionRecord | None:
        """The record of a decision, also one still on its way to the disk; None if there is none.

        Raises:
            StorageError: the disk cannot be read.
        """
        record = self._unwritten.get(decision_id)
        if record is not None:
            return record
        return await self._readers.ask(loop, lambda reader: _find(reader, decision_id))

    async def recent_requests(self, loop: AbstractEventLoop, since: Micros) -> list[PastRequest]:
        """The requests that brought their own id and were decided at or after `since`, newest first."""
        return await self._readers.ask(loop, lambda reader: _requests(reader, since))

    def close(self) -> None:
        """Writes what is waiting, then closes. Blocks the calling thread meanwhile."""
        self._closing.set()
        self._wake.set()
        self._writer.join()
        self._readers.close()
        if self._connection is not None:
            self._connection.close()

    # --- the writer's thread -------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        return open_database(self._path, _TABLES, synchronous="NORMAL")

    def _write(self) -> None:
        while not (self._closing.is_set() and not self._waiting):
            self._wake.wait(_IDLE)
            self._wake.clear()
            try:
                while self._waiting:
                    self._write_block()
                self._prune()
            except (sqlite3.Error, StorageError) as error:
                log.warning("decisions wait: %s", storage_error(self._path, error))
                self._reset()
                if self._closing.is_set():
                    log.warning("%d decisions are not recorded", len(self._waiting))
                    return
                self._closing.wait(_RETRY)
                self._wake.set()
            self._closing.wait(_PAUSE)

    def _write_block(self) -> None:
        """Writes the oldest waiting records, and only then takes them off the queue."""
        records = [self._waiting[i] for i in range(min(_BLOCK, len(self._waiting)))]
        kept, bodies = self._encode(records)
        body = self._compressor.compress(b"".join(bodies))
        ids = [(r.decision_id, r.request_id, r.decided_at) for r in (k.decision for k in kept)]
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        block = connection.execute(
            "INSERT INTO blocks (newest, ids, body) VALUES (?, ?, ?)",
            (max((at for _, _, at in ids), default=0), orjson.dumps(ids), body),
        ).lastrowid
        connection.executemany(
            "INSERT OR REPLACE INTO decisions (decision_id, block) VALUES (?, ?)",
            sorted((decision_id, block) for decision_id, _, _ in ids),
        )
        connection.execute("COMMIT")
        for record in records:
            self._waiting.popleft()
            self._unwritten.pop(record.decision.decision_id, None)

    def _encode(
        self, records: Sequence[DecisionRecord]
    ) -> tuple[list[DecisionRecord], list[bytes]]:
        """Encodes one by one, letting the event loop run in between: both need the interpreter."""
        kept: list[DecisionRecord] = []
        bodies: list[bytes] = []
        for record in records:
            try:
                bodies.append(encode_decision(record))
            except Exception:
                log.exception("decision %s cannot be recorded", record.decision.decision_id)
                continue
            kept.append(record)
            if not self._closing.is_set():
                time.sleep(_BREATH)
        return kept, bodies

    def _prune(self) -> None:
        """Lets go of the oldest blocks while they are too old or too much is kept, a few at a time."""
        connection = self._connected()
        horizon = self._clock() - self._retention.age
        for _ in range(_PRUNED_AT_ONCE):
            oldest = connection.execute(
                "SELECT block, newest, ids FROM blocks ORDER BY block LIMIT 1"
            ).fetchone()
            if oldest is None:
                return
            block, newest, ids = oldest
            if newest >= horizon and _used(connection) <= self._retention.size:
                return
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "DELETE FROM decisions WHERE decision_id = ? AND block = ?",
                [(decision_id, block) for decision_id, _, _ in orjson.loads(ids)],
            )
            connection.execute("DELETE FROM blocks WHERE block = ?", (block,))
            connection.execute("COMMIT")
        self._wake.set()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _reset(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _used(connection: sqlite3.Connection) -> int:
    """Bytes in use inside the file: what was let go leaves room in it that is used again."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _find(reader: sqlite3.Connection, decision_id: DecisionId) -> DecisionRecord | None:
    row = reader.execute(
        "SELECT ids, body FROM decisions JOIN blocks USING (block) WHERE decision_id = ?",
        (decision_id,),
    ).fetchone()
    if row is None:
        return None
    ids, body = row
    at = [written for written, _, _ in orjson.loads(ids)].index(decision_id)
    return decode_decision(split_decisions(_decompress(body))[at])


def _requests(reader: sqlite3.Connection, since: Micros) -> list[PastRequest]:
    found: list[PastRequest] = []
    for newest, ids in reader.execute("SELECT newest, ids FROM blocks ORDER BY block DESC"):
        if newest < since:
            break
        found += [
            PastRequest(request_id, decision_id, at)
            for decision_id, request_id, at in reversed(orjson.loads(ids))
            if request_id and at >= since
        ]
    return found


def _decompress(body: bytes) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError as error:
        raise StorageError(f"damaged block of decisions: {error}") from error
