"""Explore: chance enters the choice, and every choice knows exactly how likely it was."""

from bisect import insort
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.chance import Chance
from engine.rulebook.book import Exploration

Vector = npt.NDArray[np.float64]

_LEAST = 1e-150


class _Draw(NamedTuple):
    """What was chosen for a slot, and from what.

    `merit` is that of the best that was left, `left` how many were. `share` is 1/(left + γ·gap) of
    the choice, which is its probability unless it is the best.
    """

    choice: int
    best: int
    merit: float
    left: int
    share: float


def choose(
    priorities: Vector,
    slots: int,
    exploration: Exploration,
    *,
    chance: Chance,
    greedy: bool = False,
    lessons: int = 0,
    ties: npt.NDArray[np.intp] | None = None,
) -> list[tuple[int, float]]:
    """Fills `slots` from the candidates, without replacement: (position, probability) for each slot.

    The probability is the exact one with which this candidate was chosen for this slot, given the
    slots before it. `priorities`, shape (K,), are finite; below 0 counts as 0. Of equal priorities the
    one with the lower number in `ties` is the better, without `ties` the one that stands first. At
    most K slots are filled.

    Policy `squarecb` is inverse-gap weighting (Foster & Rakhlin, "Beyond UCB", ICML 2020) on the
    priorities relative to the best one left: with K candidates left, `gap(a) = 1 − priority(a)/best`
    in [0, 1] and `γ = gamma · (1 + lessons/1000)^growth`, a candidate other than the best has the
    probability `1/(K + γ·gap(a))` and the best has the rest. If the best is 0 (or
    less than 10⁻¹⁵⁰), all are equally likely.
    Policy `greedy`, and `greedy=True` under any policy, takes the best with probability 1.

    >>> choose(np.array([1.0, 3.0, 2.0]), 2, Exploration("greedy"), chance=Chance(1))
    [(1, 1.0), (2, 1.0)]
    >>> choose(np.array([1.0, 3.0]), 2, Exploration("squarecb", gamma=3.0), chance=Chance(4))
    [(1, 0.75), (0, 1.0)]
    """
    slots = min(slots, len(priorities))
    if slots <= 0:
        return []
    down = -priorities
    ranked = np.argsort(down, kind="stable") if ties is None else np.lexsort((ties, down))
    order = ranked[:slots].tolist()
    if greedy or exploration.policy == "greedy":
        return [(position, 1.0) for position in order]
    gamma = exploration.gamma * (1.0 + lessons / 1000.0) ** exploration.growth
    merits = np.maximum(priorities, 0.0)
    draws = _draw(merits.tolist(), order, slots, gamma, chance)
    if all(draw.choice != draw.best or draw.left == 1 for draw in draws):
        return [(draw.choice, draw.share) for draw in draws]
    return [
        (draw.choice, draw.share if draw.choice != draw.best else 1.0 - (rest - draw.share))
        for draw, rest in zip(draws, _rests(merits, draws, gamma), strict=True)
    ]


def _draw(
    merits: list[float], order: list[int], slots: int, gamma: float, chance: Chance
) -> list[_Draw]:
    """Fills the slots one after the other.

    Each choice is drawn by rejection, at a cost that does not depend on K: a candidate is drawn at
    random, each with 1/K, and kept with K/(K + γ·gap), else the best is taken. One uniform number
    does both: its place among K equal parts is the candidate, its place within the part the verdict.
    """
    draws: list[_Draw] = []
    taken: list[int] = []
    top = 0
    for _ in range(slots):
        while order[top] in taken:
            top += 1
        best = order[top]
        left = len(merits) - len(taken)
        merit = merits[best]
        scaled = chance.uniform() * left
        choice = int(scaled)
        verdict = scaled - choice
        for position in taken:
            choice += position <= choice
        share = 1.0 / (left + gamma * _gap(merits[choice], merit))
        if verdict >= left * share:
            choice, share = best, 1.0 / left
        draws.append(_Draw(choice, best, merit, left, share))
        insort(taken, choice)
    return draws


def _gap(merit: float, best: float) -> float:
    return 1.0 - merit / best if merit < best and best > _LEAST else 0.0


def _rests(merits: Vector, draws: list[_Draw], gamma: float) -> list[float]:
    """For each slot the summed shares of all that were left, the best's `1/left` among them.

    Reckoned for all slots and all K at once; then those taken for an earlier slot are subtracted.
    """
    slopes = np.array([-gamma / d.merit if d.merit > _LEAST else 0.0 for d in draws])
    bases = np.array([d.left + (gamma if d.merit > _LEAST else 0.0) for d in draws])
    shares = np.multiply.outer(slopes, merits)
    np.maximum(shares, -gamma, out=shares)
    shares += bases[:, None]
    np.reciprocal(shares, out=shares)
    taken = shares.take([draw.choice for draw in draws], axis=1)
    gone = np.einsum("st,st->s", taken, _earlier(len(draws)))
    rests: list[float] = (np.add.reduce(shares, axis=1) - gone).tolist()
    return rests


@lru_cache(maxsize=64)
def _earlier(slots: int) -> Vector:
    """1 where the second slot comes before the first, else 0; shape (slots, slots)."""
    return np.tri(slots, k=-1)
