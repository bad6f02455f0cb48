import math
import random
from operator import mul

import numpy as np
import pytest

from engine.experts.loops import CORRECTION, LABEL, expert_loops
from engine.experts.mixture import Mixture
from engine.learning.odds import sigmoid

GUESS = -1.5


class Judge:
    """A mixture that is told the opinions of experts: nobody looks at a column."""

    def __init__(self, experts: int) -> None:
        self.mixture = Mixture(experts, GUESS)

    def logit(self, own: list[float], common: float) -> float:
        mixture = self.mixture
        together: float = sum(map(mul, mixture.shares, own))
        return mixture.offset + mixture.slope * common + together

    def learn_one(self, own: list[float], common: float, label: float) -> None:
        self._taught(own, common, LABEL, label)

    def correct(self, own: list[float], common: float, missed: float) -> None:
        self._taught(own, common, CORRECTION, missed)

    def _taught(self, own: list[float], common: float, kind: int, target: float) -> None:
        nobody, nothing, experts = np.zeros(0, np.intp), np.zeros((0, 1)), len(own) - 1
        mixture = self.mixture
        expert_loops().learn(
            nobody,
            np.zeros(0),
            nobody,
            nothing,
            nobody,
            1.0,
            np.zeros((0, 2 * experts)),
            np.zeros((0, 0)),
            mixture.mix,
            np.array([*own, common, self.logit(own, common)]),
            kind,
            target,
            GUESS,
            nothing,
            np.ones((experts, 3)),
            mixture.counts,
            mixture.trust,
            mixture.start,
            mixture.stacks,
            mixture.spreads,
        )


def log_loss(logit: float, label: float) -> float:
    return math.log1p(math.exp(-logit)) + (1 - label) * logit


def drawn(chance: random.Random, logit: float) -> float:
    return float(chance.random() < sigmoid(logit))


def test_it_is_nearly_as_good_as_the_better_of_two_experts() -> None:
    chance, judge = random.Random(1), Judge(2)
    ours = best = 0.0
    for _ in range(4_000):
        truth = chance.gauss(0, 2)
        label = drawn(chance, GUESS + truth)
        own = [truth, chance.gauss(0, 2)]
        ours += log_loss(judge.logit(own, 0.0), label)
        best += log_loss(GUESS + truth, label)
        judge.learn_one(own, 0.0, label)
    assert ours / 4_000 < best / 4_000 + 0.01


def test_it_follows_when_another_expert_becomes_the_better_one() -> None:
    chance, judge = random.Random(2), Judge(2)
    losses = []
    for n in range(6_000):
        truth, noise = chance.gauss(0, 2), chance.gauss(0, 2)
        own = [truth, noise] if n < 3_000 else [noise, truth]
        label = drawn(chance, GUESS + truth)
        losses.append(log_loss(judge.logit(own, 0.0), label))
        judge.learn_one(own, 0.0, label)
    before, after = sum(losses[2_000:3_000]), sum(losses[4_000:])
    assert after / 2_000 < before / 1_000 + 0.04


@pytest.mark.parametrize(("slope", "offset"), [(0.4, 0.0), (1.0, -2.0), (2.0, 1.0)])
def test_it_corrects_experts_who_all_err_alike(slope: float, offset: float) -> None:
    chance, judge = random.Random(3), Judge(2)
    expected = came = 0.0
    for n in range(6_000):
        said = chance.gauss(0, 2)
        label = drawn(chance, offset + slope * (GUESS + said))
        if n >= 3_000 and said > 0:
            expected += sigmoid(judge.logit([said, said], 0.0))
            came += label
        judge.learn_one([said, said], 0.0, label)
    assert expected / came == pytest.approx(1.0, abs=0.12)


def test_where_nobody_knows_anything_it_says_the_rate() -> None:
    chance, judge = random.Random(4), Judge(2)
    for _ in range(5_000):
        own = [chance.gauss(0, 1), chance.gauss(0, 1)]
        judge.learn_one(own, 0.0, float(chance.random() < 0.004))
    said = [sigmoid(judge.logit([chance.gauss(0, 1), chance.gauss(0, 1)], 0)) for _ in range(500)]
    assert sum(said) / 500 == pytest.approx(0.004, abs=0.002)
    assert max(said) < 0.02


def test_a_correction_raises_what_it_says_as_an_outcome_known_at_once_would() -> None:
    early, late = Judge(2), Judge(2)
    for n in range(300):
        own = [float(n % 3 - 1), 0.5]
        early.learn_one(own, 0.1, 1.0)
        late.learn_one(own, 0.1, 0.0)
        late.correct(own, 0.1, 1.0)
    assert late.logit([1.0, 0.5], 0.1) > GUESS + 2
    assert early.logit([1.0, 0.5], 0.1) > GUESS + 2


def test_a_restored_mixture_goes_on_alike() -> None:
    chance = random.Random(5)
    kept, restored = Judge(3), Judge(3)
    for n in range(60):
        if n == 30:
            restored.mixture.restore(kept.mixture.state())
        own = [chance.gauss(0, 1) for _ in range(3)]
        label = float(n % 4 == 0)
        kept.learn_one(own, 0.2, label)
        if n >= 30:
            restored.learn_one(own, 0.2, label)
    assert restored.mixture.state() == kept.mixture.state()
    assert restored.logit([1.0, 2.0, 3.0], 0.5) == kept.logit([1.0, 2.0, 3.0], 0.5)


def test_trust_adds_up_to_1() -> None:
    judge = Judge(2)
    for n in range(200):
        judge.learn_one([8.0, -8.0], 0.0, float(n % 2))
    trusted = judge.mixture.trusted(("one", "other"))
    assert sum(trusted.values()) == pytest.approx(1.0)
    assert min(trusted.values()) > 0.0
    assert list(trusted.values()) == sorted(trusted.values(), reverse=True)
