"""The log of decisions: what was asked, seen and chosen, for late responses, explanation and replay.

Recording never waits for the disk: `record` hands over references, and a thread of its own compresses
them in blocks and writes them. They are encoded where they were made, once the answer has left: there the
processor has them at hand, and nobody waits for the interpreter; what is not by then the thread encodes. The
thread works a tenth of a millisecond or two at a time, and stands back in between: who answers may be waiting for its
processor, and the kernel takes that from nobody until a tick of some milliseconds has passed.

A record is on its way for `_PAUSE` seconds and some milliseconds; the death of the process in between loses it
(responses then still join by token), but not what it offered (see `latest`).
"""

import logging
import sqlite3
import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import orjson
import zstandard

from engine.codec import DecisionRecord, decode_decision, encode_decision, split_decisions
from engine.contact.pending import Returned
from engine.edges.journal.database import (
    Readers,
    known_among,
    open_database,
    open_reader,
    storage_error,
    storage_errors,
)
from engine.edges.journal.latest import LatestOffers
from engine.edges.journal.run import FIRST, Run, belongs, figure, mark, note
from engine.errors import DamagedData, StorageError
from engine.model import DAY, Decision, DecisionId, Micros
from engine.native.heads import Heads
from engine.running.named import name_this_thread
from engine.running.slices import Later, slice_of

log = logging.getLogger(__name__)

LATEST: Final = "offers.latest"
"""The file beside the log that keeps the offers of the last moments."""

MAX_WAITING: Final = 10_000
"""Records that may wait for the disk before more are let go."""

_BLOCK: Final = 256
_PAUSE: Final = 0.05
_RETRY: Final = 1.0
_BREATH: Final = 0.000_05
_COMPRESSED_AT_ONCE: Final = 8
_ENCODED_AT_LEAST: Final = 4
_ENCODED_AT_ONCE: Final = 64
_BEHIND: Final = _BLOCK // 8
_FAR_BEHIND: Final = MAX_WAITING // 5
_GIVES_WAY_EVERY: Final = 32
_IDLE: Final = 600.0
_PRUNED_AT_ONCE: Final = 32
_LEVEL: Final = 1
_PLAIN: Final = 3
_FRESH: Final = 64
"""Records that may wait to be encoded where they were made; the older ones are left to the writer."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS blocks (
    block INTEGER PRIMARY KEY, newest INTEGER NOT NULL, ids BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    decision_id TEXT PRIMARY KEY, block INTEGER NOT NULL) WITHOUT ROWID;
"""
_WHOLE_SINCE: Final = "whole_since"
_INSERT_BLOCK: Final = "INSERT INTO blocks (newest, ids, body) VALUES (?, ?, ?)"
_INSERT_NAMES: Final = (
    "INSERT INTO decisions (decision_id, block) SELECT value, ?1 FROM json_each(?2) WHERE true "
    "ON CONFLICT (decision_id) DO UPDATE SET block = excluded.block"
)
"""One statement for any number of names; `WHERE true` tells SQLite that ON belongs to no join."""


class Retention(NamedTuple):
    """How long decisions are kept: neither longer than `age` microseconds nor beyond `size` bytes."""

    age: Micros = 7 * DAY
    size: int = 10_000_000_000


class PastRequest(NamedTuple):
    """A request id that was answered, by which decision, and when."""

    request_id: str
    decision_id: DecisionId
    time: Micros


class _Encoded(NamedTuple):
    """A record as it is written, and what its block says of it in its list (`_listing`)."""

    decision_id: DecisionId
    decided_at: Micros
    listed: bytes
    body: bytes


class _Entry:
    """A record on its way to the disk: as it was handed over, until it is encoded.

    The loop's thread and the writer's may both encode it, to the same bytes. So `encoded` is always set
    before `record` is let go, and who wants either looks at `record` first.
    """

    __slots__ = ("encoded", "record")

    def __init__(self, record: DecisionRecord) -> None:
        self.record: DecisionRecord | None = record
        self.encoded: _Encoded | None = None

    def encode(self, heads: Heads | None = None) -> _Encoded:
        """Its bytes; the record itself is let go. Raises what `encode_decision` does."""
        record = self.record
        if record is not None:
            if self.encoded is None:
                self.encoded = _encoded(record, heads)
            self.record = None
        return cast("_Encoded", self.encoded)


