"""Trial: a few lessons and a question, to find out at `attune check` what river would refuse at night."""

from collections.abc import Mapping
from typing import Final

from engine.estimators.catalogue import Json
from engine.estimators.estimator import Estimator
from engine.estimators.spec import Spec
from engine.features import Feature, FeatureKind
from engine.model import ActionId, DecisionId, TrainingExample, Value

_FEATURES: Final = (
    Feature("number", FeatureKind.NUMBER),
    Feature("word", FeatureKind.CATEGORY, ("a", "b")),
)
_LESSONS: Final = 24


def tried(estimator: str, parameters: Mapping[str, Json]) -> None:
    """Has an estimator learn and answer once.

    Raises:
        Exception: whatever river raises; ValueError for an answer that is no probability.
    """
    trained = Estimator(Spec("trial", estimator, parameters, _FEATURES))
    for n in range(_LESSONS):
        raw: list[Value] = [float(n), "ab"[n % 2]]
        lesson = TrainingExample(
            DecisionId(str(n)), ActionId("action"), "group", "web", "", raw, float(n % 3 == 0), None
        )
        trained.learn_one(lesson, raw, {})
    if trained.predict_one([1.0, "a"], "web", "action", {}) is None:
        raise ValueError("it gives no probability")
