"""What the database files of a data directory have in common: opening, versions, the lock, errors.

All files are for their owner alone (mode 0600), whatever the mode of the directory.
"""

import fcntl
import os
import sqlite3
import stat
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from engine.errors import DamagedData, StorageError
from engine.running.named import name_this_thread

LAYOUT: Final = 1
"""Version of the tables; kept in each file's `meta`."""

_META: Final = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
_BUSY_SECONDS: Final = 5.0
_LOCK: Final = "lock"

_PRIVATE: Final = 0o600
_PARAMETERS: Final = 4_000

T = TypeVar("T")


class InPlace:
    """A file in use, to be told apart from any other that takes its place later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path)

    def check(self) -> None:
        """Makes sure that the file at the path is still the one in use.

        Raises:
            StorageError: it is not, so that what is written to it would be lost.
        """
        if _identity(self.path) != self._identity:
            raise StorageError(
                f"{self.path.name} was removed or replaced under the running service: "
                f"stop it, put the right file back to {self.path}, and start it again"
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class DataDirectory:
    """A data directory that this process alone uses, created with mode 0700 if it is not there.

    The lock is an advisory one of the operating system (`flock`) on the file `lock`, which names the
    process: it ends with the process, however that ends.

    Raises:
        StorageError: it cannot be created or read, or another process uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise StorageError(f"{path} is a file: name a directory for the data with --data DIR")
        try:
            if not path.is_dir():
                path.mkdir(mode=0o700, parents=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, _PRIVATE)
        except OSError as error:
            raise StorageError(f"the data directory {path} cannot be used: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise StorageError(
                f"the data directory {path} is in use by process {owner or 'of another user'}: "
                "stop that one, or choose another directory"
            ) from None
        try:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(self._lock)
            raise StorageError(
                f"the data directory {path} cannot be written: {error.strerror}"
            ) from error
        _keep_private(path / _LOCK)
        self.lock = InPlace(path / _LOCK)

    def close(self) -> None:
        """Lets other processes use the directory."""
        os.close(self._lock)


def open_database(path: Path, tables: str, *, synchronous: str = "FULL") -> sqlite3.Connection:
    """Opens a database for writing, with its tables, to be used by one thread at a time.

    `synchronous` FULL makes a commit survive a power failure, NORMAL the death of the process only.

    Raises:
        StorageError: the file is damaged, of a newer version, or cannot be opened.
    """
    with storage_errors(path):
        _create_private(path)
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            _check_layout(connection, path)
            connection.executescript(f"BEGIN; {_META} {tables} COMMIT;")
            connection.execute(
                "INSERT OR IGNORE INTO meta (name, value) VALUES ('layout', ?)", (LAYOUT,)
            )
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Opens a database for reading, beside its writer, to be used by one thread at a time."""
    with storage_errors(path):
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite raises into StorageError, with what to do about it."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: Exception) -> StorageError:
    """What went wrong with a database file, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return DamagedData(
            f"{path} is damaged ({error}): put back a copy of the data directory, or move the file "
            "away to begin without what it holds"
        )
    if code == sqlite3.SQLITE_FULL:
        return StorageError(f"{path} cannot grow: the disk is full; make room and try again")
    return StorageError(f"{path} cannot be read or written: {error}")


def _create_private(path: Path) -> None:
    """Makes sure that there is a file, for its owner alone; SQLite gives those beside it its mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        _keep_private(path.with_name(name))


def _keep_private(path: Path) -> None:
    with suppress(OSError):  # somebody else's file, or none
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(_PRIVATE)


def _check_layout(connection: sqlite3.Connection, path: Path) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'meta'").fetchone()
    if tables is None:
        return
    row = connection.execute("SELECT value FROM meta WHERE name = 'layout'").fetchone()
    if row is not None and row[0] != LAYOUT:
        raise StorageError(
            f"{path} has layout {row[0]}, this version reads layout {LAYOUT}: "
            "use the version of Attune that wrote it, or a newer one"
        )


def insert_all(
    connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]], then: str = ""
) -> None:
    """Inserts many rows by few statements. `into` is `table (columns)`, `then` follows the values.

    Every statement lets go of the interpreter, and a busy event loop gives it back some milliseconds
    later: one statement a row would be a few hundred rows a second.
    """
    if not rows:
        return
    row = f"({_marks(rows[0])})"
    for some in _portions(rows, _PARAMETERS // len(rows[0])):
        connection.execute(
            f"INSERT INTO {into} VALUES {', '.join([row] * len(some))} {then}",  # noqa: S608 - no value in it
            [value for values in some for value in values],
        )


def known_among(
    connection: sqlite3.Connection, table: str, column: str, keys: Sequence[str]
) -> set[str]:
    """Those of `keys` that the table has in this column, asked for together as in `insert_all`."""
    found: set[str] = set()
    for some in _portions(keys, _PARAMETERS):
        chosen = f"FROM {table} WHERE {column} IN ({_marks(some)})"
        found.update(key for (key,) in connection.execute(f"SELECT {column} {chosen}", some))
    return found


def delete_all(
    connection: sqlite3.Connection, table: str, column: str, keys: Sequence[str]
) -> None:
    """Deletes the rows that have one of `keys` in this column, together as in `insert_all`."""
    for some in _portions(keys, _PARAMETERS):
        connection.execute(f"DELETE FROM {table} WHERE {column} IN ({_marks(some)})", some)  # noqa: S608 - no value in it


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))


class Readers:
    """A few threads that read a database beside its writer, the one that is at `path` by now."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        self._path = path
        self._in_place = InPlace(path)
        self._pool = ThreadPoolExecutor(threads, f"read {path.stem}", name_this_thread)
        self._own = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._closed = False

    def ask(
        self, loop: AbstractEventLoop, question: Callable[[sqlite3.Connection], T]
    ) -> "Future[T]":
        """Runs `question` off the loop; it fails with StorageError where SQLite fails.

        Raises:
            StorageError: closed already.
        """
        if self._closed:
            raise StorageError(f"{self._path} is closed")
        return loop.run_in_executor(self._pool, self._answer, question)

    def close(self) -> None:
        """Waits for what is being read, then closes."""
        self._closed = True
        self._pool.shutdown()
        for connection in self._open:
            connection.close()

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        with storage_errors(self._path):
            if connection is None:
                self._in_place.check()
                connection = open_reader(self._path)
                self._open.append(connection)
                self._own.connection = connection
            return question(connection)