class DecisionLog:
    """Records decisions in one database file, the oldest of which it lets go.

    `later` has work done on the thread of whoever records, soon and not at once, as `loop.call_soon` does;
    without it the writer does all.

    A commit survives the death of the process; a power failure may take the last ones.

    If the file is not the one used with the journal before `run`, it is not known what was offered until
    now, and `recent_offers` says so for as long as that matters, in later runs as well.

    Raises:
        StorageError: the file is damaged, of a newer version, or cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], Micros],
        retention: Retention,
        run: Run = FIRST,
        later: Later | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._retention = retention
        is_new = not path.exists()
        self._connection: sqlite3.Connection | None = self._open()
        try:
            self._latest = LatestOffers(path.with_name(LATEST))
            with storage_errors(path):
                self._whole_since = _whole_since(self._connection, run, clock(), is_new=is_new)
                _keep_offers(self._connection, self._latest.found)
        except StorageError:
            self._connection.close()
            raise
        self._latest.begin()
        self._readers = Readers(path, threads=1)
        self._later = later
        self._fresh: deque[_Entry] = deque(maxlen=_FRESH)
        self._waiting: deque[_Entry] = deque()
        self._encoded: list[_Encoded] = []
        self._heads = Heads()
        self._unwritten: dict[DecisionId, _Entry] = {}
        self._reported = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._writer = threading.Thread(target=self._write, name="decisions", daemon=True)
        self._writer.start()

    def record(self, record: DecisionRecord) -> bool:
        """Takes the record on; False if too many wait already, and then it is not kept.

        What is handed over must not be changed any more. Never waits for the disk.

        A caller that never rests keeps the writer from the interpreter, for seconds if it goes on to
        let go of it and take it back at once, as every call to the system does. So once far too much
        is waiting, it sleeps for a moment now and then, and the writer runs for some milliseconds.
        """
        if self.waiting >= MAX_WAITING:
            return False
        entry = self._unwritten[record.decision.decision_id] = _Entry(record)
        self._waiting.append(entry)
        if self._later is not None:
            is_first = not self._fresh
            self._fresh.append(entry)
            if is_first:
                self._later(self._encode_fresh)
        behind = len(self._waiting) - _FAR_BEHIND
        if behind >= 0 and behind % _GIVES_WAY_EVERY == 0:
            time.sleep(_BREATH)
        if not self._wake.is_set():
            self._wake.set()
        return True

    def _encode_fresh(self) -> None:
        """Encodes what was recorded lately, for as long as a slice lasts; the rest a little later."""
        over, fresh = slice_of(time.perf_counter), self._fresh
        while fresh and not over():
            with suppress(Exception):  # the writer meets it too, and tells
                fresh.popleft().encode(self._heads)
        if fresh and self._later is not None:
            self._later(self._encode_fresh)

    def returned(self, returned: Returned) -> None:
        """Has these offers known after the death of the process, before anybody sees them."""
        self._latest.note(returned)

    @property
    def waiting(self) -> int:
        """Records on their way to the disk."""
        return len(self._unwritten)

    async def decision(
        self, loop: AbstractEventLoop, decision_id: DecisionId
    ) -> DecisionRecord | None:
        """The record of a decision, also one still on its way to the disk; None if there is none.

        Raises:
            StorageError: the disk cannot be read.
        """
        entry = self._unwritten.get(decision_id)
        if entry is not None:
            return _record_of(entry)
        return await self._readers.ask(loop, lambda reader: _find(reader, decision_id))

    async def recent_requests(self, loop: AbstractEventLoop, since: Micros) -> list[PastRequest]:
        """The requests that brought their own id and were decided at or after `since`, newest first."""
        return await self._readers.ask(loop, lambda reader: _requests(reader, since, self._path))

    async def recent_offers(self, loop: AbstractEventLoop, since: Micros) -> list[Returned]:
        """What decisions made at or after `since` offered, the oldest first.

        Raises:
            StorageError: the disk cannot be read, what it holds is damaged, or not all was kept.
        """
        if since < self._whole_since:
            raise StorageError(
                f"{self._path} is new or an old copy beside this journal: what was offered before is not "
                "known, so actions with contact policies rest until it counts no longer"
            )
        waiting = [r for r in map(_returned, [*self._unwritten.values()]) if r is not None]
        written = await self._readers.ask(loop, lambda reader: _offers(reader, since))
        return [*written, *waiting]

    async def last(self, loop: AbstractEventLoop) -> DecisionRecord | None:
        """The decision recorded last; None if there is none.

        Raises:
            StorageError: the disk cannot be read, or what it holds is damaged.
        """
        if self._unwritten:
            return _record_of(next(reversed(self._unwritten.values())))
        return await self._readers.ask(loop, _last)

    def close(self) -> None:
        """Writes what is waiting, then closes. Blocks the calling thread meanwhile."""
        self._closing.set()
        self._wake.set()
        self._writer.join()
        self._readers.close()
        if self._connection is not None:
            self._connection.close()
        self._latest.close()

    # --- the writer's thread -------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        return open_database(self._path, _TABLES, synchronous="NORMAL")

    def _write(self) -> None:
        name_this_thread()
        while not (self._closing.is_set() and not self._unwritten):
            self._wake.wait(_IDLE)
            self._closing.wait(_PAUSE)
            self._wake.clear()
            try:
                self._write_block()
                self._recovered()
                while len(self._waiting) >= _BLOCK:
                    self._write_block()
                self._prune()
                if self._waiting:
                    self._wake.set()
            except (sqlite3.Error, StorageError) as error:
                if not self._reported:
                    log.warning("decisions wait: %s", storage_error(self._path, error))
                self._reported = True
                self._reset()
                if self._closing.is_set():
                    log.warning("%d decisions are not recorded", len(self._unwritten))
                    return
                self._closing.wait(_RETRY)
                self._wake.set()

    def _recovered(self) -> None:
        if self._reported:
            log.warning("decisions are written to %s again", self._path)
        self._reported = False

    def _write_block(self) -> None:
        """Writes the oldest waiting records, and only then lets go of them."""
        self._encode()
        if not self._encoded:
            return
        body = self._compress()
        newest = max(encoded.decided_at for encoded in self._encoded)
        ids = b"[%b]" % b",".join([encoded.listed for encoded in self._encoded])
        names = orjson.dumps(sorted(encoded.decision_id for encoded in self._encoded))
        self._breathe()
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        block = connection.execute(_INSERT_BLOCK, (newest, ids, body)).lastrowid
        self._breathe()
        connection.execute(_INSERT_NAMES, (block, names.decode()))
        self._breathe()
        connection.execute("COMMIT")
        self._breathe()
        for written in self._encoded:
            self._unwritten.pop(written.decision_id, None)
        self._encoded.clear()

    def _encode(self) -> None:
        """Encodes a few at a time, letting the event loop run in between: both need the interpreter.

        A breath costs about half of what a record does, and a loop that never rests gives the interpreter
        back after some milliseconds only. So the more records wait, the more are encoded between two
        breaths: what is decided is recorded as fast as it comes.

        What is encoded is not needed as objects any more: freeing many at once would hold up decisions.
        """
        at_once = min(_ENCODED_AT_LEAST + len(self._waiting) // _BEHIND, _ENCODED_AT_ONCE)
        for place in range(1, min(len(self._waiting), _BLOCK - len(self._encoded)) + 1):
            entry = self._waiting[0]
            is_encoded = entry.encoded is not None
            self._encode_one(entry)
            self._waiting.popleft()
            if not is_encoded and place % at_once == 0:
                self._breathe()

    def _encode_one(self, entry: _Entry) -> None:
        record = entry.record
        try:
            self._encoded.append(entry.encode(self._heads))
        except Exception:
            if record is not None:
                name = record.decision.decision_id
                log.exception("decision %s cannot be recorded", name)
                self._unwritten.pop(name, None)

    def _compress(self) -> bytes:
        """Compresses a few at a time, and really does: left alone zstd gathers 128 KiB and compresses it at once."""
        at_once = _COMPRESSED_AT_ONCE * (1 + len(self._waiting) // _BEHIND)
        compressing = self._compressor.compressobj()
        parts: list[bytes] = []
        for first in range(0, len(self._encoded), at_once):
            bodies = [encoded.body for encoded in self._encoded[first : first + at_once]]
            parts.append(compressing.compress(b"".join(bodies)))
            parts.append(compressing.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
            self._breathe()
        return b"".join((*parts, compressing.flush()))

    def _breathe(self) -> None:
        if not self._closing.is_set():
            time.sleep(_BREATH)

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
            names = orjson.dumps([past.decision_id for past in _listed(block, ids)]).decode()
            connection.execute(
                "DELETE FROM decisions WHERE block = ? AND decision_id IN "
                "(SELECT value FROM json_each(?))",
                (block, names),
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


def recorded(path: Path, since: Micros = 0) -> Iterator[DecisionRecord]:
    """Every decision made since then and recorded in a file, also while a service writes it.

    The oldest come first. Damaged blocks are left out, and a line in the log says so.

    Raises:
        StorageError: the file cannot be read.
    """
    with storage_errors(path), closing(open_reader(path)) as reader:
        rows = "SELECT block, body FROM blocks WHERE newest >= ? ORDER BY block"
        for block, body in reader.execute(rows, (since,)):
            try:
                records = [decode_decision(r) for r in split_decisions(_whole(body))]
            except Exception as error:  # noqa: BLE001 - damaged bytes may fail in any way
                log.error("a damaged block of decisions is passed over: %d: %s", block, error)  # noqa: TRY400
            else:
                yield from (r for r in records if r.decision.decided_at >= since)


def recorded_as(path: Path, decision_id: DecisionId) -> DecisionRecord | None:
    """The record of one decision, also while a service writes the file; None if it cannot be found.

    Raises:
        StorageError: the file cannot be read.
    """
    with storage_errors(path), closing(open_reader(path)) as reader:
        return _find(reader, decision_id)


def offered(path: Path, since: Micros) -> list[Returned]:
    """What decisions made at or after `since` offered, the oldest first, also while a service writes.

    Raises:
        StorageError: the file cannot be read, or what it holds is damaged.
    """
    with storage_errors(path), closing(open_reader(path)) as reader:
        return _offers(reader, since)


def how_many(path: Path) -> int:
    """How many decisions are recorded in a file.

    Raises:
        StorageError: the file cannot be read.
    """
    with storage_errors(path), closing(open_reader(path)) as reader:
        return int(reader.execute("SELECT count(*) FROM decisions").fetchone()[0])


def _used(connection: sqlite3.Connection) -> int:
    """Bytes in use inside the file: what was let go leaves room in it that is used again."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _find(reader: sqlite3.Connection, decision_id: DecisionId) -> DecisionRecord | None:
    row = reader.execute(
        "SELECT block, ids, body FROM decisions JOIN blocks USING (block) WHERE decision_id = ?",
        (decision_id,),
    ).fetchone()
    if row is None:
        return None
    block, ids, body = row
    at = [past.decision_id for past in _listed(block, ids)]
    if decision_id not in at:
        return None
    try:
        return decode_decision(split_decisions(_decompress(body))[at.index(decision_id)])
    except Exception as error:  # noqa: BLE001 - damaged bytes may fail in any way
        log.error("block %d of the decisions is damaged: %s", block, error)  # noqa: TRY400
        return None


