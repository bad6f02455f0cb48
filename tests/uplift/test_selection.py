from itertools import product

import numpy as np
import pytest

from engine.uplift.parts import Numbers
from engine.uplift.selection import _OUT, _SCALES, Candidate, average


def problem(signal: float, seed: int = 3) -> tuple[Numbers, Numbers, Numbers, list[Candidate]]:
    """Five weights: one always in, two candidates of two; only the first has a signal."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(60, 5))
    y = x @ [0.5, signal, signal, 0.0, 0.0] + chance.normal(size=60)
    candidates = [Candidate(slice(1, 3), 0.3), Candidate(slice(3, 5), 0.3)]
    return x.T @ x, x.T @ y, np.array([1.0, 0.0, 0.0, 0.0, 0.0]), candidates


def exact(
    curvature: Numbers, pull: Numbers, precision: Numbers, candidates: list[Candidate]
) -> tuple[Numbers, list[float]]:
    """The same average, over all models one by one."""
    options = [_OUT, *(1 / scale**2 for scale in _SCALES)]
    logs, means, inside = [], [], []
    for chosen in product(options, repeat=len(candidates)):
        prior, log = precision.copy(), 0.0
        for candidate, value in zip(candidates, chosen, strict=True):
            prior[candidate.columns] = value
            log += np.log(
                1 - candidate.chance if value == _OUT else candidate.chance / len(_SCALES)
            )
        posterior = curvature + np.diag(prior)
        mean = np.linalg.solve(posterior, pull)
        log += 0.5 * (np.log(prior).sum() - np.linalg.slogdet(posterior)[1] + pull @ mean)
        logs.append(log)
        means.append(mean)
        inside.append([value < _OUT for value in chosen])
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    return weights @ np.array(means), (weights @ np.array(inside, dtype=float)).tolist()


@pytest.mark.parametrize("signal", [0.0, 0.3, 0.8])
def test_the_sampler_averages_as_if_all_models_were_tried(signal: float) -> None:
    weights, inside = exact(*problem(signal))
    averaged = average(*problem(signal))
    assert averaged.weights == pytest.approx(weights, abs=0.06)
    assert averaged.matters.tolist() == pytest.approx(inside, abs=0.2)


def test_what_has_no_signal_is_near_zero_and_what_has_is_not() -> None:
    averaged = average(*problem(0.8))
    assert averaged.matters[0] == 1.0
    assert abs(averaged.weights[3:]).max() < 0.1


def test_the_same_question_has_the_same_answer() -> None:
    one, two = (average(*problem(0.3)) for _ in range(2))
    assert one.weights.tobytes() == two.weights.tobytes()


def test_columns_that_say_the_same_twice_do_no_harm() -> None:
    chance = np.random.default_rng(1)
    x = chance.normal(size=(500, 3))
    x = np.column_stack([x, x[:, 1:], x[:, 1:]])
    y = x[:, 1] + chance.normal(size=500)
    candidates = [Candidate(slice(at, at + 2), 0.3) for at in (1, 3, 5)]
    averaged = average(x.T @ x, x.T @ y, np.array([1.0] + [0.0] * 6), candidates)
    assert averaged.weights[[1, 3, 5]].sum() == pytest.approx(1.0, abs=0.15)
