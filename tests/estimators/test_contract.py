"""What every classifier of river that a rule book may name has to keep to."""

import copy
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.estimators.catalogue import SUMS, estimators
from engine.estimators.estimator import Estimator
from engine.estimators.keeping import digest, kept, restored
from engine.learning.odds import sigmoid
from tests.estimators.worlds import ACTIONS, shown, spec, taught

NAMES = sorted(estimators().classes)
every = pytest.mark.parametrize("name", NAMES)


@cache
def learned(name: str) -> bytes:
    """What an estimator of this name has learned from 600 offers."""
    return kept(taught(name, 600))


def known(name: str) -> Estimator:
    return restored(spec(name), learned(name))


@every
def test_its_input_is_not_changed(name: str) -> None:
    estimator = Estimator(spec(name))
    for one in shown(30):
        before = copy.deepcopy((one, ACTIONS[one.action]))
        estimator.learn_one(one.lesson(), one.raw, ACTIONS[one.action])
        estimator.predict_one(one.raw, one.channel, one.action, ACTIONS[one.action])
        assert (one, ACTIONS[one.action]) == before


@every
def test_it_answers_with_a_probability_whatever_it_is_shown(name: str) -> None:
    estimator = known(name)
    for one in shown(100, seed=8):
        propensity = estimator.predict_one(one.raw, "carrier pigeon", "new", {"family": "new"})
        assert propensity is not None
        assert 0.0 <= propensity <= 1.0
    missing = (None,) * len(spec(name).features)
    propensity = estimator.predict_one(missing, "web", "stay", {})
    assert propensity is not None
    assert 0.0 <= propensity <= 1.0


@every
def test_it_is_better_than_chance(name: str) -> None:
    estimator = known(name)
    ranked: list[tuple[float, float]] = []
    for one in shown(250, seed=11):
        propensity = estimator.predict_one(one.raw, one.channel, one.action, ACTIONS[one.action])
        ranked.append((propensity or 0.0, one.reward))
    yes = [p for p, reward in ranked if reward]
    no = [p for p, reward in ranked if not reward]
    wins = sum((a > b) + 0.5 * (a == b) for a in yes for b in no)
    assert wins / (len(yes) * len(no)) > 0.53


@every
def test_it_goes_on_from_what_was_kept_as_if_it_had_never_stopped(name: str) -> None:
    one, other = taught(name, 60), taught(name, 60)
    other = restored(other.spec, kept(other))
    for offer in shown(40, seed=5):
        lesson = offer.lesson()
        one.learn_one(lesson, offer.raw, ACTIONS[offer.action])
        other.learn_one(lesson, offer.raw, ACTIONS[offer.action])
    assert digest(one) == digest(other)
    assert digest(one) != digest(taught(name, 60))


@every
def test_features_may_appear_and_vanish(name: str) -> None:
    estimator = known(name)
    for one in shown(20, seed=6):
        hidden = tuple(None if n % 2 else value for n, value in enumerate(one.raw))
        estimator.learn_one(one.lesson(), hidden, {})
        strange = (*one.raw[:2], "never heard of", "neither", ["nor this"], 1e300)
        estimator.learn_one(one.lesson(), strange, {"family": "unheard of"})
        assert estimator.predict_one(one.raw, one.channel, one.action, {}) is not None


@every
def test_it_knows_nothing_before_the_first_success(name: str) -> None:
    estimator = Estimator(spec(name))
    offers = [one for one in shown(30) if not one.reward]
    for one in offers:
        estimator.learn_one(one.lesson(), one.raw, {})
    exact = name == "linear_model.LogisticRegression"
    assert estimator.can_tell == exact
    assert (estimator.predict_one(offers[0].raw, "web", "stay", {}) is None) != exact


def test_what_is_learned_does_not_depend_on_the_process() -> None:
    """Python orders sets of texts differently in every process; nothing may follow from that."""
    program = (
        "from tests.estimators.worlds import taught\n"
        "from engine.estimators.keeping import digest\n"
        "names = ['forest.ARFClassifier', 'tree.HoeffdingAdaptiveTreeClassifier',"
        " 'forest.AMFClassifier', 'neighbors.KNNClassifier', 'ensemble.SRPClassifier']\n"
        "print([digest(taught(name, 150)) for name in names])\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@pytest.mark.parametrize("name", sorted(SUMS))
@settings(deadline=None, max_examples=15)
@given(count=st.integers(5, 120), seed=st.integers(0, 10_000), late=st.integers(0, 40))
def test_a_sum_equals_what_river_says(name: str, count: int, seed: int, late: int) -> None:
    """Also after more lessons, of which it hears only what they touched."""
    from engine.estimators.additive import Own

    estimator = taught(name, count, seed)
    if estimator.sum is None or not estimator.can_tell:
        return
    own = Own.of([estimator.inputs.of_action(a, seen) for a, seen in ACTIONS.items()])
    for more in (0, late):
        for one in shown(more, seed + 1):
            estimator.learn_one(one.lesson(), one.raw, ACTIONS[one.action])
        for one in shown(5, seed + 2):
            shared = estimator.sum.shared(estimator.inputs.of_customer(one.raw, one.channel))
            for logit, (action, seen) in zip(
                estimator.sum.of_each(own), ACTIONS.items(), strict=True
            ):
                x = estimator.inputs.of_customer(one.raw, one.channel)
                x |= estimator.inputs.of_action(action, seen)
                share = sigmoid(shared + logit)
                assert share == pytest.approx(estimator.by_river(x), abs=1e-6)
                told = estimator.predict_one(one.raw, one.channel, action, seen)
                (given,) = estimator.propensities(np.array([shared + logit]))
                assert given == pytest.approx(told, abs=1e-6)


def test_those_called_sums_are() -> None:
    for name in NAMES:
        assert (Estimator(spec(name)).sum is not None) == (name in SUMS), name
