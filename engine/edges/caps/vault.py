"""The vault of one process: caps.db in the data directory, written by a thread of its own.

Nothing on the event loop waits for it. What is drawn is told once it is on disk, and offers are made
of nothing else; what becomes of offers follows within `_PAUSE` seconds. What a crash takes of that is
not lost: it counts as used until it could no longer be shown (`Account.missing`), and what was shown is
in the journal, from which a start counts it again (`seq`). While the disk cannot be written nothing
more is drawn, so that what is at hand runs out and caps close.
"""

import logging
import sqlite3
import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from engine.caps.periods import Span
from engine.caps.vault import AccountKey, Drawn, Settled, Share
from engine.edges.caps import tables
from engine.edges.journal.database import InPlace, open_database, storage_error, storage_errors
from engine.edges.journal.run import FIRST, Run, belongs, mark
from engine.errors import StorageError
from engine.model import DAY, Micros
from engine.running.named import name_this_thread

log = logging.getLogger(__name__)

_PAUSE: Final = 0.05
_RETRY: Final = 1.0
_IDLE: Final = 600.0
_ADDED_UP_AFTER: Final = 31 * DAY

_Work: TypeAlias = Callable[[sqlite3.Connection], "Callable[[], None] | None"]


class _Job(NamedTuple):
    """Something to be written; returns what to tell on the loop once it is on disk."""

    work: _Work
    urgent: bool = False


