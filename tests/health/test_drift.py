import numpy as np

from engine.health.drift import changes


def test_a_model_that_loses_its_grip_is_found_where_it_did() -> None:
    chance = np.random.default_rng(5)
    losses = np.concatenate([chance.normal(0.3, 0.1, 1_500), chance.normal(0.9, 0.1, 800)])
    [change] = changes(losses, list(range(2_300)))
    assert abs(change.since - 1_500) < 60
    assert change.worse
    assert (round(change.before, 1), round(change.after, 1)) == (0.3, 0.9)


def test_one_that_becomes_better_is_no_worse() -> None:
    chance = np.random.default_rng(5)
    losses = np.concatenate([chance.normal(0.9, 0.1, 1_500), chance.normal(0.3, 0.1, 800)])
    assert not any(change.worse for change in changes(losses, list(range(2_300))))


def test_noise_alone_is_no_drift() -> None:
    chance = np.random.default_rng(6)
    alarms = sum(
        bool(changes(chance.exponential(0.4, 1_000), list(range(1_000)))) for _ in range(20)
    )
    assert alarms <= 1


def test_without_offers_there_is_no_drift() -> None:
    assert changes(np.array([]), []) == ()
