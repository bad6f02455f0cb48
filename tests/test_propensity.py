import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.features import FeatureSchema
from engine.learn import Learner
from engine.model import DAY, Customer, CustomerId
from engine.propensity import Propensities
from engine.rulebook.book import RuleBook
from tests.lessons import (
    GROUPS,
    SCHEMA,
    lesson,
    lessons,
    raw_features,
    rule_book,
    taught_learner,
    values_of,
)

ALL = np.arange(len(GROUPS))


def by_river(
    learner: Learner, book: RuleBook, features: tuple[Any, ...], channel: str
) -> list[float]:
    digest = FeatureSchema.for_book(book).digest
    return [
        learner.predict_one(digest, features, action.action_id, action.group, channel)
        for action in book.actions
    ]


def test_the_book_of_these_tests_speaks_the_schema_of_the_lessons() -> None:
    assert FeatureSchema.for_book(rule_book()).digest == SCHEMA.digest


@settings(deadline=None, max_examples=30)
@given(
    count=st.integers(0, 250),
    seed=st.integers(0, 10_000),
    channel=st.sampled_from(["web", "ivr", "carrier pigeon"]),
)
def test_it_equals_the_river_model_it_scores_from(count: int, seed: int, channel: str) -> None:
    learner, book = taught_learner(count, seed), rule_book()
    bound = Propensities.bind(learner, book)
    chance = random.Random(seed)
    for _ in range(5):
        features = raw_features(chance)
        assert bound.predict(features, channel, ALL) == pytest.approx(
            by_river(learner, book, features, channel), abs=1e-6
        )


@settings(deadline=None, max_examples=10)
@given(actions=st.integers(1, 150), seed=st.integers(0, 1_000))
def test_it_equals_river_for_catalogues_of_any_size(actions: int, seed: int) -> None:
    chance = random.Random(seed)
    names = {f"action {n}": f"group {n % 7}" for n in range(actions)}
    book, learner = rule_book(actions=names), Learner()
    bound = Propensities.bind(learner, book)
    for _ in range(200):
        action = f"action {chance.randrange(actions)}"
        channel = chance.choice(["web", "ivr"])
        learner.learn_one(
            lesson(
                raw_features(chance),
                float(chance.random() < 0.3),
                action=action,
                group=names[action],
                channel=channel,
            )
        )
    features = raw_features(chance)
    everything = bound.predict(features, "web", np.arange(actions))
    assert everything == pytest.approx(by_river(learner, book, features, "web"), abs=1e-6)


def test_every_lesson_counts_at_once() -> None:
    learner, book = Learner(), rule_book()
    bound = Propensities.bind(learner, book)
    features = raw_features(random.Random(1))
    for example in lessons(100):
        learner.learn_one(example)
        assert bound.predict(features, "web", ALL) == pytest.approx(
            by_river(learner, book, features, "web"), abs=1e-6
        )


def test_the_number_does_not_depend_on_who_else_is_asked_about() -> None:
    names = {f"action {n}": f"group {n % 5}" for n in range(200)}
    book, learner = rule_book(actions=names), Learner()
    bound = Propensities.bind(learner, book)
    chance = random.Random(2)
    for n in range(400):
        action = f"action {n % 200}"
        learner.learn_one(
            lesson(raw_features(chance), float(n % 3 == 0), action=action, group=names[action])
        )
    features = raw_features(chance)
    together = bound.predict(features, "web", np.arange(200))
    for some in ([7], [199, 0, 7], list(range(0, 200, 9)), list(range(150))):
        apart = bound.predict(features, "web", np.array(some))
        assert apart.tobytes() == together[some].tobytes()


def test_what_was_learned_outlives_the_book_it_was_learned_under() -> None:
    learner = taught_learner(300)
    features = raw_features(random.Random(4))
    old = Propensities.bind(learner, rule_book())
    before = dict(zip(GROUPS, old.predict(features, "web", ALL).tolist(), strict=True))
    reordered = {"stay": "save", "brand new": "data", "bundle": "data"}
    new = Propensities.bind(learner, rule_book(actions=reordered))
    after = dict(zip(reordered, new.predict(features, "web", np.arange(3)).tolist(), strict=True))
    assert after["stay"] == before["stay"]
    assert after["bundle"] == before["bundle"]
    assert old.predict(features, "web", ALL).tolist() == list(before.values())


def test_an_action_of_another_book_may_still_be_learned_about() -> None:
    learner = taught_learner(50)
    book = rule_book(actions={"bundle": "data"})
    bound = Propensities.bind(learner, book)
    features = raw_features(random.Random(4))
    bound.predict(features, "web", np.array([0]))
    learner.learn_one(lesson(features, 1.0, action="withdrawn", group="gone", channel="fax"))
    assert bound.predict(features, "web", np.array([0])) == pytest.approx(
        by_river(learner, book, features, "web"), abs=1e-9
    )


def test_a_new_action_gets_a_sensible_propensity_before_its_first_response() -> None:
    learner = Learner()
    book = rule_book(actions={"bundle": "data", "waiver": "save", "new": "data"})
    bound = Propensities.bind(learner, book)
    young = (22, False, "S", 20.0, "fee", ["web"])
    for n in range(300):
        learner.learn_one(lesson(young, float(n % 2)))
        learner.learn_one(lesson(young, 0.0, action="waiver", group="save"))
    bundle, waiver, new = bound.predict(young, "web", np.arange(3))
    assert waiver < 0.1 < 0.25 < new <= bundle + 0.1


def test_nobody_is_asked_about() -> None:
    bound = Propensities.bind(taught_learner(10), rule_book())
    assert bound.predict(raw_features(random.Random(1)), "web", ALL[:0]).shape == (0,)


def test_an_untaught_model_knows_no_difference() -> None:
    bound = Propensities.bind(Learner(), rule_book())
    guesses = bound.predict(raw_features(random.Random(1)), "web", ALL)
    assert len(set(guesses.tolist())) == 1
    assert 0.0 < guesses[0] < 0.5


def test_asking_changes_neither_question_nor_weights() -> None:
    learner = taught_learner(100)
    bound = Propensities.bind(learner, rule_book())
    before = learner.snapshot()
    features, actions = raw_features(random.Random(1)), ALL.copy()
    once = bound.predict(features, "web", actions)
    once[:] = -1.0
    again = bound.predict(features, "web", actions)
    assert (again >= 0.0).all()
    assert (actions == ALL).all()
    assert learner.snapshot() == before


def test_it_scores_what_its_features_read() -> None:
    learner = Learner()
    book = rule_book("*")
    bound = Propensities.bind(learner, book)
    values = values_of(
        book,
        customer__age=30,
        telco__plan="S",
        consent__channels=("web",),
        telco__contract_end=40 * DAY,
    )
    raw = bound.features.read(values, Customer(CustomerId("ada")), 50 * DAY)
    learner.learn_one(lesson(raw, 1.0, schema=bound.features))
    assert bound.lessons == 1
    assert bound.version == learner.model_version
    assert bound.predict(raw, "web", ALL)[0] > bound.predict(raw, "ivr", ALL)[0]


def test_a_restored_learner_is_scored_alike() -> None:
    learner = taught_learner(200)
    features = raw_features(random.Random(5))
    one = Propensities.bind(learner, rule_book()).predict(features, "ivr", ALL)
    two = Propensities.bind(Learner.restore(learner.snapshot()), rule_book())
    assert two.predict(features, "ivr", ALL).tobytes() == one.tobytes()