class SqliteVault:
    """Keeps the accounts in one file, for one process and one event loop.

    Attributes:
        kept: what the start found.
        is_whole: whether the file is the one used with the journal before `run`.

    Raises:
        StorageError: the file is damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path, loop: AbstractEventLoop, now: Micros, run: Run = FIRST) -> None:
        self._path = path
        self._loop = loop
        is_new = not path.exists()
        with storage_errors(path):
            connection = open_database(path, tables.TABLES)
            connection.execute("BEGIN IMMEDIATE")
            tables.add_up(connection, now - _ADDED_UP_AFTER)
            self.kept = tables.read(connection, now)
            self.is_whole = belongs(connection, run, is_new=is_new)
            mark(connection, run)
            tables.note(connection, "clean", 0)
            tables.note(connection, "seq", self.kept.seq)
            connection.execute("COMMIT")
        self._connection: sqlite3.Connection | None = connection
        self._in_place = InPlace(path)
        self._jobs: deque[_Job] = deque()
        self._seq = self.kept.seq
        self._drawn: Drawn | None = None
        self._settled: Settled | None = None
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._closing = threading.Event()
        self._reported = False
        self._writer = threading.Thread(target=self._write, name="caps", daemon=True)
        self._writer.start()

    # --- what a ledger asks ----------------------------------------------------------------------

    def tell(self, drawn: Drawn, settled: Settled) -> None:
        """Whom to tell, on the loop."""
        self._drawn, self._settled = drawn, settled

    def draw(self, key: AccountKey, span: Span, units: int, hold: Micros) -> None:
        """Up to `units` may be in use, once that is on disk."""

        def work(connection: sqlite3.Connection) -> Callable[[], None] | None:
            tables.draw(connection, key, span, units, hold)
            return partial(self._drawn, key, units) if self._drawn else None

        self._put(work, urgent=True)

    def reserve(self, share: Share) -> None:
        """Keeps that an offer was made."""
        self._put(partial(_reserve, share=share))

    def confirm(self, share: Share) -> None:
        """Keeps that a reserved offer was shown."""
        self._put(partial(tables.confirm, share=share))

    def release(self, share: Share) -> None:
        """Keeps that a reserved offer was given back."""
        self._put(partial(tables.release, share=share))

    def settle(self, share: Share) -> None:
        """Keeps that an offer was shown that holds no share; the first time it is told."""

        def work(connection: sqlite3.Connection) -> Callable[[], None] | None:
            new = tables.put(connection, share, shown=True)
            return partial(self._settled, share.charges) if new and self._settled else None

        self._put(work)

    def forget(self, key: AccountKey) -> None:
        """Lets go of an account whose period is over."""
        self._put(partial(tables.forget, key=key))

    @property
    def backlog(self) -> int:
        """Changes not on disk yet."""
        return len(self._jobs)

    # --- what the engine asks --------------------------------------------------------------------

    def seen(self, seq: int) -> None:
        """Everything up to this place in the journal has been handed over.

        It is kept with the next thing that is written.
        """
        self._seq = seq

    def keep_closed(self, until: Micros) -> None:
        """Keeps until when nothing is given out, also by later starts."""
        self._put(partial(tables.note, name="closed_until", value=until), urgent=True)

    def keep_prices(self, prices: Mapping[str, Sequence[float]]) -> None:
        """Keeps what the prices know, and how far the journal has been counted."""

        def work(connection: sqlite3.Connection) -> None:
            for cap, state in prices.items():
                tables.keep_price(connection, cap, state)

        self._put(work)

    def flushed(self) -> "Future[None]":
        """Done when all that was handed over before is on disk, and told: not while that fails."""
        done: Future[None] = self._loop.create_future()
        self._put(lambda _: partial(_finish, done), urgent=True)
        return done

    def close(self, now: Micros) -> None:
        """Writes what is waiting, and whether anything is still missing. Blocks the calling thread.

        What a crash before this process left missing is so until the hold has passed, also for the next.
        """
        clean = all(now >= a.missing_until for a in self.kept.accounts if a.missing)
        self._put(partial(tables.note, name="clean", value=int(clean)), urgent=True)
        self._closing.set()
        self._wake.set()
        self._writer.join()
        if self._connection is not None:
            self._connection.close()

    # --- the writer's thread -----------------------------------------------------------------------

    def _put(self, work: _Work, *, urgent: bool = False) -> None:
        self._jobs.append(_Job(work, urgent))
        if urgent:
            self._hurry.set()
        if not self._wake.is_set():
            self._wake.set()

    def _write(self) -> None:
        name_this_thread()
        while not (self._closing.is_set() and not self._jobs):
            self._wake.wait(_IDLE)
            self._wake.clear()
            if not self._closing.is_set():
                self._hurry.wait(_PAUSE)
            self._hurry.clear()
            try:
                self._write_all()
            except (sqlite3.Error, StorageError) as error:
                self._report(error)
                if self._closing.is_set():
                    log.warning("%d changes of caps are not on disk", len(self._jobs))
                    return
                self._closing.wait(_RETRY)
                self._wake.set()

    def _write_all(self) -> None:
        """Writes what waits in one commit, and only then lets go of it."""
        seq = self._seq  # before the count: what it stands for must be among what is counted
        count = len(self._jobs)
        if not count:
            return
        self._in_place.check()
        connection = self._healthy()
        connection.execute("BEGIN IMMEDIATE")
        told = [self._jobs[at].work(connection) for at in range(count)]
        tables.note(connection, "seq", seq)
        connection.execute("COMMIT")
        for _ in range(count):
            self._jobs.popleft()
        if self._reported:
            log.warning("caps are written to %s again", self._path)
        self._reported = False
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(_tell_all, told)

    def _healthy(self) -> sqlite3.Connection:
        """The connection; after a failure a new one."""
        if self._connection is None:
            self._connection = open_database(self._path, tables.TABLES)
        return self._connection

    def _report(self, error: Exception) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        failure = error if isinstance(error, StorageError) else storage_error(self._path, error)
        if not self._reported:
            log.error("caps are closed as they run out: %s", failure)
        self._reported = True


def _reserve(connection: sqlite3.Connection, share: Share) -> None:
    tables.put(connection, share, shown=False)


def _tell_all(told: Sequence[Callable[[], None] | None]) -> None:
    for tell in told:
        if tell is not None:
            tell()


def _finish(done: "Future[None]") -> None:
    if not done.done():
        done.set_result(None)
