import math
import random
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import linear_model, optim

from engine.backtest.backtest import roc_auc
from engine.errors import StorageError
from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learn import Learner, levels
from engine.learning.encoding import column_names
from engine.learning.weights import Correction, LessonLoss
from tests.lessons import GROUPS, SCHEMA, lesson, lessons, raw_features, taught_learner

YOUNG = (22, False, "S", 20.0, "fee", ["web"])


def propensity(
    learner: Learner,
    features: tuple[Any, ...] = YOUNG,
    action: str = "bundle",
    group: str = "data",
    channel: str = "web",
) -> float:
    return learner.predict_one(SCHEMA.digest, features, action, group, channel)


def untaught() -> Learner:
    learner = Learner()
    learner.register(SCHEMA)
    return learner


def test_what_is_accepted_becomes_likelier_and_what_is_refused_less_likely() -> None:
    accepted, refused = untaught(), untaught()
    before = propensity(accepted)
    accepted.learn_one(lesson(YOUNG, 1.0))
    refused.learn_one(lesson(YOUNG, 0.0))
    assert propensity(refused) < before < propensity(accepted)


def test_it_is_better_than_chance() -> None:
    learner = untaught()
    rewards, scores = [], []
    for example in islice((e for e in lessons(4_000) if e.taught is None), 3_000):
        scores.append(
            propensity(
                learner, tuple(example.features), example.action_id, example.group, example.channel
            )
        )
        rewards.append(example.reward > 0.5)
        learner.learn_one(example)
    assert roc_auc(np.array(rewards[1_000:]), np.array(scores[1_000:])) > 0.75


def test_a_new_action_starts_from_its_group() -> None:
    learner = untaught()
    for n in range(400):
        learner.learn_one(lesson(YOUNG, float(n % 2 == 0), action="bundle", group="data"))
        learner.learn_one(lesson(YOUNG, 0.0, action="waiver", group="save"))
    assert propensity(learner, action="new", group="data") > 0.3
    assert propensity(learner, action="new", group="save") < 0.1


def test_a_new_group_starts_from_what_is_known_of_all() -> None:
    learner = untaught()
    unlikely = propensity(learner, action="new", group="new")
    for action, group in GROUPS.items():
        for _ in range(100):
            learner.learn_one(lesson(YOUNG, 1.0, action=action, group=group))
    assert propensity(learner, action="new", group="new") > unlikely + 0.2


def test_an_action_is_learned_for_each_channel_apart() -> None:
    learner = untaught()
    for _ in range(300):
        learner.learn_one(lesson(YOUNG, 1.0, channel="web"))
        learner.learn_one(lesson(YOUNG, 0.0, channel="ivr"))
    assert propensity(learner, channel="web") > propensity(learner, channel="ivr") + 0.3


def test_a_level_without_a_name_is_left_out() -> None:
    assert levels("", "", "web") == [()]
    assert levels("a", "", "") == [(), ("a", "")]
    assert levels("a", "g", "web") == [(), ("g",), ("a", "web")]


# --- equal to river ---------------------------------------------------------------------------


def test_its_table_learns_what_an_ordinary_river_model_learns_from_the_same_crosses() -> None:
    learner = untaught()
    names = column_names(SCHEMA)
    model = linear_model.LogisticRegression(
        optimizer=optim.AdaGrad(lr=0.05, eps=1.0),
        loss=LessonLoss(),
        intercept_init=learner.intercept,
        intercept_lr=0.0,
    )
    for example in lessons(400):
        seen = learner.see(SCHEMA.digest, example.features)
        rows = levels(example.action_id, example.group, example.channel)
        x = {
            (row, names[c]): v
            for row in rows
            for c, v in zip(seen.columns, seen.values, strict=True)
        }
        taught = example.taught
        model.learn_one(
            x, example.reward if taught is None else Correction(example.reward - taught)
        )
        learner.learn_one(example)
    table = learner.table
    for (row, name), weight in model.weights.items():
        assert table.matrix[table.columns[name], table.rows[row]] == pytest.approx(weight, abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-20, 20))
def test_a_correction_is_the_difference_of_two_gradients(
    taught: float, reward: float, logit: float
) -> None:
    loss = LessonLoss()
    difference = loss.gradient(reward, logit) - loss.gradient(taught, logit)
    assert loss.gradient(Correction(reward - taught), logit) == pytest.approx(difference, abs=1e-12)


@given(st.floats(0.01, 0.99), st.floats(-10, 10))
def test_the_gradient_is_the_derivative_of_the_log_loss(label: float, logit: float) -> None:
    def loss(z: float) -> float:
        return math.log1p(math.exp(-z)) + (1 - label) * z

    step = 1e-5
    slope = (loss(logit + step) - loss(logit - step)) / (2 * step)
    assert LessonLoss().gradient(label, logit) == pytest.approx(slope, abs=1e-6)


def test_a_correction_makes_up_for_a_refusal_learned_too_early() -> None:
    learner = untaught()
    for _ in range(400):
        learner.learn_one(lesson(YOUNG, 0.0))
        learner.learn_one(lesson(YOUNG, 1.0, taught=0.0))
    assert propensity(learner) > 0.9


def test_half_of_the_reward_is_learned_as_one_half() -> None:
    learner = untaught()
    for _ in range(1_000):
        learner.learn_one(lesson(YOUNG, 0.5))
    assert propensity(learner) == pytest.approx(0.5, abs=0.02)


# --- contracts ----------------------------------------------------------------------------------


def test_the_same_lessons_give_the_same_bytes() -> None:
    one, two = taught_learner(200), taught_learner(200)
    assert one.weights_digest() == two.weights_digest()
    assert one.snapshot() == two.snapshot()


