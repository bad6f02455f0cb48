"""Learn: every lesson makes the propensities a little better, for its action, its group and all."""

import struct
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import orjson

from engine.encoding import Encoding, Scaler, column_names
from engine.errors import StorageError
from engine.evidence import Evidence
from engine.features import FeatureSchema
from engine.model import TrainingExample, Value
from engine.weights import Correction, Row, TableLogisticRegression, WeightTable

EVERYBODY: Final[Row] = ()

_FORMAT: Final = b"attune.model/2\n"
_KIND: Final = "hierarchical_logistic/1."


class Learner:
    """Learns propensities online, one lesson at a time, by river's logistic regression.

    A lesson is learned at three levels at once: the weights of everybody, of the action's group and
    of the action on the channel, whose sum is the logit. A new action thus starts from what is known
    of its group, a new group from what is known of all. A level whose name is empty is left out.

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
    """

    def __init__(self) -> None:
        self.table = WeightTable()
        self.evidence = Evidence()
        self._scaler = Scaler()
        self._schemas: dict[str, FeatureSchema] = {}
        self._encodings: dict[str, Encoding] = {}
        self._model = TableLogisticRegression(self.table)
        self._lessons = 0
        self.table.add_row(EVERYBODY)

    @property
    def version(self) -> int:
        """How many lessons have been learned."""
        return self._lessons

    @property
    def model_version(self) -> str:
        """Names the weights as they are now."""
        return f"{_KIND}{self._lessons}"

    @property
    def intercept(self) -> float:
        """The logit of an offer nothing is known of."""
        return float(self._model.intercept)

    def register(self, schema: FeatureSchema) -> None:
        """Makes a schema known, so that lessons and questions may speak in it; again changes nothing."""
        if schema.digest in self._schemas:
            return
        self.table.add_columns(column_names(schema))
        self._model.attach(self.table)
        self._schemas[schema.digest] = schema
        self._encodings[schema.digest] = Encoding(schema, self.table.columns, self._scaler)

    def encoding(self, digest: str) -> Encoding:
        """How the features of a registered schema are encoded.

        Raises:
            KeyError: if the schema was never registered.
        """
        return self._encodings[digest]

    def learn_one(self, example: TrainingExample) -> None:
        """Learns one lesson: a label, the correction of a label taught before, or unlearns a label.

        Unlearning takes the step that the label would ask for now, the other way.

        Raises:
            KeyError: if the example's schema was never registered.
            ValueError: if it does not have as many features as its schema, or no reward in [0, 1].
        """
        encoding = self._encodings[example.schema]
        if len(example.features) != len(encoding.schema.features):
            raise ValueError(
                f"{len(example.features)} features for a schema of {len(encoding.schema.features)}"
            )
        target, times = _target(example), -1.0 if example.taken_back else 1.0
        rows = self._rows(example.action_id, example.group, example.channel)
        x = self._cross(encoding.encode(example.features), rows)
        self._model.learn_one(x, target, w=times)
        if example.taught is None:
            encoding.learn_one(example.features, self._lessons)
        self.evidence.note(example)
        self._lessons += 1

    def predict_one(
        self, digest: str, features: Sequence[Value], action: str, group: str, channel: str
    ) -> float:
        """The propensity in [0, 1] of one action, reckoned by river. Serving uses `Propensities`."""
        known = self.table.rows
        rows = [known[row] for row in levels(action, group, channel) if row in known]
        x = self._cross(self._encodings[digest].encode(features), rows)
        propensities = self._model.predict_proba_one(x)  # type: ignore[no-untyped-call]  # river's
        return float(propensities[True])

    def _rows(self, action: str, group: str, channel: str) -> list[int]:
        known, wanted = self.table.rows, levels(action, group, channel)
        try:
            return [known[row] for row in wanted]
        except KeyError:
            rows = [self.table.add_row(row) for row in wanted]
            self._model.attach(self.table)
            return rows

    def _cross(self, encoded: tuple[list[int], list[float]], rows: list[int]) -> dict[int, float]:
        """The encoded features at each of the rows, keyed by their place among the weights."""
        columns, values = encoded
        stride = self.table.stride
        starts = [column * stride for column in columns]
        places = [start + row for row in rows for start in starts]
        return dict(zip(places, values * len(rows), strict=True))

    def snapshot(self) -> bytes:
        """Everything learned, for `restore`. Costs about a copy of the weights in use."""
        weights, squares = self.table.used()
        header = orjson.dumps(
            {
                "lessons": self._lessons,
                "iterations": self._model.optimizer.n_iterations,
                "columns": list(self.table.columns),
                "rows": list(self.table.rows),
                "schemas": [schema.to_dict() for schema in self._schemas.values()],
                "scaler": self._scaler.state(),
                "evidence": self.evidence.state(),
            }
        )
        size = struct.pack("<Q", len(header))
        return b"".join((_FORMAT, size, header, weights.tobytes(), squares.tobytes()))

    @classmethod
    def restore(cls, snapshot: bytes) -> "Learner":
        """A learner that goes on exactly where the one that wrote `snapshot` stood.

        Raises:
            StorageError: if these bytes are no snapshot, or not all of one.
        """
        header, weights, squares = _open(snapshot)
        learner = cls()
        for content in header["schemas"]:
            learner.register(FeatureSchema.from_dict(content))
        learner.table.add_columns(header["columns"])
        for row in header["rows"]:
            learner.table.add_row(tuple(row))
        learner.table.fill(weights, squares)
        learner._model.attach(learner.table)
        learner._model.optimizer.n_iterations = header["iterations"]
        learner._scaler.restore(header["scaler"])
        learner._lessons = header["lessons"]
        learner.evidence = Evidence.restore(header["evidence"], header["lessons"])
        return learner

    def weights_digest(self) -> str:
        """32 hex digits over all that was learned, by name: equal exactly if every byte is.

        Rows and columns that no lesson has touched yet do not count.
        """
        weights, squares = self.table.used()
        touched = squares != 0.0
        columns = sorted(name for name, at in self.table.columns.items() if touched[at].any())
        rows = sorted(row for row, at in self.table.rows.items() if touched[:, at].any())
        order = np.ix_(
            [self.table.columns[column] for column in columns],
            [self.table.rows[row] for row in rows],
        )
        digest = blake2b(digest_size=16)
        digest.update(
            orjson.dumps(
                [self._lessons, rows, columns, self._scaler.state(), self.evidence.state()]
            )
        )
        digest.update(weights[order].tobytes())
        digest.update(squares[order].tobytes())
        return digest.hexdigest()


