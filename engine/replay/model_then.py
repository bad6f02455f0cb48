"""The model as it was when a decision was made: from the last checkpoint, or learned again from the journal."""

from collections.abc import Callable
from pathlib import Path

from engine.edges.journal.past import past_model, past_schemas
from engine.edges.state.names import JOURNAL
from engine.edges.state.rebuild import rebuild
from engine.mind import Mind
from engine.model import TrainingExample

Advance = Callable[[int, int], None]
"""Hears how many lessons have been learned again, of how many."""


def model_then(data: Path, lessons: int, advance: Advance) -> Mind | None:
    """What had been learned after so many lessons; None if the journal does not hold them.

    Learning again holds all customers in memory. The service may be running.

    Raises:
        InvalidInput: there is no journal.
        StorageError: it cannot be read.
    """
    now = model_now(data)
    if now is not None and now.learner.version == lessons:
        return now
    mind = Mind()

    def teach(lesson: TrainingExample) -> None:
        if mind.learner.version < lessons:
            mind.teach(lesson)
            advance(mind.learner.version, lessons)

    rebuild(
        data,
        teach=teach,
        register=mind.register,
        enough=lambda: mind.learner.version >= lessons,
    )
    return mind if mind.learner.version == lessons else None


def model_now(data: Path) -> Mind | None:
    """The model of the last checkpoint; None if there is none yet.

    Raises:
        InvalidInput: there is no journal.
        StorageError: it cannot be read.
    """
    snapshot = past_model(data / JOURNAL)
    if snapshot is None:
        return None
    mind = Mind()
    for document in past_schemas(data / JOURNAL):
        mind.register(document)
    mind.restore(snapshot)
    return mind
