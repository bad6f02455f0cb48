"""The records of a data directory that are to be made again."""

from collections.abc import Iterable
from pathlib import Path

from engine.codec import DecisionRecord
from engine.edges.journal.decisions import recorded, recorded_as
from engine.edges.state.names import DECISIONS
from engine.errors import NotFound
from engine.model import DecisionId, Micros


def named(data: Path, ids: Iterable[str]) -> list[DecisionRecord]:
    """The decisions of these ids.

    Raises:
        NotFound: one of them is not recorded.
        StorageError: the file cannot be read.
    """
    return [_named(_file(data), DecisionId(name)) for name in ids]


def since(data: Path, earliest: Micros) -> list[DecisionRecord]:
    """All decisions made at `earliest` or later, the oldest first.

    Raises:
        NotFound: there are none.
        StorageError: the file cannot be read.
    """
    path = _file(data)
    found = list(recorded(path, earliest))
    if not found:
        raise NotFound(f"no such decision is recorded in {path}")
    return found


def _file(data: Path) -> Path:
    path = data / DECISIONS
    if not path.is_file():
        raise NotFound(f"there is no {path}: name the data directory of a service with --data")
    return path


def _named(path: Path, decision_id: DecisionId) -> DecisionRecord:
    record = recorded_as(path, decision_id)
    if record is None:
        raise NotFound(
            f"decision {decision_id} is not in {path}: is this the data directory of the service that"
            " made it? Decisions are kept for some days, those of a dry run and of explaining not at all"
        )
    return record
