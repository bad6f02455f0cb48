"""Mind: all that a log teaches: the default model, estimators set beside it, and what offers change."""

import struct
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from engine.errors import StorageError
from engine.estimators.catalogue import river_version
from engine.estimators.spec import Spec
from engine.learn import Learner
from engine.learning.curriculum import Course, Curriculum
from engine.model import Lesson, TrainingExample, UpliftLesson
from engine.uplift import kept
from engine.uplift.online import OnlineUplift

if TYPE_CHECKING:  # they take all of river along, which a log that sets no models never needs
    from engine.estimators.diary import Diary
    from engine.estimators.estimator import Estimator

MOST_ESTIMATORS: Final = 64
"""Estimators kept beside the default model; the one whose last lesson is the longest ago has to go."""

_FORMAT: Final = b"attune.models/1\n"
_SIZE: Final = struct.Struct("<Q")

log = structlog.get_logger(__name__)


class Mind:
    """What a log teaches: the same entries in the same order always end in the same state.

    Every lesson teaches the default model, so that it can stand in for any other; a lesson of an offer
    that was made while a rule book had set another model over its action teaches that one besides.
    """

    def __init__(self) -> None:
        self.learner = Learner()
        self.uplift = OnlineUplift()
        self._curricula: dict[str, Curriculum] = {}
        self._estimators: dict[str, Estimator] = {}
        self._taught: dict[str, int] = {}
        self._diaries: dict[str, Diary] = {}

    def teach(self, lesson: Lesson) -> None:
        """Learns the next lesson of the log.

        Raises:
            KeyError: if what the lesson's schema stands for was never registered.
            ValueError: if the lesson does not fit it, or its reward is not in [0, 1].
        """
        curriculum = self._curricula[lesson.schema]
        if isinstance(lesson, UpliftLesson):
            self.uplift.learn_one(curriculum.for_default(lesson))
            return
        self.learner.learn_one(curriculum.for_default(lesson))
        course = curriculum.course_of(lesson.action_id, lesson.group)
        if course is not None:
            attributes = curriculum.attributes.get(lesson.action_id, {})
            self._teach(course, lesson, attributes)

    def register(self, document: Mapping[str, Any]) -> None:
        """Makes a curriculum known, as the log has it."""
        curriculum = Curriculum.from_dict(document)
        self.learner.register(curriculum.default)
        self.uplift.register(curriculum.default)
        self._curricula[curriculum.digest] = curriculum
        if curriculum.courses:
            import engine.estimators.diary  # noqa: F401  # now rather than at its first lesson

    @property
    def curricula(self) -> Sequence[Curriculum]:
        """All that were made known, in that order."""
        return tuple(self._curricula.values())

    def estimator(self, key: str) -> "Estimator | None":
        """The estimator of a `Spec.key`; None if it has not had a lesson yet."""
        return self._estimators.get(key)

    def seen_by_default(self, schema: str, features: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """What the default model sees of a decision's features, and by which schema of its own.

        Raises:
            KeyError: if what the schema stands for was never registered.
        """
        curriculum = self._curricula[schema]
        return curriculum.default.digest, curriculum.seen_by_default(features)

    def snapshot(self) -> bytes:
        """The whole state. Costs about a copy of the default model, and see `engine.estimators.diary`."""
        return kept.joined(self._models(), self.uplift)

    def _models(self) -> bytes:
        learner = self.learner.snapshot()
        if not self._estimators:
            return learner
        contents = [self._diaries[key].content() for key in self._estimators]
        header = orjson.dumps(
            {
                "river": river_version(),
                "learner": len(learner),
                "estimators": [
                    [estimator.spec.to_dict(), self._taught[key], len(content)]
                    for (key, estimator), content in zip(
                        self._estimators.items(), contents, strict=True
                    )
                ],
            }
        )
        return b"".join((_FORMAT, _SIZE.pack(len(header)), header, learner, *contents))

    def restore(self, snapshot: bytes) -> None:
        """Goes on from a snapshot; one of another version of river's is refused, to be learned again.

        Raises:
            StorageError: the snapshot cannot be read, and nothing was changed.
        """
        models, uplift = kept.parted(snapshot)
        self._restore_models(models)
        self.uplift = OnlineUplift() if uplift is None else uplift
        for curriculum in self._curricula.values():
            self.uplift.register(curriculum.default)

    def _restore_models(self, snapshot: bytes) -> None:
        if not snapshot.startswith(_FORMAT):
            self.learner = Learner.restore(snapshot)
            return
        header, rest = _opened(snapshot)
        if header["river"] != river_version():
            raise StorageError(
                f"the models in the checkpoint were learned by river {header['river']}, "
                f"this is {river_version()}"
            )
        from engine.estimators.diary import Diary

        learner = Learner.restore(bytes(rest[: header["learner"]]))
        estimators, diaries, taught, at = {}, {}, {}, header["learner"]
        for content, lesson, size in header["estimators"]:
            spec = Spec.from_dict(content)
            read = Diary.read(spec, bytes(rest[at : at + size]))
            estimators[spec.key], diaries[spec.key] = read
            taught[spec.key] = lesson
            at += size
        self.learner, self._estimators, self._taught = learner, estimators, taught
        self._diaries = diaries

    def become(self, other: "Mind") -> None:
        """From now on knows what `other` knows and nothing else: both are one. Costs nothing.

        Whoever holds on to the learner or the estimators of before holds what they knew then.
        """
        self.learner, self.uplift = other.learner, other.uplift
        self._curricula, self._estimators = other._curricula, other._estimators
        self._taught, self._diaries = other._taught, other._diaries

    def digest(self) -> str:
        """32 hex digits over all that was learned: equal exactly if it is."""
        found = blake2b(self.learner.weights_digest().encode(), digest_size=16)
        found.update(kept.joined(b"", self.uplift))
        for key in sorted(self._estimators):
            from engine.estimators.keeping import digest

            found.update(f"{key}:{self._taught[key]}:{digest(self._estimators[key])}".encode())
        return found.hexdigest()

    def _teach(
        self, course: Course, lesson: TrainingExample, attributes: Mapping[str, str]
    ) -> None:
        key = course.spec.key
        if key not in self._estimators:
            from engine.estimators.diary import Diary
            from engine.estimators.estimator import Estimator

            self._make_room()
            estimator = self._estimators[key] = Estimator(course.spec)
            self._diaries[key] = Diary(estimator)
        self._taught[key] = self.learner.version
        try:
            self._diaries[key].learn(lesson, course.pick(lesson.features), attributes)
        except Exception:
            log.exception("model.lesson_refused", model=course.spec.name, action=lesson.action_id)

    def _make_room(self) -> None:
        """Forgets the estimator that has not been taught for the longest time, if there are too many."""
        if len(self._estimators) >= MOST_ESTIMATORS:
            key = min(self._taught, key=lambda one: (self._taught[one], one))
            for part in (self._estimators, self._taught, self._diaries):
                part.pop(key, None)


def _opened(snapshot: bytes) -> tuple[dict[str, Any], memoryview]:
    """The header of a snapshot and what follows it, whose size is checked."""
    start = len(_FORMAT) + _SIZE.size
    try:
        (size,) = _SIZE.unpack_from(snapshot, len(_FORMAT))
        header: dict[str, Any] = orjson.loads(memoryview(snapshot)[start : start + size])
        wanted = header["learner"] + sum(one[-1] for one in header["estimators"])
    except (struct.error, orjson.JSONDecodeError, LookupError, TypeError) as error:
        raise StorageError("the snapshot of the models is damaged or cut short") from error
    rest = memoryview(snapshot)[start + size :]
    if rest.nbytes != wanted:
        raise StorageError("the snapshot of the models is damaged or cut short")
    return header, rest
