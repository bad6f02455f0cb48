"""What an estimator makes of rewards that are fractions, and of successes that come later."""

import random
from dataclasses import replace

import pytest

from engine.estimators.estimator import Estimator
from engine.estimators.spec import Spec
from engine.features import Feature, FeatureKind
from engine.model import ActionId, DecisionId, TrainingExample

FEATURES = (Feature("customer.segment", FeatureKind.CATEGORY, ("mass", "premium")),)
NAMES = (
    "naive_bayes.BernoulliNB",
    "linear_model.LogisticRegression",
    "linear_model.SoftmaxRegression",
    "forest.ARFClassifier",
)


def lesson(number: int, reward: float, taught: float | None = None) -> TrainingExample:
    return TrainingExample(
        DecisionId(f"d{number}"), ActionId("a"), "g", "web", "", (), reward, taught
    )


def estimator(name: str) -> Estimator:
    parameters = {"optimizer": {"AdaGrad": {"lr": 0.3}}} if name.startswith("linear") else {}
    return Estimator(Spec("model", name, parameters, FEATURES))


@pytest.mark.parametrize("late", [True, False], ids=["later", "at once"])
@pytest.mark.parametrize("name", NAMES)
def test_the_propensity_is_the_rate_however_late_successes_come(name: str, *, late: bool) -> None:
    chance, learned = random.Random(3), estimator(name)
    rates = {"mass": 0.1, "premium": 0.5}
    for number in range(2_000):
        segment = chance.choice(("mass", "premium"))
        success = chance.random() < rates[segment]
        if not (success and not late):
            learned.learn_one(lesson(number, 0.0), [segment], {})
        if success:
            learned.learn_one(lesson(number, 1.0, 0.0 if late else None), [segment], {})
    for segment, rate in rates.items():
        assert learned.predict_one([segment], "web", "a", {}) == pytest.approx(rate, abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_reward_of_a_fifth_counts_as_a_success_in_a_fifth_of_cases(name: str) -> None:
    learned = estimator(name)
    for number in range(2_000):
        learned.learn_one(lesson(number, 0.2), ["mass"], {})
    assert learned.predict_one(["mass"], "web", "a", {}) == pytest.approx(0.2, abs=0.05)


def test_a_reward_that_grew_step_by_step_teaches_what_it_came_to() -> None:
    """The same offer is a success or none, whatever was reported first."""
    learned, stepwise = estimator(NAMES[0]), estimator(NAMES[0])
    for number in range(400):
        reward = (0.2, 0.6, 1.0)[number % 3]
        learned.learn_one(lesson(number, reward), ["mass"], {})
        stepwise.learn_one(lesson(number, 0.0), ["mass"], {})
        for before, after in ((0.0, 0.2), (0.2, 0.6), (0.6, 1.0)):
            if after <= reward:
                stepwise.learn_one(lesson(number, after, before), ["mass"], {})
    assert learned.state[3][True] == stepwise.state[3][True]
    assert stepwise.state[3][False] == 400


@pytest.mark.parametrize("name", ["linear_model.LogisticRegression", "forest.ARFClassifier"])
def test_what_was_not_delivered_after_all_is_taken_back_where_river_can(name: str) -> None:
    learned = estimator(name)
    for number in range(50):
        learned.learn_one(lesson(number, float(number % 5 == 0)), ["mass"], {})
    before = fooled = learned.predict_one(["mass"], "web", "a", {})
    for number in range(50, 90):
        learned.learn_one(lesson(number, 0.0), ["mass"], {})
        fooled = learned.predict_one(["mass"], "web", "a", {})
        learned.learn_one(replace(lesson(number, 0.0, 0.0), taken_back=True), ["mass"], {})
    after = learned.predict_one(["mass"], "web", "a", {})
    assert before is not None
    assert after is not None
    assert fooled is not None
    if name.startswith("linear"):
        assert fooled < after == pytest.approx(before, abs=0.02)
    else:
        assert after == fooled < before
