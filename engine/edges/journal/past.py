"""A data directory's past, read from beside the service that may be writing it."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import zstandard

from engine.codec import DecisionRecord, decode_decision, split_decisions
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.entries import Numbered, read_entries
from engine.errors import DamagedData, InvalidInput, Violation

log = logging.getLogger(__name__)


def past_decisions(path: Path) -> Iterator[DecisionRecord]:
    """Every decision still kept in a decision log, the oldest first; damaged blocks are passed over.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    for (body,) in _rows(path, "SELECT body FROM blocks ORDER BY block"):
        try:
            records = [decode_decision(record) for record in split_decisions(_unpacked(body))]
        except Exception as error:  # noqa: BLE001 - damaged bytes may fail in any way
            log.warning("a damaged block of decisions is passed over: %s", error)
            continue
        yield from records


def past_entries(path: Path) -> Iterator[Numbered]:
    """Every entry of a journal in its order, see `read_entries`.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    _require(path)
    with storage_errors(path), closing(open_reader(path)) as reader:
        yield from read_entries(reader, 0, -1)


def _unpacked(body: bytes) -> bytes:
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    block = unpacking.decompress(body)
    if not unpacking.eof:
        raise DamagedData("it is cut short")
    return block


def _rows(path: Path, query: str) -> Iterator[tuple[bytes]]:
    _require(path)
    with storage_errors(path), closing(open_reader(path)) as reader:
        rows: sqlite3.Cursor = reader.execute(query)
        yield from rows


def _require(path: Path) -> None:
    if not path.is_file():
        raise InvalidInput([Violation(str(path.parent), f"holds no {path.name}")])
