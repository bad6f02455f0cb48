"""Pupil: an estimator as `attune backtest` judges it, on the past before it is trusted with the future."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.estimators.catalogue import Json
from engine.estimators.estimator import Estimator
from engine.estimators.spec import Spec
from engine.features import FeatureSchema
from engine.model import ActionId, DecisionId, TrainingExample


class ByEstimator:
    """An estimator that sees all features of a schema; see `engine.backtest.backtest.Pupil`.

    Until it has seen a success and a failure it says the rate so far, beginning with a half.
    """

    def __init__(
        self, schema: FeatureSchema, estimator: str, parameters: Mapping[str, Json]
    ) -> None:
        self._estimator = Estimator(Spec("backtest", estimator, parameters, schema.features))
        self._rows = 0
        self._successes = 0

    def predict(self, row: Sequence[Any], action: str) -> float:
        """The propensity in [0, 1]."""
        found = self._estimator.predict_one(row, "", action, {})
        return (self._successes + 0.5) / (self._rows + 1.0) if found is None else found

    def learn(self, row: Sequence[Any], action: str, *, label: bool) -> None:
        """Learns what became of it."""
        self._rows += 1
        self._successes += label
        lesson = TrainingExample(
            DecisionId(""), ActionId(action), "", "", "", row, float(label), None
        )
        self._estimator.learn_one(lesson, row, {})
