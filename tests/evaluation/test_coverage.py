"""Of many logs of a world with a known truth, the 95 % intervals cover it as often as they say."""

from collections import Counter

import pytest

from engine.evaluation.estimators import ESTIMATORS
from engine.evaluation.evaluate import evaluate
from tests.evaluation.worlds import World


def coverage(rows: int, runs: int) -> tuple[dict[str, float], dict[str, float]]:
    """The share of runs in which each estimator's intervals cover: bootstrap, and Bernstein."""
    world = World()
    bootstrap, bernstein = Counter[str](), Counter[str]()
    for seed in range(runs):
        for estimate in evaluate(world.log(seed, rows), world.policy).estimates:
            bootstrap[estimate.estimator] += estimate.bootstrap.covers(world.truth)
            if estimate.bernstein is not None:
                bernstein[estimate.estimator] += estimate.bernstein.covers(world.truth)
    return (
        {name: count / runs for name, count in bootstrap.items()},
        {name: count / runs for name, count in bernstein.items()},
    )


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("rows", [1_000, 2_000])
def test_500_runs_cover_the_truth_93_to_97_times_in_a_hundred(rows: int) -> None:
    bootstrap, bernstein = coverage(rows, 500)
    assert bootstrap.keys() == ESTIMATORS.keys()
    assert {name: share for name, share in bootstrap.items() if not 0.93 <= share <= 0.97} == {}
    assert min(bernstein.values()) >= 0.95


def test_100_runs_cover_the_truth_about_95_times() -> None:
    bootstrap, bernstein = coverage(500, 100)
    assert {name: share for name, share in bootstrap.items() if not 0.89 <= share <= 0.99} == {}
    assert min(bernstein.values()) >= 0.95
