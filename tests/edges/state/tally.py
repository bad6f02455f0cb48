"""A learner small enough to see through: a hash over all lessons in order, and sums."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.edges.state.embedded import Embedded, Limits
from engine.edges.state.rebuild import Rebuilt, rebuild, recover
from engine.model import Lesson, TrainingExample


class Tally:
    """Sums the corrections by action; refuses lessons whose schema it has not been told."""

    def __init__(self) -> None:
        self.hash = ""
        self.sums: dict[str, float] = {}
        self.schemas: list[str] = []

    def teach(self, lesson: Lesson) -> None:
        assert lesson.schema in self.schemas
        assert isinstance(lesson, TrainingExample)
        told = [self.hash, lesson.decision_id, lesson.reward, lesson.taught, list(lesson.features)]
        self.hash = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        correction = lesson.reward - (lesson.taught or 0.0)
        self.sums[lesson.action_id] = self.sums.get(lesson.action_id, 0.0) + correction

    def register(self, document: Mapping[str, Any]) -> None:
        if document["digest"] not in self.schemas:
            self.schemas.append(document["digest"])

    def snapshot(self) -> bytes:
        return json.dumps([self.hash, self.sums, self.schemas]).encode()

    def restore(self, snapshot: bytes) -> None:
        self.hash, self.sums, self.schemas = json.loads(snapshot)


@asynccontextmanager
async def store_at(
    path: Path, tally: Tally, limits: Limits | None = None, now: int = 0
) -> AsyncIterator[Embedded]:
    """An open store, closed in order at the end."""
    store = await Embedded.open(
        path,
        teach=tally.teach,
        register=tally.register,
        snapshot=tally.snapshot,
        restore=tally.restore,
        clock=lambda: now,
        limits=limits or Limits(checkpoint_seconds=None),
    )
    try:
        await store.note_schema("s1", {"digest": "s1"})
        yield store
    finally:
        await store.close()


def rebuilt(path: Path) -> tuple[Rebuilt, bytes]:
    """The state from the log alone, and what was learned."""
    tally = Tally()
    return rebuild(path, teach=tally.teach, register=tally.register), tally.snapshot()


def recovered(path: Path) -> tuple[Rebuilt, bytes]:
    """The state as a start would find it, and what was learned."""
    tally = Tally()
    state = recover(path, teach=tally.teach, register=tally.register, restore=tally.restore)
    return state, tally.snapshot()
