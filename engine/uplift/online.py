"""Uplift online: what an action changes about an outcome, learned from those shown it and those held out."""

from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np

from engine.features import FeatureSchema
from engine.learning.encoding import Encoding, column_names
from engine.learning.odds import sigmoid
from engine.learning.scaling.scaler import Scaler
from engine.model import UpliftLesson, Value
from engine.uplift.belief import Belief, Prior, Seen
from engine.uplift.lines import FIRST_GUESS, Group, Lines, Part, both

MOST_COLUMNS: Final = 256
"""Columns the weights range over; where features need more they share them, by hash."""

_USUAL: Final = (Prior(0.5, 0.05), Prior(0.1, 0.02))
_CHANGE: Final = (Prior(0.05, 0.15), Prior(0.02, 0.05))


class OnlineUplift:
    """Learns the chance of each measured outcome with and without each action, one lesson at a time.

    The logit of the outcome is `usual + (treated − share) · change`, where `treated` is 1 or 0 and
    `share` is the share of the treated so far: so centred, the two lines hardly depend on each other
    (Robinson 1988; Tian et al., "A simple method for estimating interactions between a treatment and
    a large number of covariates", JASA 2014). Each line is the sum of one for all actions measured by
    the outcome and one for the action, so that a new action starts from what others change. Weights
    are normally distributed around 0 and learned by the extended Kalman filter of logistic
    regression; the change's features have the narrowest prior, so that without evidence an action
    changes as much for everybody.

    A first lesson teaches what is known by then. That the outcome came after all is taught as the
    difference to what the lesson would have taught then, as sure as everything is by now: the filter's
    gain is the inverse of all it has seen, so that neither early nor late corrections count for more.

    The same schemas and lessons in the same order always give the same state, byte for byte.

    >>> from engine.features import Feature, FeatureKind
    >>> from engine.model import ActionId
    >>> schema = FeatureSchema((Feature("customer.wavering", FeatureKind.FLAG),))
    >>> uplift = OnlineUplift()
    >>> uplift.register(schema)
    >>> for n in range(2000):
    ...     wavering, treated = n % 2 == 0, n % 4 < 2
    ...     lesson = UpliftLesson(ActionId("save"), "churned", treated, schema.digest, [wavering],
    ...                           happened=wavering and not treated, taught=None)
    ...     uplift.learn_one(lesson)
    >>> alone, treated = uplift.chances("churned", "save", uplift.see(schema.digest, [True]))
    >>> alone > 0.7, treated < 0.3
    (True, True)
    """

    def __init__(self) -> None:
        self.lessons = 0
        self._columns: dict[str, int] = {}
        self._schemas: dict[str, FeatureSchema] = {}
        self._encodings: dict[str, Encoding] = {}
        self._scaler = Scaler()
        self._lines: dict[tuple[str, ...], Lines] = {}
        self._groups: dict[tuple[str, ...], Group] = {}

    def register(self, schema: FeatureSchema) -> None:
        """Makes a schema known, so that lessons and questions may speak in it; again changes nothing."""
        if schema.digest in self._schemas:
            return
        for name in column_names(schema):
            if name not in self._columns:
                known = len(self._columns)
                place = known if known < MOST_COLUMNS else 1 + _hashed(name)
                self._columns[name] = place
        self._schemas[schema.digest] = schema
        self._encodings[schema.digest] = Encoding(schema, self._columns, self._scaler)
        for lines in self._lines.values():
            lines.widen(self.width)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return min(len(self._columns), MOST_COLUMNS)

    def see(self, digest: str, features: Sequence[Value]) -> Seen:
        """A customer's features, encoded.

        Raises:
            KeyError: if the schema was never registered.
        """
        encoding = self._encodings[digest]
        return Seen(*encoding.encode(features, encoding.numbers(features)))

    def group(self, outcome: str, action: str) -> Group:
        """How many observations there are of an action."""
        return self._groups.get((outcome, action), Group())

    def lines(self, outcome: str, action: str) -> tuple[Lines, ...]:
        """What is believed of all that is measured by the outcome, and of the action, where anything is."""
        keys = (outcome,), (outcome, action)
        return tuple([self._lines[key] for key in keys if key in self._lines])

    def chances(self, outcome: str, action: str, seen: Seen) -> tuple[float, float]:
        """The probabilities of the outcome if left alone and if treated."""
        lines = self.lines(outcome, action)
        usual = FIRST_GUESS + sum(line.usual.logit(seen) for line in lines)
        change = sum(line.change.logit(seen) for line in lines)
        return both(usual, change, self.group(outcome, action).share)

    def learn_one(self, lesson: UpliftLesson) -> None:
        """Learns one lesson: an observation as far as it is known, or that the outcome came after all.

        Raises:
            KeyError: if the lesson's schema was never registered.
            ValueError: if it does not have as many features as its schema.
        """
        schema = self._schemas[lesson.schema]
        if len(lesson.features) != len(schema.features):
            raise ValueError(
                f"{len(lesson.features)} features for a schema of {len(schema.features)}"
            )
        seen = self.see(lesson.schema, lesson.features)
        parts = self._parts(lesson, seen)
        logit = FIRST_GUESS + sum(side * belief.logit(seen) for belief, side, _, _ in parts)
        chance = sigmoid(logit)
        weight = chance * (1.0 - chance)
        spread = sum(part.spread for part in parts)
        if lesson.taught is None:
            room = 1.0 + weight * spread
            for belief, side, reach, _ in parts:
                belief.means += (side * (lesson.happened - chance) / room) * reach
                belief.narrow(reach, side * side * weight / room)
            encoding = self._encodings[lesson.schema]
            encoding.learn_one(encoding.numbers(lesson.features), self.lessons)
            self._count(lesson)
        else:
            more = float(lesson.happened) - float(lesson.taught)
            for belief, side, reach, own in parts:
                belief.means += (side * more / (1.0 + weight * (spread - own))) * reach
        self.lessons += 1

    def _parts(self, lesson: UpliftLesson, seen: Seen) -> list[Part]:
        """The beliefs a lesson concerns: of all measured by the outcome, and of the action."""
        share = self.group(lesson.outcome, lesson.action_id).share
        side = float(lesson.treated) - share
        found: list[Part] = []
        keys = (lesson.outcome,), (lesson.outcome, lesson.action_id)
        for key, usual, change in zip(keys, _USUAL, _CHANGE, strict=True):
            if key not in self._lines:
                self._lines[key] = Lines(Belief(usual, self.width), Belief(change, self.width))
            lines = self._lines[key]
            found += [Part.of(lines.usual, 1.0, seen), Part.of(lines.change, side, seen)]
        return found

    def _count(self, lesson: UpliftLesson) -> None:
        for key in ((lesson.outcome,), (lesson.outcome, lesson.action_id)):
            treated, control = self._groups.get(key, Group())
            self._groups[key] = Group(treated + lesson.treated, control + (not lesson.treated))

    def state(self) -> dict[str, Any]:
        """Everything learned but the numbers of `arrays`, as JSON."""
        return {
            "lessons": self.lessons,
            "columns": self._columns,
            "schemas": [schema.to_dict() for schema in self._schemas.values()],
            "scaler": self._scaler.state(),
            "lines": [list(key) for key in self._lines],
            "groups": [[list(key), *group] for key, group in self._groups.items()],
        }

    def arrays(self) -> list[Any]:
        """The numbers of all lines, in the order of `state`: means and covariances of each."""
        return [
            array
            for lines in self._lines.values()
            for belief in lines
            for array in (belief.means, belief.covariance)
        ]

    @classmethod
    def restore(cls, state: dict[str, Any], numbers: "np.ndarray[Any, Any]") -> "OnlineUplift":
        """Goes on from `state` and all `arrays` one after the other.

        Raises:
            ValueError: if they do not belong together.
        """
        uplift = cls()
        uplift._columns = dict(state["columns"])
        for content in state["schemas"]:
            uplift.register(FeatureSchema.from_dict(content))
        uplift._scaler.restore(state["scaler"])
        uplift.lessons = state["lessons"]
        uplift._groups = {tuple(key): Group(*counts) for key, *counts in state["groups"]}
        width, at = uplift.width, 0
        for key in map(tuple, state["lines"]):
            narrow = len(key) - 1
            lines = Lines(Belief(_USUAL[narrow], width), Belief(_CHANGE[narrow], width))
            for belief in lines:
                belief.means = numbers[at : at + width].copy()
                at += width
                belief.covariance = numbers[at : at + width * width].reshape(width, width).copy()
                at += width * width
            uplift._lines[key] = lines
        if at != len(numbers):
            raise ValueError(f"{len(numbers)} numbers where {at} belong")
        return uplift


def _hashed(name: str) -> int:
    return crc32(name.encode()) % (MOST_COLUMNS - 1)