def _whole_since(connection: sqlite3.Connection, run: Run, now: Micros, *, is_new: bool) -> Micros:
    """Since when everything that was offered is in the file; marks it as one of this run."""
    connection.execute("BEGIN IMMEDIATE")
    if not belongs(connection, run, is_new=is_new):
        note(connection, _WHOLE_SINCE, now)
    mark(connection, run)
    connection.execute("COMMIT")
    return figure(connection, _WHOLE_SINCE)


def _keep_offers(connection: sqlite3.Connection, found: Sequence[Returned]) -> None:
    """Keeps offers whose decisions were lost with the process, in a block that lists them and no more."""
    names = [returned.decision_id for returned in found]
    known = known_among(connection, "decisions", "decision_id", names)
    lost = [
        _listing_of(returned)
        for name, returned in zip(names, found, strict=True)
        if name not in known
    ]
    if lost:
        log.warning(
            "%d decisions are missing from the log; what they offered counts all the same",
            len(lost),
        )
        connection.execute(
            _INSERT_BLOCK,
            (
                max(row[2] for row in lost),
                orjson.dumps(lost),
                zstandard.ZstdCompressor(level=_LEVEL).compress(b""),
            ),
        )


def _last(reader: sqlite3.Connection) -> DecisionRecord | None:
    """The last record of the newest block that holds any: some only list what was offered."""
    for (body,) in reader.execute("SELECT body FROM blocks ORDER BY block DESC"):
        records = split_decisions(_decompress(body))
        if records:
            return decode_decision(records[-1])
    return None