class Mind:
    """What a log teaches: a learner whose place a restored one takes."""

    def __init__(self) -> None:
        self.learner = Learner()

    def teach(self, lesson: TrainingExample) -> None:
        """Learns the next lesson of the log."""
        self.learner.learn_one(lesson)

    def register(self, document: Mapping[str, Any]) -> None:
        """Makes a feature schema known, as the log has it."""
        self.learner.register(FeatureSchema.from_dict(document))

    def snapshot(self) -> bytes:
        """The learner's whole state."""
        return self.learner.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Goes on from a snapshot."""
        self.learner = Learner.restore(snapshot)


def lessons_of(model_version: str) -> int | None:
    """How many lessons the learner of this `Learner.model_version` had learned; None if it is no such.

    >>> lessons_of(Learner().model_version), lessons_of("another/1")
    (0, None)
    """
    lessons = model_version.removeprefix(_KIND)
    is_ours = lessons != model_version and lessons.isascii() and lessons.isdecimal()
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


def _target(example: TrainingExample) -> float:
    reward, taught = example.reward, example.taught
    if not 0.0 <= reward <= 1.0:
        raise ValueError(f"a reward lies in [0, 1], this is {reward}")
    return reward if taught is None or example.taken_back else Correction(reward - taught)


def _open(snapshot: bytes) -> tuple[dict[str, Any], Any, Any]:
    """The header and the two arrays of a snapshot."""
    start = len(_FORMAT) + 8
    if not snapshot.startswith(_FORMAT) or len(snapshot) < start:
        raise StorageError("this is no snapshot of a model that this version can read")
    (size,) = struct.unpack_from("<Q", snapshot, len(_FORMAT))
    try:
        header = orjson.loads(memoryview(snapshot)[start : start + size])
    except orjson.JSONDecodeError as error:
        raise StorageError("the snapshot of the model is damaged or cut short") from error
    shape = (len(header["columns"]), len(header["rows"]))
    numbers = memoryview(snapshot)[start + size :]
    if numbers.nbytes != 16 * shape[0] * shape[1]:
        raise StorageError("the snapshot of the model is damaged or cut short")
    halves = np.frombuffer(numbers, dtype="<f8").reshape(2, *shape)
    return header, halves[0], halves[1]
