"""A data directory's past, read from beside the service that may be writing it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from engine.codec import DecisionRecord
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.decisions import recorded
from engine.edges.journal.entries import Numbered, read_entries
from engine.errors import InvalidInput, Violation


def past_decisions(path: Path) -> Iterator[DecisionRecord]:
    """Every decision still kept in a decision log, the oldest first; damaged blocks are passed over.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    _require(path)
    yield from recorded(path)


def past_entries(path: Path) -> Iterator[Numbered]:
    """Every entry of a journal in its order, see `read_entries`.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    _require(path)
    with storage_errors(path), closing(open_reader(path)) as reader:
        yield from read_entries(reader, 0, -1)


def _require(path: Path) -> None:
    if not path.is_file():
        raise InvalidInput([Violation(str(path.parent), f"holds no {path.name}")])
