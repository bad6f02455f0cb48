"""The contest: each player in the same worlds, and by how much less it earned than who knows the truth."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from benchmarks.regret.ours import Attune
from benchmarks.regret.peers import PEERS, Player, is_installed
from benchmarks.regret.world import Vector, World

Enter = Callable[[World, int], Player]

OURS: Final[Mapping[str, Enter]] = {
    "Attune": Attune,
    "Attune, thompson": lambda world, seed: Attune(world, seed, {"policy": "thompson"}),
    "Attune, gamma 50": lambda world, seed: Attune(world, seed, {"gamma": 50}),
    "Attune, greedy": lambda world, seed: Attune(world, seed, {"policy": "greedy"}),
}
"""Attune with its defaults, and with other explorations a book may ask for."""


class Standing(NamedTuple):
    """How a player did over several seeds.

    `means` and `halves` are the cumulative regret after each tenth of the rounds and half the width of
    its 95 % interval over the seeds (normal approximation; 0 for one seed).
    """

    player: str
    means: Vector
    halves: Vector


def players() -> Mapping[str, Enter]:
    """All that can play on this machine."""
    return {**OURS, **{name: enter for name, enter in PEERS.items() if is_installed(name)}}


def regret(world: World, player: Player) -> Vector:
    """Cumulative regret after each round, shape (T,).

    A round's regret is the probability with which the customer would have taken the best open action,
    less that of the one shown: an expectation, without the noise of what they did.
    """
    lost = np.empty(len(world.customers))
    for round_ in range(len(lost)):
        shown = player.play(round_)
        truth = world.truth[round_]
        lost[round_] = truth[world.open_at(round_)].max() - truth[shown]
    total: Vector = lost.cumsum()
    return total


def tenths(curve: Vector) -> Vector:
    """A curve after each tenth of the rounds."""
    ends = [len(curve) * part // 10 - 1 for part in range(1, 11)]
    return curve[ends]


def standing(player: str, curves: Sequence[Vector]) -> Standing:
    """The mean of curves of equal length, one a seed, and how sure it is."""
    stacked = np.stack(curves)
    halves = np.zeros(stacked.shape[1])
    if len(stacked) > 1:
        halves = 1.96 * stacked.std(axis=0, ddof=1) / np.sqrt(len(stacked))
    return Standing(player, stacked.mean(axis=0), halves)
