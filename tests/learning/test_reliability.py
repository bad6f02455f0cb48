import random

import numpy as np
import pytest

from engine.backtest.backtest import roc_auc
from engine.learning.odds import sigmoid
from engine.learning.reliability import Reliability


def test_its_auc_is_that_of_the_offers_up_to_the_width_of_a_bin() -> None:
    chance, reliability = random.Random(1), Reliability()
    logits, labels = [], []
    for _ in range(4_000):
        logit = chance.gauss(-2, 1.5)
        label = chance.random() < sigmoid(logit)
        reliability.learn_one(logit, sigmoid(logit), float(label))
        logits.append(logit)
        labels.append(label)
    assert reliability.auc == pytest.approx(roc_auc(np.array(labels), np.array(logits)), abs=0.005)


def test_who_is_right_on_average_has_little_calibration_error_and_who_is_not_has_much() -> None:
    chance, right, wrong = random.Random(2), Reliability(), Reliability()
    for _ in range(20_000):
        logit = chance.gauss(-2, 1)
        label = float(chance.random() < sigmoid(logit))
        right.learn_one(logit, sigmoid(logit), label)
        wrong.learn_one(logit, sigmoid(logit) / 2, label)
    assert right.calibration_error is not None
    assert wrong.calibration_error is not None
    assert right.calibration_error < 0.01
    assert wrong.calibration_error > 0.05


def test_a_better_outcome_that_comes_later_counts() -> None:
    reliability = Reliability()
    reliability.learn_one(0.1, 0.5, 0.0)
    reliability.correct(0.1, 1.0)
    assert reliability.bins == [(1, 0.5, 1.0)]


def test_of_nothing_nothing_is_said() -> None:
    assert (Reliability().auc, Reliability().calibration_error, Reliability().bins) == (
        None,
        None,
        [],
    )


def test_any_logit_has_a_bin() -> None:
    reliability = Reliability()
    for logit in (-1e300, -8.0, 0.0, 8.0, 1e300):
        reliability.learn_one(logit, 0.5, 1.0)
    assert sum(n for n, _, _ in reliability.bins) == 5
