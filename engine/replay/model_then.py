"""The model as it was when a decision was made: from the last checkpoint, or learned again from the journal."""

from collections.abc import Callable
from pathlib import Path

from engine.edges.journal.past import past_model, past_schemas
from engine.edges.state.names import JOURNAL
from engine.edges.state.rebuild import rebuild
from engine.learn import lessons_of
from engine.learning.mind import Mind
from engine.model import Lesson, UpliftLesson
from engine.uplift.serving import uplift_lessons_of

Advance = Callable[[int, int], None]
"""Hears how many lessons have been learned again, of how many."""


def model_then(data: Path, version: str, advance: Advance) -> Mind | None:
    """What had been learned when a decision noted this version; None if the journal does not hold it.

    Learning again holds all customers in memory. The service may be running.

    Raises:
        InvalidInput: there is no journal.
        StorageError: it cannot be read.
    """
    lessons, changes = lessons_of(version) or 0, max(uplift_lessons_of(version), 0)
    now = model_now(data)
    if now is not None and (now.learner.version, now.uplift.lessons) == (lessons, changes):
        return now
    mind = Mind()

    def teach(lesson: Lesson) -> None:
        if isinstance(lesson, UpliftLesson):
            if mind.uplift.lessons < changes:
                mind.teach(lesson)
        elif mind.learner.version < lessons:
            mind.teach(lesson)
            advance(mind.learner.version, lessons)

    def is_learned() -> bool:
        return mind.learner.version >= lessons and mind.uplift.lessons >= changes

    rebuild(data, teach=teach, register=mind.register, enough=is_learned)
    return mind if is_learned() else None


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
