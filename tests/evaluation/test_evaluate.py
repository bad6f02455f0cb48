import json
from typing import Any

import numpy as np
import pytest

from engine.errors import InvalidInput
from engine.evaluation.estimators import ESTIMATORS
from engine.evaluation.evaluate import HEADLINE, Evaluation, evaluate
from engine.evaluation.log import Log
from engine.evaluation.policies import Logged, Tabled, Uniform
from engine.evaluation.telling import conclusion, table
from tests.evaluation.worlds import World, log_of

ROWS = 2_000


def only(action: int, log: Log) -> Tabled:
    """The policy that always chooses one action."""
    return Tabled(np.eye(len(log.names))[[action]], np.zeros(len(log), np.intp))


def half_and_half(rate_a: float, rate_b: float, probability: float = 0.5) -> Log:
    """Two actions tried alike; `probability` is what the log says."""
    chance = np.random.default_rng(8)
    actions = chance.integers(2, size=ROWS)
    rewards = chance.uniform(size=ROWS) < np.array([rate_a, rate_b])[actions]
    return log_of(actions.tolist(), rewards.astype(float).tolist(), [probability] * ROWS)


def told(log: Log, policy: Tabled | Uniform | Logged) -> tuple[Evaluation, str]:
    evaluation = evaluate(log, policy)
    return evaluation, conclusion(evaluation, policy)


def test_every_estimator_is_near_the_truth() -> None:
    world = World()
    evaluation = evaluate(world.log(0, 20_000), world.policy)
    assert [estimate.estimator for estimate in evaluation.estimates] == list(ESTIMATORS)
    for estimate in evaluation.estimates:
        assert estimate.value == pytest.approx(world.truth, abs=0.02)
        assert estimate.bootstrap.covers(estimate.value)


def test_a_better_action_is_clearly_better() -> None:
    log = half_and_half(0.3, 0.1)
    evaluation, sentence = told(log, only(0, log))
    assert evaluation.headline.value == pytest.approx(0.3, abs=0.03)
    assert evaluation.difference.value == pytest.approx(0.1, abs=0.03)
    assert evaluation.difference.clear
    assert sentence.startswith("Clearly more. The policy would earn 0.2")
    assert told(log, only(1, log))[1].startswith("Clearly less.")


def test_equals_differ_by_chance_only() -> None:
    log = half_and_half(0.2, 0.2)
    assert told(log, only(0, log))[1].startswith("No clear difference.")


def test_the_logged_policy_earns_what_the_log_earned() -> None:
    log = World().log(0, ROWS)
    evaluation, sentence = told(log, Logged())
    assert not evaluation.difference.clear
    for name in ("ips", "snips", "dr"):
        [estimate] = [e for e in evaluation.estimates if e.estimator == name]
        assert estimate.value == pytest.approx(float(log.rewards.mean()))
    assert sentence.startswith("The policy that wrote the log earns 0.2")


def test_the_uniform_policy_on_a_uniform_log_is_that_log() -> None:
    evaluation = evaluate(half_and_half(0.3, 0.1), Uniform())
    for name in ("ips", "snips"):
        [estimate] = [e for e in evaluation.estimates if e.estimator == name]
        assert estimate.value == pytest.approx(evaluation.logged.value)
        assert estimate.effective_rows == pytest.approx(ROWS)
    assert evaluation.headline.value == pytest.approx(evaluation.logged.value, abs=0.005)


def test_uniform_among_what_could_be_chosen() -> None:
    candidates = np.array([[True, True], [True, False]])
    log = log_of([1, 0], [1.0, 0.0], [0.5, 1.0], candidates=candidates)
    assert Uniform().of_chosen(log).tolist() == [0.5, 1.0]
    assert Uniform().of_all(log, slice(0, 2)).tolist() == [[0.5, 0.5], [1.0, 0.0]]


def test_a_written_policy_keeps_to_what_could_be_chosen() -> None:
    candidates = np.array([[True, True, False], [False, True, True]])
    log = log_of([0, 1], [1.0, 0.0], [0.5, 0.5], names=("a", "b", "c"), candidates=candidates)
    policy = Tabled(np.array([[0.2, 0.3, 0.5]]), np.zeros(2, np.intp))
    assert policy.of_all(log, slice(0, 2)) == pytest.approx(
        np.array([[0.4, 0.6, 0.0], [0.0, 0.375, 0.625]])
    )
    assert policy.of_chosen(log) == pytest.approx(np.array([0.4, 0.375]))
    with pytest.raises(InvalidInput, match="chooses nothing of what choice 2 had"):
        only(0, log).of_chosen(log)


def test_a_policy_that_chooses_nothing_earns_nothing() -> None:
    log = half_and_half(0.3, 0.1)
    half = Tabled(np.array([[0.5, 0.0]]), np.zeros(ROWS, np.intp))
    evaluation = evaluate(log, half)
    rate = float(log.rewards[log.actions == 0].mean())
    for estimate in evaluation.estimates:
        assert estimate.value == pytest.approx(rate / 2, abs=0.01)
    assert evaluation.headline.uncovered == pytest.approx(0.0, abs=0.02)
    assert not evaluation.refusals


