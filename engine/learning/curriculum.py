"""Curriculum: what is read at a decision by one rule book, and who learns what of it.

It travels by its digest with every offer, and is written into the log before the first response to
such an offer: so a lesson is understood, and taught to the same models, long after the book has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Self, TypeVar

import orjson

from engine.estimators.spec import Spec
from engine.features import FeatureSchema
from engine.model import Customer, Micros, TrainingExample, UpliftLesson, Value
from engine.rulebook.book import Action, RuleBook
from engine.rulebook.model_spec import ACTION_FEATURES, ModelSpec

_Lesson = TypeVar("_Lesson", TrainingExample, UpliftLesson)


@dataclass(frozen=True)
class Course:
    """What one model beside the default one learns: `at` is where its features stand among all."""

    spec: Spec
    at: tuple[int, ...]

    def pick(self, features: Sequence[Any]) -> tuple[Any, ...]:
        """Its own among all features of a decision."""
        return tuple([features[position] for position in self.at])


@dataclass(frozen=True)
class Curriculum:
    """Everything that is read, and for each action what learns of it besides the default model.

    Attributes:
        schema: all features that any model sees.
        default_at: where those stand that the default model sees; None if it sees them all.
        courses: the other models.
        by_action, by_group: which of them, by action and by group; None for the default alone. An
            action's own counts before its group's.
        attributes: of actions, those that a course sees.
    """

    schema: FeatureSchema
    default_at: tuple[int, ...] | None = None
    courses: tuple[Course, ...] = ()
    by_action: Mapping[str, int | None] = field(default_factory=dict)
    by_group: Mapping[str, int | None] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def for_book(cls, book: RuleBook) -> Self:
        """That of a book; of one whose only model is the default one it is its schema."""
        learning = [spec for spec in book.models.others if spec.learns_by_itself]
        more = [pattern for spec in learning for pattern in spec.features]
        schema = FeatureSchema.for_book(book, *more)
        if not learning:
            return cls(schema)
        own = FeatureSchema.for_book(book).names
        courses = [_course(spec, book, schema) for spec in learning]
        place = {spec.name: at for at, spec in enumerate(learning)}
        chosen = [place.get(spec.name) for spec in book.models.others]
        seen = {name for course in courses for name in course.spec.attributes}
        return cls(
            schema,
            None if own == schema.names else tuple(map(schema.names.index, own)),
            tuple(courses),
            {action: chosen[at] for action, at in book.models.by_action.items()},
            {group: chosen[at] for group, at in book.models.by_group.items()},
            {
                action.action_id: {n: v for n, v in action.attributes.items() if n in seen}
                for action in book.actions
                if seen.intersection(action.attributes)
            },
        )

    @cached_property
    def default(self) -> FeatureSchema:
        """What the default model sees."""
        if self.default_at is None:
            return self.schema
        return FeatureSchema(tuple(self.schema.features[at] for at in self.default_at))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that name it."""
        return blake2b(orjson.dumps(self.to_dict()), digest_size=8).hexdigest()

    def read(self, values: Sequence[Value], customer: Customer, now: Micros) -> tuple[Any, ...]:
        """The raw values of all features; see `FeatureSchema.read`."""
        return self.schema.read(values, customer, now)

    def course_of(self, action: str, group: str) -> Course | None:
        """What is learned of an action besides by the default model; None if nothing is."""
        named = action in self.by_action
        at = self.by_action[action] if named else self.by_group.get(group)
        return None if at is None else self.courses[at]

    def for_default(self, lesson: _Lesson) -> _Lesson:
        """The lesson as the default model is to learn it."""
        if self.default_at is None:
            return lesson if not self.courses else replace(lesson, schema=self.default.digest)
        features = self.seen_by_default(lesson.features)
        return replace(lesson, schema=self.default.digest, features=features)

    def seen_by_default(self, features: Sequence[Any]) -> Sequence[Any]:
        """Those of a decision's features that the default model sees."""
        return features if self.default_at is None else self._pick(features)

    @cached_property
    def _pick(self) -> Any:
        at = self.default_at or ()
        if len(at) > 1:
            return itemgetter(*at)
        return lambda features: tuple(features[position] for position in at)

    def to_dict(self) -> dict[str, Any]:
        """It as JSON, for the log; without courses just the schema's, as it always was."""
        document = self.schema.to_dict()
        if not self.courses:
            return document
        return document | {
            "default": None if self.default_at is None else list(self.default_at),
            "models": [
                {"spec": course.spec.to_dict(), "at": list(course.at)} for course in self.courses
            ],
            "by_action": dict(self.by_action),
            "by_group": dict(self.by_group),
            "attributes": {action: dict(seen) for action, seen in self.attributes.items()},
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The curriculum that `to_dict` wrote. It teaches, but reads no customer."""
        schema = FeatureSchema.from_dict(document)
        if "models" not in document:
            return cls(schema)
        default = document["default"]
        return cls(
            schema,
            None if default is None else tuple(default),
            tuple(
                Course(Spec.from_dict(one["spec"]), tuple(one["at"])) for one in document["models"]
            ),
            document["by_action"],
            document["by_group"],
            document["attributes"],
        )


def _course(model: ModelSpec, book: RuleBook, schema: FeatureSchema) -> Course:
    narrow = replace(book, model=replace(book.model, features=model.features))
    names = FeatureSchema.for_book(narrow).names
    at = tuple(map(schema.names.index, names))
    own = [a for a in book.actions if book.models.of(a.action_id, a.group) == model]
    spec = Spec(
        model.name,
        model.estimator,
        model.parameters,
        tuple(schema.features[position] for position in at),
        _attributes(model, own),
    )
    return Course(spec, at)


def _attributes(model: ModelSpec, actions: Sequence[Action]) -> tuple[str, ...]:
    """The names of the actions' attributes that a model sees."""
    names = sorted({name for action in actions for name in action.attributes})
    patterns = model.action_features
    return tuple(n for n in names if any(fnmatchcase(ACTION_FEATURES + n, p) for p in patterns))
