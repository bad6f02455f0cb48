"""Learn: every lesson makes the propensities a little better, for its action, its group and all."""

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from engine.experts.council import Council, Seen
from engine.experts.details import DetailView
from engine.experts.loops import CORRECTION, LABEL, TAKEN_BACK, Indexes, Numbers
from engine.experts.terms import Terms, terms
from engine.features import FeatureSchema
from engine.learning import file as model_file
from engine.learning.drift import DriftWatch
from engine.learning.encoding import Encoding, column_names
from engine.learning.evidence import Evidence
from engine.learning.loops import LessonLoops, lesson_loops
from engine.learning.odds import sigmoid
from engine.learning.reliability import ModelHealth, Reliability
from engine.learning.scaling.scaler import Scaler
from engine.learning.table import EVERYBODY, FIRST_GUESS, Row, WeightTable
from engine.model import TrainingExample, Value

KIND: Final = "hierarchical_logistic/2."
"""Begins the version of a model that `Learner` learned; the number of lessons follows."""

_AFTER_DRIFT: Final = 0.7
_DRIFTS: Final = 100


class _Eye(NamedTuple):
    """How raw values of one schema are seen: as columns, and in detail."""

    encoding: Encoding
    details: DetailView

    def see(self, raw: Sequence[Value]) -> Seen:
        return self.look(raw, self.encoding.numbers(raw))

    def look(self, raw: Sequence[Value], numbers: Numbers) -> Seen:
        """As `see`, where the numbers among the raw values are at hand."""
        columns, values = self.encoding.encode(raw, numbers)
        return Seen(columns, values, self.details.encode(raw, numbers), self.encoding.scale)


