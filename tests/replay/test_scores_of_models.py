"""Propensities of models that a rule book sets beside the default one, taken apart."""

from pathlib import Path

import pytest

from engine.edges.journal.past import past_decisions
from engine.edges.rules.last import last_book
from engine.edges.state.names import DECISIONS
from engine.health.health import health
from engine.model import ActionId
from engine.replay.scores import Score, scores
from tests.health.living import directory

MODELS = {
    "default": {},
    "trees": {
        "for": {"actions": ["young"]},
        "estimator": "tree.HoeffdingTreeClassifier",
        "parameters": {"grace_period": 20, "delta": 0.05},
        "features": ["customer.*"],
        "answers_after": 20,
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return directory(tmp_path_factory.mktemp("living"), 1_000, models=MODELS)


@pytest.fixture(scope="module")
def told(data: Path) -> dict[str, Score]:
    *_, record = past_decisions(data / DECISIONS)
    wanted = ActionId("young"), ActionId("plain")
    found = scores(data, record, last_book(data), wanted, lambda done, total: None)
    return {str(score.action_id): score for score in found}


def test_the_default_models_propensity_is_exact(told: dict[str, Score]) -> None:
    plain = told["plain"]
    assert plain.exact
    assert plain.recorded == pytest.approx(plain.parts.propensity, rel=1e-12)


def test_a_trees_is_told_feature_by_feature(told: dict[str, Score]) -> None:
    young = told["young"]
    assert young.as_decided
    assert not young.exact
    assert young.given == young.recorded
    assert "customer.age" in [part.feature for part in young.parts.strongest(2)]


def test_health_judges_by_what_was_decided_with(data: Path) -> None:
    [young] = [model for model in health(data).models if model.key.action_id == "young"]
    assert young.auc is not None
    assert young.auc.value > 0.55
    assert young.importance[0].feature == "customer.age"
