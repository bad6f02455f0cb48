"""What the experts make of whole streams, seen through the learner."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import fsum
from typing import Any

import numpy as np
import pytest

from engine.backtest.backtest import log_loss, roc_auc
from engine.errors import StorageError
from engine.experts.arrays import ARRAYS
from engine.experts.binning import plain as binning
from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learn import Learner, levels
from engine.learning.loops import LessonLoops
from engine.learning.odds import sigmoid
from engine.learning.scaling import plain as scaling
from engine.model import TrainingExample
from tests.lessons import SCHEMA, lesson, raw_features, taught_learner

ONE_NUMBER = FeatureSchema((Feature("number", FeatureKind.NUMBER),))
ONE_VALUE = FeatureSchema((Feature("value", FeatureKind.CATEGORY),))

Draw = Callable[[random.Random, int], tuple[Any, float]]


def stream(schema: FeatureSchema, count: int, draw: Draw) -> Iterator[TrainingExample]:
    """Lessons of one feature, drawn with the probability of success."""
    chance = random.Random(11)
    for n in range(count):
        value, likely = draw(chance, n)
        reward = float(chance.random() < likely)
        yield lesson((value,), reward, action="", group="", channel="", schema=schema)


def followed(schema: FeatureSchema, count: int, draw: Draw) -> tuple[Learner, Any, Any]:
    """The learner after a stream, what came, and what it had expected."""
    learner = Learner()
    learner.register(schema)
    rewards, expected = [], []
    for example in stream(schema, count, draw):
        expected.append(learner.predict_one(schema.digest, example.features, "", "", ""))
        learner.learn_one(example)
        rewards.append(example.reward == 1.0)
    return learner, np.array(rewards), np.array(expected)


def test_a_number_that_counts_in_the_middle_of_its_range_is_learned() -> None:
    def draw(chance: random.Random, _: int) -> tuple[float, float]:
        number = chance.uniform(-1, 1)
        return number, 0.8 if abs(number) < 0.4 else 0.1

    _, rewards, expected = followed(ONE_NUMBER, 4_000, draw)
    assert roc_auc(rewards[1_000:], expected[1_000:]) > 0.8


def test_values_of_an_open_category_are_told_apart_though_they_share_buckets() -> None:
    def draw(chance: random.Random, _: int) -> tuple[str, float]:
        value = chance.randrange(300)
        return f"v{value}", 0.7 if value % 2 else 0.1

    _, rewards, expected = followed(ONE_VALUE, 20_000, draw)
    assert roc_auc(rewards[10_000:], expected[10_000:]) > 0.78


def test_values_that_appear_and_vanish_leave_what_was_known_of_others() -> None:
    def draw(chance: random.Random, n: int) -> tuple[str, float]:
        if chance.random() < 0.5:
            value = chance.choice(["old", "older"])
            return value, 0.7 if value == "old" else 0.1
        return f"season {n // 200}", 0.3

    learner, _, _ = followed(ONE_VALUE, 6_000, draw)
    old, older = (learner.predict_one(ONE_VALUE.digest, (v,), "", "", "") for v in ("old", "older"))
    assert old == pytest.approx(0.7, abs=0.12)
    assert older == pytest.approx(0.1, abs=0.08)


def test_rare_successes_that_nothing_foretells_cost_little_more_than_the_rate() -> None:
    def draw(chance: random.Random, _: int) -> tuple[float, float]:
        return chance.gauss(0, 1), 0.004

    _, rewards, expected = followed(ONE_NUMBER, 10_000, draw)
    rate = np.full(len(rewards), rewards.mean())
    assert log_loss(rewards, expected) < log_loss(rewards, rate) + 0.0015


def test_a_rate_that_moves_is_followed() -> None:
    def draw(_: random.Random, n: int) -> tuple[float, float]:
        return 0.0, 0.5 if n // 2_000 % 2 else 0.05

    _, rewards, expected = followed(ONE_NUMBER, 12_000, draw)
    truth = np.where(np.arange(12_000) // 2_000 % 2, 0.5, 0.05)
    assert log_loss(rewards, expected) < log_loss(rewards, truth) + 0.02


def test_a_world_that_turns_round_is_noticed_and_learned_again() -> None:
    def draw(chance: random.Random, n: int) -> tuple[float, float]:
        number = chance.uniform(-2, 2)
        return number, sigmoid(3 * number if n < 4_000 else -3 * number)

    learner, rewards, expected = followed(ONE_NUMBER, 7_000, draw)
    assert 4_000 < learner.drifts[0] < 4_300
    assert learner.drift_count == len(learner.drifts)
    assert learner.health().drifts == tuple(learner.drifts)
    assert roc_auc(rewards[5_500:], expected[5_500:]) > 0.85
    assert Learner.restore(learner.snapshot()).drifts == learner.drifts


def test_a_world_that_stays_is_no_drift() -> None:
    def draw(chance: random.Random, _: int) -> tuple[float, float]:
        number = chance.uniform(-2, 2)
        return number, sigmoid(number)

    learner, _, _ = followed(ONE_NUMBER, 8_000, draw)
    assert learner.drifts == []


def test_what_it_expects_is_what_comes() -> None:
    def draw(chance: random.Random, _: int) -> tuple[float, float]:
        number = chance.uniform(-2, 2)
        return number, sigmoid(number - 1)

    learner, rewards, expected = followed(ONE_NUMBER, 8_000, draw)
    health = learner.health()
    assert health.calibration_error is not None
    assert health.calibration_error < 0.02
    assert health.auc == pytest.approx(roc_auc(rewards, expected), abs=0.01)
    assert (health.responses, health.positives) == (8_000, rewards.sum())


@pytest.mark.parametrize("offer", [("bundle", "data", "web"), ("new", "data", "web"), ("", "", "")])
def test_the_terms_of_a_logit_add_up_to_it(offer: tuple[str, str, str]) -> None:
    learner, chance = taught_learner(400), random.Random(3)
    rows = [row for row in levels(*offer) if row in learner.table.rows]
    for _ in range(20):
        features = raw_features(chance)
        terms = learner.terms(SCHEMA.digest, features, rows)
        told = [terms.offset, *terms.logits.ravel().tolist(), *[t for _, t in terms.details]]
        propensity = learner.predict_one(SCHEMA.digest, features, *offer)
        assert sigmoid(fsum(told)) == pytest.approx(propensity, abs=1e-12)


def test_every_detail_of_a_logit_belongs_to_a_feature_that_has_details() -> None:
    learner = taught_learner(400)
    terms = learner.terms(SCHEMA.digest, (30, True, "S", 20.0, "fee", ["web"]), [()])
    assert sorted(place for place, _ in terms.details) == [0, 3, 4]


def test_what_is_taken_back_counts_no_longer() -> None:
    learner, offer = taught_learner(400), ("bundle", "data", "web")
    young = (22, False, "S", 20.0, "fee", ["web"])
    before = learner.predict_one(SCHEMA.digest, young, *offer)
    for _ in range(30):
        learner.learn_one(lesson(young, 0.0))
    taught = learner.predict_one(SCHEMA.digest, young, *offer)
    for _ in range(30):
        learner.learn_one(replace(lesson(young, 0.0, taught=0.0), taken_back=True))
    after = learner.predict_one(SCHEMA.digest, young, *offer)
    assert taught < before / 2
    assert abs(after - before) < abs(taught - before) / 2
    assert learner.health().responses == taught_learner(400).health().responses


def test_c_and_numpy_learn_the_same_bytes() -> None:
    without = taught_learner(
        300, learner=Learner(LessonLoops(scaling.PLAIN, binning.PLAIN, ARRAYS))
    )
    assert without.snapshot() == taught_learner(300).snapshot()


def test_a_snapshot_of_an_earlier_version_is_refused() -> None:
    earlier = taught_learner(10).snapshot().replace(b"attune.model/3", b"attune.model/2")
    with pytest.raises(StorageError, match="no snapshot of a model that this version can read"):
        Learner.restore(earlier)
