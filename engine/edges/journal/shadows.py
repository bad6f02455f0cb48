"""The log of shadows: what a challenger would have answered, in a file of its own beside the decisions.

Nothing that was served is in it, so that whoever reads the log of decisions cannot take one for the
other. A shadow bears the id of the decision it follows. The death of the process may take the shadows
of the last second: nothing rests on them.
"""

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import zstandard

from engine.challenger.shadowing import Missed, Shadow
from engine.codec import decode_decision, encode_decision
from engine.edges.journal.database import open_database, open_reader, storage_error, storage_errors
from engine.errors import StorageError
from engine.model import DecisionId, Micros
from engine.native.heads import Heads

log = logging.getLogger(__name__)

SHADOWS: Final = "shadows.db"
"""The file."""

MOST: Final = 100_000
"""Shadows kept; the oldest go first."""

_EVERY: Final = 1.0
_BREATH: Final = 0.000_05
_LEVEL: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS shadows (
    number INTEGER PRIMARY KEY, decision_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    decided_at INTEGER NOT NULL, served REAL NOT NULL, took REAL NOT NULL, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS missed (
    name TEXT NOT NULL, begun INTEGER NOT NULL, why TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (name, begun, why)) WITHOUT ROWID;
"""


class ShadowLog:
    """Keeps the shadows of one challenger, which `begun` at some moment; writes them every second.

    `missed` is asked how many there might have been besides. All methods are for one event loop.
    """

    def __init__(
        self, path: Path, name: str, begun: Micros, missed: Callable[[], Counter[Missed]]
    ) -> None:
        self._path = path
        self._name = name
        self._begun = begun
        self._missed = missed
        self._told: Counter[Missed] = Counter()
        self._waiting: list[Shadow] = []
        self._writing = asyncio.Lock()
        self._task = asyncio.create_task(self._run())

    def keep(self, shadow: Shadow) -> None:
        """Takes a shadow on."""
        self._waiting.append(shadow)

    async def close(self) -> None:
        """Writes what waits, and ends."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        """Writes what waits; where that fails it is let go, as nothing rests on it."""
        async with self._writing:
            missed = Counter(self._missed())
            more = missed - self._told
            if not (self._waiting or more):
                return
            waiting, self._waiting, self._told = self._waiting, [], missed
            try:
                await asyncio.to_thread(self._write, waiting, more)
            except (sqlite3.Error, OSError, StorageError) as error:
                log.warning("%d shadows are not kept: %s", len(waiting), _said(self._path, error))

    def _write(self, shadows: list[Shadow], missed: Mapping[Missed, int]) -> None:
        compressor, heads = zstandard.ZstdCompressor(level=_LEVEL), Heads()
        rows = []
        for shadow in shadows:
            decision = shadow.record.decision
            body = compressor.compress(encode_decision(shadow.record, heads))
            name, moment = decision.decision_id, decision.decided_at
            rows.append((name, shadow.name, moment, shadow.served, shadow.took, body))
            time.sleep(_BREATH)  # whoever waits for an answer needs the interpreter
        with closing(open_database(self._path, _TABLES, synchronous="NORMAL")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT OR REPLACE INTO shadows (decision_id, name, decided_at, served, took, record)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            connection.executemany(
                "INSERT INTO missed VALUES (?, ?, ?, ?) ON CONFLICT (name, begun, why)"
                " DO UPDATE SET number = number + excluded.number",
                [(self._name, self._begun, str(why), count) for why, count in missed.items()],
            )
            connection.execute(
                "DELETE FROM shadows WHERE number <= (SELECT max(number) FROM shadows) - ?", (MOST,)
            )
            connection.execute("COMMIT")


def shadows_of(path: Path, name: str, since: Micros, most: int = MOST) -> Iterator[Shadow]:
    """The shadows a challenger has cast since then, the newest first; none without a file.

    Raises:
        StorageError: the file cannot be read.
    """
    if not path.is_file():
        return
    with storage_errors(path), closing(open_reader(path)) as reader:
        rows = reader.execute(
            "SELECT name, served, took, record FROM shadows WHERE name = ? AND decided_at >= ?"
            " ORDER BY number DESC LIMIT ?",
            (name, since, most),
        )
        for row in rows:
            yield _shadow(*row)


def shadow_of(path: Path, decision_id: DecisionId) -> Shadow | None:
    """The shadow of one decision; None if it has none.

    Raises:
        StorageError: the file cannot be read.
    """
    if not path.is_file():
        return None
    with storage_errors(path), closing(open_reader(path)) as reader:
        row = reader.execute(
            "SELECT name, served, took, record FROM shadows WHERE decision_id = ?", (decision_id,)
        ).fetchone()
    return None if row is None else _shadow(*row)


def missed_by(path: Path, name: str, begun: Micros) -> Mapping[Missed, int]:
    """How many decisions were picked for a challenger's shadow and have none, by the reason.

    Raises:
        StorageError: the file cannot be read.
    """
    if not path.is_file():
        return {}
    with storage_errors(path), closing(open_reader(path)) as reader:
        rows = reader.execute(
            "SELECT why, number FROM missed WHERE name = ? AND begun = ?", (name, begun)
        )
        return {Missed(why): number for why, number in rows}


def _shadow(name: str, served: float, took: float, record: bytes) -> Shadow:
    body = zstandard.ZstdDecompressor().decompressobj().decompress(record)
    return Shadow(name, decode_decision(body), served, took)


def _said(path: Path, error: Exception) -> str:
    return str(error if isinstance(error, StorageError) else storage_error(path, error))