def test_other_lessons_give_other_weights() -> None:
    digests = {
        taught_learner(200).weights_digest(),
        taught_learner(201).weights_digest(),
        taught_learner(200, seed=8).weights_digest(),
    }
    assert len(digests) == 3


@settings(deadline=None, max_examples=20)
@given(before=st.integers(0, 150), after=st.integers(0, 60))
def test_a_restored_learner_goes_on_exactly_where_it_stood(before: int, after: int) -> None:
    stream = list(lessons(before + after))
    kept = untaught()
    for example in stream[:before]:
        kept.learn_one(example)
    restored = Learner.restore(kept.snapshot())
    assert restored.weights_digest() == kept.weights_digest()
    for example in stream[before:]:
        kept.learn_one(example)
        restored.learn_one(example)
    assert restored.snapshot() == kept.snapshot()
    assert restored.version == kept.version == before + after


def test_registering_a_schema_nothing_is_learned_in_does_not_count() -> None:
    other = FeatureSchema((Feature("customer.shoe_size", FeatureKind.NUMBER),))
    eager = taught_learner(50)
    eager.register(other)
    assert eager.weights_digest() == taught_learner(50).weights_digest()


def test_registering_again_changes_nothing() -> None:
    learner = taught_learner(50)
    before = learner.snapshot()
    learner.register(FeatureSchema.from_dict(SCHEMA.to_dict()))
    assert learner.snapshot() == before


def test_an_example_is_not_changed_by_learning_it() -> None:
    example = lesson(YOUNG)
    before = repr(example)
    untaught().learn_one(example)
    assert repr(example) == before


def test_asking_teaches_nothing() -> None:
    learner = taught_learner(100)
    before = learner.snapshot()
    propensity(learner, action="never heard of", group="nor this", channel="fax")
    assert learner.snapshot() == before


def test_features_may_appear_and_vanish() -> None:
    learner = taught_learner(200)
    before = propensity(learner)
    shoe = Feature("customer.shoe_size", FeatureKind.NUMBER)
    changed = FeatureSchema((*SCHEMA.features[2:], shoe))
    learner.register(changed)
    assert propensity(learner) == before
    for n in range(200):
        features = ("S", 20.0, "fee", ["web"], 40 + n % 5)
        learner.learn_one(lesson(features, 1.0, schema=changed))
    assert propensity(learner) > before


def test_a_value_that_was_never_declared_can_be_learned_from() -> None:
    learner = untaught()
    strange = (30, None, "XXL", 20.0, "never said before", ["fax"])
    for _ in range(50):
        learner.learn_one(lesson(strange, 1.0))
    assert propensity(learner, strange) > propensity(untaught(), strange)


_WILD = st.one_of(
    st.floats(), st.none(), st.integers(-(2**63), 2**63 - 1), st.just(1e308), st.just(-1e308)
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_WILD, _WILD, st.floats(0, 1)), min_size=1, max_size=60))
def test_nothing_in_the_features_can_break_the_weights(
    stream: list[tuple[float, float, float]],
) -> None:
    learner = untaught()
    for age, spend, reward in stream:
        learner.learn_one(lesson((age, True, "S", spend, None, None), reward))
        learner.learn_one(lesson((age, True, "S", spend, None, None), 1.0, taught=reward))
        assert 0.0 <= propensity(learner, (age, None, "L", spend, "x", [])) <= 1.0
    weights, squares = learner.table.used()
    assert all(map(math.isfinite, weights.ravel()))
    assert all(map(math.isfinite, squares.ravel()))


def test_propensities_lie_between_0_and_1_however_long_it_hears_the_same() -> None:
    learner = untaught()
    for _ in range(2_000):
        learner.learn_one(lesson(YOUNG, 1.0))
    assert 0.99 < propensity(learner) <= 1.0


@pytest.mark.parametrize("reward", [-0.1, 1.1, math.nan])
def test_a_reward_outside_0_and_1_is_refused(reward: float) -> None:
    learner = untaught()
    with pytest.raises(ValueError, match="a reward lies in"):
        learner.learn_one(lesson(YOUNG, reward))
    assert learner.version == 0


def test_features_that_do_not_fit_their_schema_are_refused() -> None:
    with pytest.raises(ValueError, match="2 features for a schema of 6"):
        untaught().learn_one(lesson((1, 2)))


def test_a_schema_nobody_registered_is_refused() -> None:
    with pytest.raises(KeyError):
        Learner().learn_one(lesson(YOUNG))


def test_the_table_grows_without_forgetting() -> None:
    learner = taught_learner(50)
    before = propensity(learner)
    unrelated = (None,) * 6
    for n in range(300):
        learner.table.add_row((f"action {n}", "web"))
    assert propensity(learner) == before
    learner.learn_one(lesson(unrelated, 0.0))
    assert propensity(learner) != before


@pytest.mark.parametrize("cut", [0, 5, 30, 200, -1])
def test_a_damaged_snapshot_is_refused(cut: int) -> None:
    snapshot = taught_learner(20).snapshot()
    with pytest.raises(StorageError, match="snapshot"):
        Learner.restore(snapshot[:cut])


def test_a_version_names_the_number_of_lessons() -> None:
    learner = taught_learner(20)
    assert learner.version == 20
    assert learner.model_version.endswith(".20")


def test_random_streams_agree_on_what_was_said_before() -> None:
    """Predictions depend on lessons only, not on what was asked in between."""
    chance = random.Random(3)
    asked, silent = untaught(), untaught()
    for example in lessons(150):
        propensity(asked, raw_features(chance))
        asked.learn_one(example)
        silent.learn_one(example)
    assert asked.snapshot() == silent.snapshot()