def test_two_policies_are_compared_on_the_same_choices() -> None:
    log = half_and_half(0.3, 0.1)
    better, worse = only(0, log), only(1, log)
    both = evaluate(log, better, against=worse)
    assert both.before.value == evaluate(log, worse).headline.value
    assert both.difference.value == pytest.approx(both.headline.value - both.before.value)
    assert both.difference.clear
    assert not evaluate(log, better, against=better).difference.clear


def test_nothing_is_concluded_against_a_policy_the_log_says_nothing_about() -> None:
    log = log_of([0, 1] * 500, [1.0, 0.0] * 500, [0.5] * 1_000, names=("a", "b", "new"))
    [reason] = evaluate(log, only(0, log), against=only(2, log)).refusals[:1]
    assert reason.startswith("of the policy it is compared with: 100%")


def test_no_conclusion_about_what_the_log_never_shows() -> None:
    log = log_of([0, 1] * 500, [1.0, 0.0] * 500, [0.5] * 1_000, names=("a", "b", "new"))
    evaluation, sentence = told(log, only(2, log))
    assert evaluation.overlap.unseen == 1.0
    assert sentence.startswith("No conclusion: the log cannot tell")
    assert "100% of what the policy would choose are actions the log never shows" in sentence
    assert not any(estimate.reliable for estimate in evaluation.estimates)


def test_no_conclusion_from_a_handful_of_rows() -> None:
    chance = np.random.default_rng(8)
    rare = (chance.uniform(size=ROWS) < 0.01).astype(int)
    rewards = (chance.uniform(size=ROWS) < 0.5).astype(float)
    log = log_of(rare.tolist(), rewards.tolist(), np.where(rare == 1, 0.01, 0.99).tolist())
    evaluation, sentence = told(log, only(1, log))
    assert evaluation.overlap.effective_rows == pytest.approx(rare.sum())
    assert "at least 100 are needed" in sentence
    assert evaluation.to_dict()["concludes"] is False


def test_no_conclusion_where_nothing_was_earned() -> None:
    log = log_of([0, 1] * 500, [0.0] * 1_000, [0.5] * 1_000)
    assert "only 0.0 effective rewards" in told(log, only(0, log))[1]


def test_no_conclusion_from_probabilities_that_cannot_be_right() -> None:
    _, sentence = told(half_and_half(0.3, 0.1, probability=0.25), Uniform())
    assert "the weights average 2.00 where they should average 1" in sentence


def test_what_the_log_could_not_choose_is_left_to_the_model() -> None:
    """A log that only ever could choose between two of four actions covers half of the uniform policy."""
    log = log_of([0, 1] * 500, [1.0, 0.0] * 500, [0.5] * 1_000, names=("a", "b", "c", "d"))
    evaluation = evaluate(log, Uniform())
    assert evaluation.overlap.mean_weight == 0.5
    assert evaluation.headline.uncovered == pytest.approx(0.5, abs=0.01)
    assert evaluation.refusals


def test_values_stay_within_what_a_reward_can_be() -> None:
    log = log_of([0, 1] * 20, [0.0, 1.0] * 20, [0.9, 0.1] * 20)
    for estimate in evaluate(log, Uniform()).estimates:
        assert estimate.bootstrap.low >= 0.0
        assert estimate.bootstrap.high <= 1.0


def test_the_same_seed_gives_the_same_evaluation() -> None:
    world = World()
    log = world.log(3, 300)
    assert evaluate(log, world.policy, 7) == evaluate(log, world.policy, 7)


def test_the_report_is_json() -> None:
    report = json.loads(
        json.dumps(evaluate(half_and_half(0.3, 0.1), Uniform()).to_dict(), allow_nan=False)
    )
    assert report["headline"] == HEADLINE
    assert report["concludes"] is True
    assert {e["estimator"] for e in report["estimates"]} == set(ESTIMATORS)


def test_the_table_has_a_line_for_each_estimator_and_marks_the_weak() -> None:
    lines = table(evaluate(half_and_half(0.3, 0.1), Uniform())).splitlines()
    assert [line[:22].strip() for line in lines[1:8]] == [
        "IPS", "self-normalised IPS", "direct method", "doubly robust", "switch-DR",
        "DR with shrinkage", "the log itself",
    ]  # fmt: skip
    assert [line.endswith("?") for line in lines[1:8]] == [False, False, True, *[False] * 4]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ({"probabilities": np.array([0.5, 0.0])}, "above 0 and at most 1"),
        ({"rewards": np.array([np.nan, 0.0])}, "must be finite"),
        ({"units": np.array([0])}, "must have one row for each of the 2 choices"),
        ({"candidates": np.ones((2, 3), np.bool_)}, "which actions it had"),
    ],
)
def test_a_log_that_makes_no_sense_is_refused(rest: dict[str, np.ndarray], message: str) -> None:
    given: dict[str, Any] = {
        "names": ("a", "b"),
        "actions": np.array([0, 1]),
        "rewards": np.zeros(2),
        "probabilities": np.full(2, 0.5),
        "context": np.empty((2, 0)),
        "units": np.arange(2),
    }
    with pytest.raises(InvalidInput, match=message):
        Log(**(given | rest))
