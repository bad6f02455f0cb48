"""Explore: chance enters the choice, and every choice knows exactly how likely it was."""

from typing import Final

import numpy as np
import numpy.typing as npt

from engine.chance import Chance
from engine.loops import loops
from engine.lots import draw_lots
from engine.rulebook.book import Exploration

Vector = npt.NDArray[np.float64]

BY_LOT: Final = Exploration("by_lot")
"""How experiments choose that leave it to chance; no book can ask for it. See `engine.lots`."""


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
    Policy `by_lot` draws by `engine.lots.draw_lots`, whatever else is given.
    Policy `greedy`, and `greedy=True` under any policy, takes the best with probability 1.

    Each choice is drawn by rejection: a candidate is drawn at random, each with 1/K, and kept with
    K/(K + γ·gap), else the best is taken. One uniform number does both: its place among K equal
    parts is the candidate, its place within the part the verdict. Only when the best is chosen are
    the shares of all others summed, for its probability.

    >>> choose(np.array([1.0, 3.0, 2.0]), 2, Exploration("greedy"), chance=Chance(1))
    [(1, 1.0), (2, 1.0)]
    >>> choose(np.array([1.0, 3.0]), 2, Exploration("squarecb", gamma=3.0), chance=Chance(4))
    [(1, 0.75), (0, 1.0)]
    """
    slots = min(slots, len(priorities))
    if slots <= 0:
        return []
    if exploration.policy == BY_LOT.policy:
        return draw_lots(priorities, slots, chance)
    greedy = greedy or exploration.policy == "greedy"
    gamma = exploration.gamma * (1.0 + lessons / 1000.0) ** exploration.growth
    if ties is None:
        ties = np.arange(len(priorities))
    state = np.uint64(chance.take(0 if greedy else slots))
    chosen, probabilities = np.empty(slots, np.intp), np.empty(slots)
    loops().fill(priorities, ties, gamma, greedy, state, chosen, probabilities)
    return list(zip(chosen.tolist(), probabilities.tolist(), strict=True))
