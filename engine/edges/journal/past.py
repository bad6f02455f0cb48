"""A data directory's past, read from beside the service that may be writing it."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from engine.codec import DecisionRecord, SchemaNote
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.decisions import recorded
from engine.edges.journal.entries import Numbered, read_checkpoint, read_entries, read_recent
from engine.errors import InvalidInput, Violation
from engine.model import Micros

_NEVER: Final = (1 << 63) - 1
"""A moment that no entry is after."""


def past_decisions(path: Path, since: Micros = 0) -> Iterator[DecisionRecord]:
    """Every decision made since then and still kept in a decision log, the oldest first.

    Damaged blocks are passed over.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    _require(path)
    yield from recorded(path, since)


def past_entries(path: Path, since: Micros = 0) -> Iterator[Numbered]:
    """The entries of a journal that are not before `since`, and all schema notes, in its order.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    _require(path)
    with storage_errors(path), closing(open_reader(path)) as reader:
        yield from read_recent(reader, since) if since else read_entries(reader, 0, -1)


def past_schemas(path: Path) -> Iterator[Mapping[str, Any]]:
    """What the feature schemas in a journal stand for, in its order, for `Mind.register`.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    for _, line in past_entries(path, _NEVER):
        if isinstance(line, SchemaNote):
            yield line.document


def past_model(path: Path) -> bytes | None:
    """The model of a journal's last checkpoint, for `Mind.restore`; None if there is none yet.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    _require(path)
    with storage_errors(path), closing(open_reader(path)) as reader:
        _, model = read_checkpoint(reader)
    return model or None


def _require(path: Path) -> None:
    if not path.is_file():
        raise InvalidInput([Violation(str(path.parent), f"holds no {path.name}")])