def _requests(reader: sqlite3.Connection, since: Micros, path: Path) -> list[PastRequest]:
    found: list[PastRequest] = []
    rows = reader.execute("SELECT block, newest, ids FROM blocks ORDER BY block DESC")
    try:
        for block, newest, ids in rows:
            if newest < since:
                break
            listed = reversed(_listed(block, ids))
            found += [past for past in listed if past.request_id and past.time >= since]
    except sqlite3.DatabaseError as error:
        if not isinstance(storage_error(path, error), DamagedData):
            raise
        log.error("%s is damaged, older requests are forgotten: %s", path, error)  # noqa: TRY400
    return found


def _listing(decision: Decision) -> list[Any]:
    """What a block says of a decision in its list: enough to answer the same request, and what it offered.

    That is its id, the request's and its time, and if it offered anything the customer, their household,
    the channel and the actions.
    """
    actions = [
        offer.action_id
        for placed in decision.placements
        if not placed.fallback
        for offer in placed.offers
    ]
    row = [decision.decision_id, decision.request_id, decision.decided_at]
    offered = [decision.customer_id, decision.household, decision.channel, actions]
    return [*row, offered] if actions else row


def _listing_of(returned: Returned) -> list[Any]:
    """The same where no more is known of a decision than what it offered."""
    decision_id, decided_at, *offered = returned
    return [decision_id, "", decided_at, offered]


