"""The outbox of one process: offers.db in the data directory, read from any place by whoever sends.

A message is on disk when `publish` returns, and there once by its id. Positions grow by one from the
moment the file was made (microseconds since 1970), so that none is used again, also when the file was lost:
a reader who remembers the last one it has sent goes on behind it.
"""

import sqlite3
from asyncio import AbstractEventLoop, Future
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Final

from engine.edges.journal.database import Readers, open_database, storage_errors
from engine.errors import DamagedData, OutOfRange, StorageError
from engine.model import DAY, Micros
from engine.running.named import name_this_thread
from engine.triggers.daily import Walked
from engine.triggers.outbox import Left, Outgoing

KEPT: Final = 7 * DAY
"""How long a message is kept, by the moment of its decision."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS offers (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE,
    decided_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS reached (seq INTEGER);
CREATE TABLE IF NOT EXISTS rounds (
    name TEXT PRIMARY KEY,
    day TEXT NOT NULL,
    behind TEXT
) WITHOUT ROWID;
"""
_BEGIN: Final = """
INSERT INTO sqlite_sequence (name, seq)
SELECT 'offers', ? WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'offers')
"""
_AT_ONCE: Final = 100


class OfferBox:
    """An `engine.triggers.outbox.Outbox` over one file; all methods are for the loop it was opened on.

    Raises:
        StorageError: the file is damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path, loop: AbstractEventLoop, now: Micros) -> None:
        self._path = path
        self._loop = loop
        self._connection = open_database(path, _TABLES)
        with storage_errors(path):
            self._connection.execute(_BEGIN, (now,))
        self._writer = ThreadPoolExecutor(1, f"write {path.stem}", name_this_thread)
        self._readers = Readers(path, threads=1)
        self._waiting: set[Future[None]] = set()
        self.reached = _reached(self._connection, path)
        self.walked = _walked(self._connection, path)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `engine.triggers.outbox.Outbox`: what is there already, by its id, stays as it is."""
        if not messages:
            return
        rows = [(m.message_id, m.decided_at, m.encode()) for m in messages]
        await self._write(lambda connection: _leave(connection, rows))
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def note_reached(self, seq: int | None) -> None:
        """Keeps up to which place in the journal all that triggers asked for is done.

        None says that nobody listens, so that a later start begins with what is new then.

        Raises:
            StorageError: it could not be written.
        """
        await self._write(lambda connection: _note_reached(connection, seq))
        self.reached = seq

    async def note_walked(self, name: str, walked: Walked) -> None:
        """Keeps how far the daily trigger of this name has come.

        Raises:
            StorageError: it could not be written.
        """
        row = (name, walked.day.isoformat(), walked.behind)
        await self._write(lambda connection: _note_walked(connection, row))
        self.walked[name] = walked

    async def after(self, position: int) -> list[Left]:
        """The next messages behind a position, a hundred at most; none if there are none yet.

        Raises:
            StorageError: the disk cannot be read, or what it holds is damaged.
        """
        return await self._readers.ask(self._loop, lambda reader: _after(reader, position))

    async def follow(self, position: int, *, only_kept: bool = False) -> AsyncGenerator[Left, None]:
        """Every message behind a position, in order, and then, unless `only_kept`, each as it comes.

        Raises:
            OutOfRange: the position is beyond the newest.
            StorageError: the disk cannot be read, or what it holds is damaged.
        """
        newest = await self._readers.ask(self._loop, _newest)
        if position > newest:
            raise OutOfRange(
                f"position {position} is beyond the newest, {newest}: it is of another data"
                f" directory, or mistyped; begin behind {newest} for what comes from now on"
            )
        while True:
            came: Future[None] = self._loop.create_future()
            self._waiting.add(came)
            try:
                found = await self.after(position)
                if not found and only_kept:
                    return
                if not found:
                    await came
            finally:
                self._waiting.discard(came)
            for left in found:
                yield left
                position = left.position

    def close(self) -> None:
        """Waits for what is being written and read, then closes. Blocks the calling thread."""
        self._writer.shutdown()
        self._readers.close()
        self._connection.close()

    async def _write(self, work: "Callable[[sqlite3.Connection], None]") -> None:
        try:
            await self._loop.run_in_executor(self._writer, self._commit, work)
        except RuntimeError as error:
            raise StorageError(f"{self._path} is closed") from error

    def _commit(self, work: "Callable[[sqlite3.Connection], None]") -> None:
        with storage_errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                work(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _leave(connection: sqlite3.Connection, rows: Sequence[tuple[str, Micros, bytes]]) -> None:
    """Puts the messages in, and lets go of a few of the oldest that are too old."""
    connection.executemany(
        "INSERT OR IGNORE INTO offers (message_id, decided_at, body) VALUES (?, ?, ?)", rows
    )
    newest = max(decided_at for _, decided_at, _ in rows)
    oldest = connection.execute(
        "SELECT position, decided_at FROM offers ORDER BY position LIMIT ?", (2 * _AT_ONCE,)
    )
    gone = [(position,) for position, decided_at in oldest if decided_at < newest - KEPT]
    connection.executemany("DELETE FROM offers WHERE position = ?", gone)


def _note_reached(connection: sqlite3.Connection, seq: int | None) -> None:
    connection.execute("DELETE FROM reached")
    connection.execute("INSERT INTO reached (seq) VALUES (?)", (seq,))


def _reached(connection: sqlite3.Connection, path: Path) -> int | None:
    with storage_errors(path):
        row = connection.execute("SELECT seq FROM reached").fetchone()
    return None if row is None else row[0]


def _note_walked(connection: sqlite3.Connection, row: tuple[str, str, str | None]) -> None:
    connection.execute("INSERT OR REPLACE INTO rounds (name, day, behind) VALUES (?, ?, ?)", row)


def _walked(connection: sqlite3.Connection, path: Path) -> dict[str, Walked]:
    with storage_errors(path):
        rows = connection.execute("SELECT name, day, behind FROM rounds").fetchall()
    try:
        return {name: Walked(date.fromisoformat(day), behind) for name, day, behind in rows}
    except ValueError as error:
        raise DamagedData(f"{path} is damaged: {error}") from error


def _newest(reader: sqlite3.Connection) -> int:
    """The last position that was given away; before the first, the one they go on from."""
    row = reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'offers'").fetchone()
    return int(row[0])


def _after(reader: sqlite3.Connection, position: int) -> list[Left]:
    rows = reader.execute(
        "SELECT position, body FROM offers WHERE position > ? ORDER BY position LIMIT ?",
        (position, _AT_ONCE),
    )
    return [Left(at, Outgoing.decode(body)) for at, body in rows]
