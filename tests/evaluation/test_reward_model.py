import numpy as np
import pytest

from engine.evaluation.estimators import direct
from engine.evaluation.evidence import Evidence
from engine.evaluation.log import Indexes, Log, Matrix, Vector
from engine.evaluation.policies import Uniform
from engine.evaluation.reward_model import FOLDS, RewardModel, ridge
from tests.evaluation.worlds import World, log_of


def dense_ridge(
    x: Matrix, actions: Indexes, rewards: Vector, count: int, shrinkage: float
) -> Matrix:
    """The same regression written out: shared columns beside those of each action."""
    own = [np.where((actions == action)[:, None], x, 0.0) for action in range(count)]
    wide = np.hstack([x, *own])
    size = x.shape[1]
    penalties = [1e-6] + [1.0] * (size - 1) + [shrinkage] * (count * size)
    theta = np.linalg.solve(wide.T @ wide + np.diag(penalties), wide.T @ rewards)
    shared, of_actions = theta[:size], theta[size:].reshape(count, size)
    coefficients: Matrix = shared + of_actions
    return coefficients


@pytest.mark.parametrize("shrinkage", [0.5, 20.0])
def test_the_arrow_is_solved_as_the_whole_regression_is(shrinkage: float) -> None:
    chance = np.random.default_rng(3)
    x = np.column_stack([np.ones(60), chance.normal(size=(60, 2))])
    actions, rewards = chance.integers(4, size=60), chance.normal(size=60)
    grams = np.array([x[actions == a].T @ x[actions == a] for a in range(5)])
    moments = np.array([x[actions == a].T @ rewards[actions == a] for a in range(5)])
    solved = ridge(grams, moments, shrinkage)
    assert solved == pytest.approx(dense_ridge(x, actions, rewards, 5, shrinkage))


def test_an_action_never_seen_is_expected_to_earn_what_all_share() -> None:
    model = RewardModel.of(log_of([0, 1] * 50, [1.0, 0.0] * 50, [0.5] * 100, names=("a", "b", "c")))
    a, b, never = model.coefficients[0, :, 0]
    assert b < never < a


def test_nobody_is_predicted_from_their_own_rewards() -> None:
    """Other rewards for one customer change no prediction for that customer, but others'."""
    units = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8] * 4
    rewards = [float(at % 3 == 0) for at in range(40)]
    changed = [1.0 - r if unit == 0 else r for r, unit in zip(rewards, units, strict=True)]
    before, after = (
        log_of([0, 1] * 20, earned, [0.5] * 40, units=units) for earned in (rewards, changed)
    )
    model, other = RewardModel.of(before), RewardModel.of(after)
    assert model.shrinkage == other.shrinkage
    own = np.array(units) == 0
    same = np.isclose(model.of_chosen(before), other.of_chosen(after))
    assert same[own].all()
    assert not same[~own].all()


def test_folds_are_of_equal_size() -> None:
    model = RewardModel.of(World().log(0, 100))
    assert np.bincount(model.folds).tolist() == [100 // FOLDS] * FOLDS


def test_the_implied_weights_are_how_much_each_reward_moves_the_direct_method() -> None:
    log = World().log(0, 200)
    model = RewardModel.of(log)
    implied = model.of_policy(log, Uniform()).implied
    x = np.column_stack([np.ones(200), log.context])

    def in_sample(rewards: Vector) -> float:
        moments = np.array(
            [x[log.actions == a].T @ rewards[log.actions == a] for a in range(len(log.names))]
        )
        return float((x @ ridge(model.grams, moments, model.shrinkage).T).mean())

    assert float(implied @ log.rewards) / 200 == pytest.approx(in_sample(log.rewards))
    nudged = log.rewards + np.eye(200)[17]
    assert in_sample(nudged) - in_sample(log.rewards) == pytest.approx(implied[17] / 200)


def test_the_model_sees_what_context_says() -> None:
    world = World()
    log = world.log(1, 5_000)
    model = RewardModel.of(log)
    rates = world.rates(log.context)[np.arange(5_000), log.actions]
    assert np.corrcoef(model.of_chosen(log), rates)[0, 1] > 0.9


def test_evidence_in_blocks_is_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    log = world.log(2, 300)
    model = RewardModel.of(log)
    whole = direct(Evidence.of(log, world.policy, model)).value
    monkeypatch.setattr("engine.evaluation.log._CELLS", 70)
    assert len(list(log.blocks())) > 20
    assert direct(Evidence.of(log, world.policy, model)).value == pytest.approx(whole)


def test_logs_without_context_need_none() -> None:
    log: Log = log_of([0, 0, 1, 1] * 10, [1.0, 0.0, 1.0, 1.0] * 10, [0.5] * 40)
    expected = RewardModel.of(log).of_policy(log, Uniform()).expected
    assert expected == pytest.approx(0.75, abs=0.1)