def _encoded(record: DecisionRecord, heads: Heads | None) -> _Encoded:
    decision = record.decision
    return _Encoded(
        decision.decision_id,
        decision.decided_at,
        orjson.dumps(_listing(decision)),
        encode_decision(record, heads),
    )


def _record_of(entry: _Entry) -> DecisionRecord:
    return entry.record or decode_decision(entry.encode().body)


def _returned(entry: _Entry) -> Returned | None:
    """What a decision on its way to the disk offers; None if that is nothing."""
    record = entry.record
    if record is None:
        listed = orjson.loads(entry.encode().listed)
        return _offered(listed) if len(listed) > _PLAIN else None
    returned = Returned.by(record.decision)
    return returned if returned.actions else None


def _offers(reader: sqlite3.Connection, since: Micros) -> list[Returned]:
    """What the blocks list as offered; a block from before offers were listed has none."""
    found: list[Returned] = []
    rows = reader.execute("SELECT block, newest, ids FROM blocks ORDER BY block DESC")
    for block, newest, ids in rows:
        if newest < since:
            break
        try:
            found += reversed([_offered(row) for row in orjson.loads(ids) if len(row) > _PLAIN])
        except (ValueError, TypeError, LookupError) as error:
            raise DamagedData(f"block {block} of the decisions is damaged: {error}") from error
    found.reverse()
    return [returned for returned in found if returned.decided_at >= since]


def _offered(row: list[Any]) -> Returned:
    """The offers in a row of a block's list (`_listing`)."""
    decision_id, _, decided_at, offered = row
    return Returned.of([decision_id, decided_at, *offered])


def _listed(block: int, ids: bytes) -> list[PastRequest]:
    """What a block holds, in its order; nothing, and a line in the log, if that cannot be read."""
    try:
        listed = [PastRequest(row[1], row[0], row[2]) for row in orjson.loads(ids)]
        sound = all(type(d) is type(r) is str and type(at) is int for r, d, at in listed)
    except (ValueError, TypeError, LookupError) as error:
        log.error("block %d of the decisions is damaged: %s", block, error)  # noqa: TRY400
        return []
    if not sound:
        log.error("block %d of the decisions is damaged: it lists no decisions", block)
    return listed if sound else []


def _whole(body: bytes) -> bytes:
    """A block that is all there; one that lists offers only has no body."""
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    block = unpacking.decompress(body)
    if body and not unpacking.eof:
        raise DamagedData("it is cut short")
    return block


def _decompress(body: bytes) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    except zstandard.ZstdError as error:
        raise DamagedData(f"damaged block of decisions: {error}") from error
