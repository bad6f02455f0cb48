"""The policy simulator of the benchmarks, on worlds small enough for a test."""

import numpy as np
import pytest

from benchmarks.regret.contest import OURS, regret, standing, tenths
from benchmarks.regret.ours import Attune
from benchmarks.regret.peers import Uniform
from benchmarks.regret.world import TRUTHS, WIDTH, World, world

ROUNDS = 1_500


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_world_is_the_same_for_the_same_seed_and_as_rare_as_asked(truth: str) -> None:
    one, again, other = (world(truth, seed, ROUNDS) for seed in (1, 1, 2))
    assert (one.truth == again.truth).all()
    assert (one.lots == again.lots).all()
    assert one.customers == again.customers
    assert one.customers != other.customers
    assert one.truth.mean() == pytest.approx(0.05, abs=0.01)
    assert one.vectors.shape == (ROUNDS, WIDTH)


def test_actions_come_and_go() -> None:
    one = world("linear", 3, ROUNDS)
    first, last = set(one.open_at(0)), set(one.open_at(ROUNDS - 1))
    assert first - last
    assert last - first
    assert first & last


def test_what_holds_at_the_end_of_a_drift_did_not_hold_at_its_beginning() -> None:
    def moved(truth: str) -> float:
        by_action = world(truth, 1, ROUNDS).truth
        return float(np.abs(by_action[:300].mean(axis=0) - by_action[-300:].mean(axis=0)).mean())

    assert moved("drifting") > 5 * moved("linear")


class Best:
    """A player who knows the truth."""

    def __init__(self, told: World) -> None:
        self._world = told

    def play(self, round_: int) -> int:
        options = self._world.open_at(round_)
        return options[int(self._world.truth[round_, options].argmax())]


def test_who_knows_the_truth_regrets_nothing() -> None:
    one = world("interaction", 1, ROUNDS)
    assert regret(one, Best(one))[-1] == 0.0


def test_attune_learns_by_its_defaults_and_only_shows_what_is_open() -> None:
    one = world("linear", 2, ROUNDS, actions=10, rate=0.3)
    player = Attune(one, 0)
    lost = []
    for round_ in range(ROUNDS):
        shown = player.play(round_)
        assert shown in one.open_at(round_)
        lost.append(one.truth[round_, one.open_at(round_)].max() - one.truth[round_, shown])
    by_chance = regret(one, Uniform(one, 0))[-1]
    assert sum(lost) < 0.7 * by_chance


@pytest.mark.parametrize("name", OURS)
def test_every_exploration_can_play(name: str) -> None:
    one = world("linear", 1, 60, actions=5, rate=0.2)
    assert np.isfinite(regret(one, OURS[name](one, 1))).all()


def test_a_standing_is_the_mean_of_its_curves() -> None:
    curves = [tenths(np.arange(1.0, 101.0) * factor) for factor in (1.0, 3.0)]
    found = standing("somebody", curves)
    assert found.means.tolist() == [20.0 * part for part in range(1, 11)]
    assert found.halves[0] == pytest.approx(1.96 * 10.0)