class Learner:
    """Learns propensities online, one lesson at a time, by several ways of learning at once.

    A lesson is learned at three levels at once: the weights of everybody, of the action's group and
    of the action on the channel, whose sum is the logit. A new action thus starts from what is known
    of its group, a new group from what is known of all. A level whose name is empty is left out. Of
    everybody, experts make each what their way of learning makes of them; see `engine.experts`.

    The same schemas and lessons in the same order always give the same weights, byte for byte.

    >>> from engine.features import Feature, FeatureKind
    >>> from engine.model import ActionId, DecisionId
    >>> schema = FeatureSchema((Feature("customer.heavy_user", FeatureKind.FLAG),))
    >>> learner = Learner()
    >>> learner.register(schema)
    >>> for n in range(200):
    ...     heavy = n % 2 == 0
    ...     learner.learn_one(
    ...         TrainingExample(DecisionId(f"d{n}"), ActionId("bundle"), "data", "web", schema.digest,
    ...                         [heavy], reward=float(heavy), taught=None))
    >>> learner.predict_one(schema.digest, [True], "bundle", "data", "web") > 0.9
    True
    >>> learner.predict_one(schema.digest, [False], "new", "data", "web") < 0.3
    True

    Attributes:
        table: river's weights, which serving reads.
        evidence: how much was seen of each action.
        reliability: what came of what was expected.
        drifts: the lessons, from 1, at which it was noticed that losses had risen, the latest 100.
        drift_count: how many times in all.
    """

    def __init__(self, loops: LessonLoops | None = None) -> None:
        """Learns by these loops; if none are given, by the fastest this machine has."""
        scaling, binning, experts = lesson_loops() if loops is None else loops
        self.table = WeightTable()
        self.evidence = Evidence()
        self.reliability = Reliability()
        self.drifts: list[int] = []
        self.drift_count = 0
        self._watch = DriftWatch()
        self._scaler = Scaler(scaling)
        self._schemas: dict[str, FeatureSchema] = {}
        self._eyes: dict[str, _Eye] = {}
        self._council = Council(FIRST_GUESS, experts, binning)
        self._lessons = 0
        self._everybody = np.array([self.table.add_row(EVERYBODY)])

    @property
    def version(self) -> int:
        """How many lessons have been learned."""
        return self._lessons

    @property
    def model_version(self) -> str:
        """Names the weights as they are now."""
        return f"{KIND}{self._lessons}"

    @property
    def intercept(self) -> float:
        """The logit of an offer nothing is known of."""
        return FIRST_GUESS

    def register(self, schema: FeatureSchema) -> None:
        """Makes a schema known, so that lessons and questions may speak in it; again changes nothing."""
        if schema.digest in self._schemas:
            return
        self.table.add_columns(column_names(schema))
        self._council.panel.cover(len(self.table.columns))
        self._schemas[schema.digest] = schema
        encoding = Encoding(schema, self.table.columns, self._scaler)
        self._eyes[schema.digest] = _Eye(encoding, self._council.view(schema))

    def encoding(self, digest: str) -> Encoding:
        """How the features of a registered schema are encoded.

        Raises:
            KeyError: if the schema was never registered.
        """
        return self._eyes[digest].encoding

    def learn_one(self, example: TrainingExample) -> None:
        """Learns one lesson: a label, the correction of a label taught before, or unlearns a label.

        Unlearning takes the step that the label would ask for now, the other way.

        Raises:
            KeyError: if the example's schema was never registered.
            ValueError: if it does not have as many features as its schema, or no reward in [0, 1].
        """
        eye, features = self._eyes[example.schema], example.features
        encoding, details = eye
        if len(features) != len(encoding.schema.features):
            raise ValueError(
                f"{len(features)} features for a schema of {len(encoding.schema.features)}"
            )
        kind, target = _taught(example)
        rows = self._rows(example.action_id, example.group, example.channel)
        details.meet(features)
        numbers = encoding.numbers(features)
        seen = eye.look(features, numbers)
        opinions = self._council.hear(seen, self.table, rows)
        self._note(kind, target, opinions.item(-1))
        self._council.learn_one(seen, self.table, rows, opinions, kind, target)
        if kind == LABEL:
            encoding.learn_one(numbers, self._lessons)
            details.learn_one(numbers, self._lessons)
        self.evidence.note(example)
        self._lessons += 1

    def _note(self, kind: int, target: float, logit: float) -> None:
        """Compares what comes with what was expected."""
        if kind == LABEL:
            self.reliability.learn_one(logit, sigmoid(logit), target)
            self._watch_over(_log_loss(target, logit))
        elif kind == CORRECTION:
            self.reliability.correct(logit, target)
            self._watch_over(target * _log_loss(1.0, logit))
        else:
            self.reliability.unlearn(logit, sigmoid(logit), target)

    def _watch_over(self, loss: float) -> None:
        """Learns in longer steps for a while once losses have risen for good."""
        if self._watch.learn_one(loss):
            self.drift_count += 1
            self.drifts = [*self.drifts, self._lessons + 1][-_DRIFTS:]
            self._council.loosen(_AFTER_DRIFT)
            self.table.loosen(_AFTER_DRIFT)

    def predict_one(
        self, digest: str, features: Sequence[Value], action: str, group: str, channel: str
    ) -> float:
        """The propensity in [0, 1] of one action. Serving uses `Propensities`, which says the same."""
        known = self.table.rows
        rows = np.array([known[row] for row in levels(action, group, channel) if row in known])
        seen = self._eyes[digest].see(features)
        return sigmoid(self._council.hear(seen, self.table, rows).item(-1))

    def see(self, digest: str, features: Sequence[Value]) -> Seen:
        """A customer as the model sees them."""
        return self._eyes[digest].see(features)

    def shared(self, seen: Seen) -> tuple[float, float]:
        """The logit of any offer to this customer, before groups and actions; what their rows count for."""
        opinions = self._council.hear(seen, self.table, self._everybody)
        return opinions.item(-1), self._council.mixture.slope

    def terms(self, digest: str, features: Sequence[Value], rows: Sequence[Row]) -> Terms:
        """Every summand of the logit of an offer to which these rows of the table apply."""
        eye = self._eyes[digest]
        owners = eye.details.owners()
        return terms(self._council, self.table, eye.see(features), owners, rows)

    def health(self) -> ModelHealth:
        """How well it foresees, and whom it trusts."""
        seen = self.evidence.total()
        return ModelHealth(
            self._lessons,
            seen.exposures,
            seen.positives,
            self.reliability.auc,
            self.reliability.calibration_error,
            tuple(self.reliability.bins),
            self.drift_count,
            tuple(self.drifts),
            self._council.trusted(),
        )

    def _rows(self, action: str, group: str, channel: str) -> Indexes:
        known, wanted = self.table.rows, levels(action, group, channel)
        try:
            return np.array([known[row] for row in wanted])
        except KeyError:
            return np.array([self.table.add_row(row) for row in wanted])

    def snapshot(self) -> bytes:
        """Everything learned, for `restore`. Costs about a copy of the weights in use."""
        header = {
            "lessons": self._lessons,
            "iterations": self._lessons,
            "columns": list(self.table.columns),
            "rows": list(self.table.rows),
            "schemas": [schema.to_dict() for schema in self._schemas.values()],
            **self._state(),
        }
        return model_file.pack(header, [*self.table.used(), *self._council.panel.used()])

    @classmethod
    def restore(cls, snapshot: bytes) -> "Learner":
        """A learner that goes on exactly where the one that wrote `snapshot` stood.

        Raises:
            StorageError: if these bytes are no snapshot, or not all of one.
        """
        header, (weights, squares, coarse, fine) = model_file.unpack(snapshot)
        learner = cls()
        for content in header["schemas"]:
            learner.register(FeatureSchema.from_dict(content))
        learner.table.add_columns(header["columns"])
        for row in header["rows"]:
            learner.table.add_row(tuple(row))
        learner.table.fill(weights, squares)
        learner._council.restore(header["council"], coarse, fine)
        learner._scaler.restore(header["scaler"])
        learner._watch.restore(header["watch"])
        learner.reliability.restore(header["reliability"])
        learner.drift_count, learner.drifts = header["drifts"]
        learner._lessons = header["lessons"]
        learner.evidence = Evidence.restore(header["evidence"], header["lessons"])
        return learner

    def _state(self) -> dict[str, Any]:
        """What is learned besides the weights, as JSON."""
        return {
            "scaler": self._scaler.state(),
            "evidence": self.evidence.state(),
            "council": self._council.state(),
            "watch": self._watch.state(),
            "reliability": self.reliability.state(),
            "drifts": [self.drift_count, self.drifts],
        }

    def weights_digest(self) -> str:
        """32 hex digits over all that was learned, by name: equal exactly if every byte is.

        Rows and columns that no lesson has touched yet do not count.
        """
        weights, squares = self.table.used()
        coarse, fine = self._council.panel.used()
        touched = squares != 0.0
        names = sorted(name for name, at in self.table.columns.items() if touched[at].any())
        rows = sorted(row for row, at in self.table.rows.items() if touched[:, at].any())
        columns = [self.table.columns[name] for name in names]
        order = np.ix_(columns, [self.table.rows[row] for row in rows])
        digest = blake2b(digest_size=16)
        digest.update(orjson.dumps([self._lessons, rows, names, self._state()]))
        for numbers in (weights[order], squares[order], coarse[columns], fine):
            digest.update(numbers.tobytes())
        return digest.hexdigest()


