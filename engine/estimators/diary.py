"""Diary: an estimator as bytes, for checkpoints: a copy of it as of some lesson, and the lessons since.

A forest of some thousand lessons takes 50 ms to copy, during which nobody is answered; so a large one
is copied only every `MOST_LESSONS`, and what it learned since is kept beside the copy, to be learned
again at a start. Small ones are copied whenever they are asked for.
"""

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

import orjson

from engine.codec import trimmed
from engine.errors import StorageError
from engine.estimators.estimator import Estimator
from engine.estimators.keeping import kept, restored
from engine.estimators.spec import Spec
from engine.model import ActionId, DecisionId, TrainingExample

SMALL: Final = 32_768
"""Bytes up to which an estimator is copied anew for every checkpoint."""

MOST_LESSONS: Final = 1_000
"""Lessons kept beside a copy, at most."""

_SIZE: Final = struct.Struct("<Q")


class Diary:
    """What was written of one estimator, which learns through it."""

    def __init__(self, estimator: Estimator, copy: bytes = b"") -> None:
        self._estimator = estimator
        self._copy = copy
        self._since: list[bytes] = []

    def _note(
        self, lesson: TrainingExample, raw: Sequence[Any], attributes: Mapping[str, str]
    ) -> None:
        """Writes down a lesson, as long as there is a copy it can be kept beside."""
        if not self._copy:
            return
        if len(self._copy) <= SMALL or len(self._since) >= MOST_LESSONS:
            self._copy, self._since = b"", []
            return
        fields = (
            lesson.decision_id,
            lesson.action_id,
            lesson.channel,
            lesson.reward,
            lesson.taught,
            raw,
            attributes,
        )
        self._since.append(trimmed(orjson.dumps(fields)))

    def content(self) -> bytes:
        """Everything that `read` needs."""
        if not self._copy:
            self._copy = kept(self._estimator)
        since = b"[" + b",".join(self._since) + b"]"
        return b"".join((_SIZE.pack(len(self._copy)), self._copy, since))

    @classmethod
    def read(cls, spec: Spec, content: bytes) -> tuple[Estimator, Self]:
        """The estimator that a `content` was written of, with its diary to be gone on with.

        Raises:
            StorageError: the content is damaged.
        """
        if len(content) < _SIZE.size:
            raise StorageError(f"model '{spec.name}' cannot be read from the checkpoint")
        end = _SIZE.size + _SIZE.unpack_from(content)[0]
        copy = content[_SIZE.size : end]
        estimator = restored(spec, copy)
        diary = cls(estimator, copy)
        try:
            for decision, action, channel, reward, taught, raw, attributes in orjson.loads(
                content[end:]
            ):
                lesson = TrainingExample(
                    DecisionId(decision), ActionId(action), "", channel, "", raw, reward, taught
                )
                with suppress(Exception):  # what river refused then, it refuses again
                    diary.learn(lesson, raw, attributes)
        except (orjson.JSONDecodeError, ValueError, TypeError) as error:
            said = f"the last lessons of model '{spec.name}' cannot be read from the checkpoint"
            raise StorageError(said) from error
        return estimator, diary

    def learn(
        self, lesson: TrainingExample, raw: Sequence[Any], attributes: Mapping[str, str]
    ) -> None:
        """Has the estimator learn a lesson, and writes it down.

        Raises:
            Exception: whatever river raises; it is written down all the same, to go the same way again.
        """
        self._note(lesson, raw, attributes)
        self._estimator.learn_one(lesson, raw, attributes)
