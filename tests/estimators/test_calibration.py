import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.estimators.calibration import Calibration

PROPENSITIES = st.floats(0.0, 1.0)


def log_loss(pairs: list[tuple[float, float]]) -> float:
    clipped = [(min(max(p, 1e-15), 1 - 1e-15), y) for p, y in pairs]
    return -sum(y * math.log(p) + (1 - y) * math.log1p(-p) for p, y in clipped) / len(pairs)


@pytest.mark.parametrize("exaggeration", [0.3, 1.0, 3.0, 8.0])
def test_whoever_is_too_sure_or_too_timid_is_set_right(exaggeration: float) -> None:
    chance, calibration = random.Random(2), Calibration()
    said, right = [], []
    for _ in range(3_000):
        logit = chance.gauss(-1.0, 1.0)
        label = float(chance.random() < 1 / (1 + math.exp(-logit)))
        propensity = 1 / (1 + math.exp(-max(-20.0, min(20.0, exaggeration * logit + 0.5))))
        said.append((propensity, label))
        right.append((calibration.of(propensity), label))
        calibration.learn_one(propensity, label)
    truth = log_loss(right[1_000:])
    assert truth < log_loss(said[1_000:]) + 0.005
    assert truth < 0.6


@given(st.lists(st.tuples(PROPENSITIES, PROPENSITIES), max_size=30), PROPENSITIES, PROPENSITIES)
def test_it_keeps_the_order_and_stays_a_probability(
    lessons: list[tuple[float, float]], one: float, other: float
) -> None:
    calibration = Calibration()
    for propensity, label in lessons:
        calibration.learn_one(propensity, label)
    low, high = sorted((one, other))
    assert 0.0 <= calibration.of(low) <= calibration.of(high) <= 1.0


@given(st.lists(st.tuples(PROPENSITIES, PROPENSITIES), max_size=10))
def test_it_goes_on_from_its_state(lessons: list[tuple[float, float]]) -> None:
    calibration = Calibration()
    for propensity, label in lessons:
        calibration.learn_one(propensity, label)
    again = Calibration(calibration.state)
    again.learn_one(0.3, 1.0)
    calibration.learn_one(0.3, 1.0)
    assert again.state == calibration.state


def test_one_sure_mistake_does_not_turn_everything_around() -> None:
    calibration = Calibration()
    for n in range(200):
        calibration.learn_one(0.999 if n % 2 else 0.001, float(n % 2))
    calibration.learn_one(0.999999, 0.0)
    assert calibration.of(0.999) > 0.9 > 0.1 > calibration.of(0.001)