def lessons_of(model_version: str) -> int | None:
    """How many lessons the learner of this `Learner.model_version` had learned; None if it is no such.

    >>> lessons_of(Learner().model_version), lessons_of("another/1")
    (0, None)
    """
    propensities = model_version.partition("+")[0]
    lessons = propensities.removeprefix(KIND)
    is_ours = lessons != propensities and lessons.isascii() and lessons.isdecimal()
    return int(lessons) if is_ours else None


def levels(action: str, group: str, channel: str) -> list[Row]:
    """The rows an offer of this action on this channel belongs to, from the widest to the narrowest.

    >>> levels("bundle", "data", "web"), levels("", "", "")
    ([(), ('data',), ('bundle', 'web')], [()])
    """
    rows: list[Row] = [EVERYBODY]
    if group:
        rows.append((group,))
    if action:
        rows.append((action, channel))
    return rows


def _taught(example: TrainingExample) -> tuple[int, float]:
    """What kind of lesson it is, and its number."""
    reward, taught = example.reward, example.taught
    if not 0.0 <= reward <= 1.0:
        raise ValueError(f"a reward lies in [0, 1], this is {reward}")
    if example.taken_back:
        return TAKEN_BACK, reward
    return (LABEL, reward) if taught is None else (CORRECTION, reward - taught)


def _log_loss(label: float, logit: float) -> float:
    return max(logit, 0.0) - label * logit + math.log1p(math.exp(-abs(logit)))
