"""Explore: chance enters the choice, and every choice knows exactly how likely it was."""

from typing import Final

import numpy as np
import numpy.typing as npt

from engine.exploration import thompson
from engine.exploration.allowance import Draw
from engine.exploration.chance import Chance
from engine.exploration.exposures import Experience
from engine.exploration.lots import draw_lots
from engine.exploration.thompson import Doubt
from engine.kernels.arrays import evident, spread
from engine.kernels.loops import LEAST, loops
from engine.rulebook.book import Exploration

Vector = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

BY_LOT: Final = Exploration("by_lot")
"""How experiments choose that leave it to chance; no book can ask for it. See `engine.exploration.lots`."""


_USUAL_GAMMA: Final = 50.0
_SURENESS: Final = 5.0
_NOBODY: Final = np.empty(0, np.intp)
_NOTHING: Final = np.empty(0)


def choose(
    priorities: Vector,
    slots: int,
    exploration: Exploration,
    *,
    chance: Chance,
    greedy: bool = False,
    lessons: int = 0,
    ties: Indexes | None = None,
    actions: Indexes | None = None,
    doubt: Doubt | Experience | None = None,
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
    less than 10⁻¹⁵⁰), all are equally likely. Where the book has no `gamma`, the evidence says how large
    it is for each candidate: `γ·gap(a) = 5·K·gap(a)²/(d(a)² + d(best)²)`, so that its probability is
    `1/(K·(1 + 5·z²))`, z being the gap in standard errors. `d(a) = worth·√(p·(1 − p)/(1 + n))/best` is
    how far the priority of an action with propensity p may be off that was shown n times: the standard
    error of a rate seen once more than it was. Little known, an action is tried out; surely worse, hardly
    any more, and that at any rate of success and among any number of candidates. (The 5 did best in the
    worlds of `benchmarks.regret`.) Without an `Experience` gamma is 50 there.
    Policy `by_lot` draws by `engine.exploration.lots.draw_lots`, whatever else is given.
    Policy `epsilon` takes any of the K left with `ε/K` each and the best with the rest, where
    `ε = epsilon / (1 + lessons/1000)^growth`.
    Policy `thompson` takes each with the probability that it is the best, given how sure the
    propensities of `actions` are (`engine.exploration.thompson`); without a `doubt`, the best.
    Policy `greedy`, and `greedy=True` under any policy, takes the best with probability 1.

    Each choice of squarecb is drawn by rejection: a candidate is drawn at random, each with 1/K, and
    kept with K/(K + γ·gap), else the best is taken. One uniform number does both: its place among K
    equal parts is the candidate, its place within the part the verdict. Only when the best is chosen
    are the shares of all others summed, for its probability. Thompson draws from its `shares`.

    >>> choose(np.array([1.0, 3.0, 2.0]), 2, Exploration("greedy"), chance=Chance(1))
    [(1, 1.0), (2, 1.0)]
    >>> choose(np.array([1.0, 3.0]), 2, Exploration("squarecb", gamma=3.0), chance=Chance(4))
    [(1, 0.75), (0, 1.0)]
    """
    slots = min(slots, len(priorities))
    if slots <= 0:
        return []
    policy = exploration.policy
    if policy == BY_LOT.policy:
        return draw_lots(priorities, slots, chance)
    grown = (1.0 + lessons / 1000.0) ** exploration.growth
    if ties is None:
        ties = np.arange(len(priorities))
    if not greedy and policy == "epsilon":
        return _epsilon(priorities, slots, exploration.epsilon / grown, ties, chance)
    if not greedy and policy == "thompson" and isinstance(doubt, Doubt) and actions is not None:
        return _thompson(priorities, slots, actions, doubt, chance)
    greedy = greedy or policy != "squarecb"
    seen = _experience(exploration, actions, doubt)
    gamma = _SURENESS if len(seen[0]) else _gamma(exploration) * grown
    state = chance.take(0 if greedy else slots)
    return loops().fill(priorities, ties, gamma, greedy, state, *seen, slots)


def drawing(
    exploration: Exploration,
    chance: Chance,
    *,
    greedy: bool,
    lessons: int,
    doubt: Doubt | Experience | None,
) -> Draw:
    """`choose` for every contest of one placement, one after the other."""

    def draw(
        priorities: Vector, slots: int, ties: Indexes, actions: Indexes
    ) -> list[tuple[int, float]]:
        return choose(
            priorities,
            slots,
            exploration,
            chance=chance,
            greedy=greedy,
            lessons=lessons,
            ties=ties,
            actions=actions,
            doubt=doubt,
        )

    return draw


def shares(
    priorities: Vector,
    exploration: Exploration,
    *,
    lessons: int = 0,
    ties: Indexes | None = None,
    actions: Indexes | None = None,
    doubt: Doubt | Experience | None = None,
) -> Vector:
    """The probability of each candidate for one slot, shape (K,), K ≥ 1; arguments as for `choose`.

    >>> shares(np.array([1.0, 3.0]), Exploration("squarecb", gamma=3.0))
    array([0.25, 0.75])
    >>> shares(np.array([1.0, 3.0]), Exploration("epsilon", epsilon=0.2))
    array([0.1, 0.9])
    """
    grown = (1.0 + lessons / 1000.0) ** exploration.growth
    merits, best = np.maximum(priorities, 0.0), _best(priorities, ties)
    match exploration.policy:
        case "squarecb":
            seen = _experience(exploration, actions, doubt)
            return _inverse_gap(merits, best, _gamma(exploration) * grown, seen)
        case "epsilon":
            return _with_rest(np.full(len(merits), exploration.epsilon / grown / len(merits)), best)
        case "thompson" if isinstance(doubt, Doubt) and actions is not None:
            return thompson.shares(merits, actions, doubt)
    return _with_rest(np.zeros(len(merits)), best)


def _epsilon(
    priorities: Vector, slots: int, epsilon: float, ties: Indexes, chance: Chance
) -> list[tuple[int, float]]:
    """One uniform number a slot: below ε its place among K equal parts is the candidate, else the best."""
    ranked = np.lexsort((ties, -priorities))[:slots].tolist()
    left = list(range(len(priorities)))
    chosen: list[tuple[int, float]] = []
    for _ in range(slots):
        best = next(position for position in ranked if position in left)
        uniform, each = chance.uniform(), epsilon / len(left)
        choice = best
        if uniform < epsilon:
            choice = left[min(int(uniform / each), len(left) - 1)]
        chosen.append((choice, 1.0 - epsilon + each if choice == best else each))
        left.remove(choice)
    return chosen


def _thompson(
    priorities: Vector, slots: int, actions: Indexes, doubt: Doubt, chance: Chance
) -> list[tuple[int, float]]:
    """Slot after slot, each drawn by one uniform number from the shares of what is left."""
    merits, left = np.maximum(priorities, 0.0), np.arange(len(priorities))
    chosen: list[tuple[int, float]] = []
    for _ in range(slots):
        of_slot = thompson.shares(merits[left], actions[left], doubt)
        at = drawn(of_slot, chance.uniform())
        chosen.append((left.item(at), of_slot.item(at)))
        left = np.delete(left, at)
    return chosen


def drawn(of_slot: Vector, uniform: float) -> int:
    """The position a uniform number in [0, 1) falls on, where each has its share of the whole.

    >>> drawn(np.array([0.25, 0.0, 0.75]), 0.25), drawn(np.array([0.25, 0.0, 0.75]), 0.2)
    (2, 0)
    """
    reached = np.add.accumulate(of_slot)
    return int(np.searchsorted(reached, uniform * reached[-1], side="right"))


def _best(priorities: Vector, ties: Indexes | None) -> int:
    if ties is None:
        return int(priorities.argmax())
    foremost = np.flatnonzero(priorities == priorities.max())
    return foremost.item(int(ties[foremost].argmin()))


def _gamma(exploration: Exploration) -> float:
    return _USUAL_GAMMA if exploration.gamma is None else exploration.gamma


def _experience(
    exploration: Exploration, actions: Indexes | None, doubt: Doubt | Experience | None
) -> tuple[Indexes, Vector, Vector, Vector]:
    """The evidence that inverse-gap weighting goes by, as `Fill` takes it; empty if it goes by gamma."""
    if exploration.gamma is not None or actions is None or not isinstance(doubt, Experience):
        return _NOBODY, _NOTHING, _NOTHING, _NOTHING
    return actions, *doubt


def _inverse_gap(
    merits: Vector, best: int, gamma: float, seen: tuple[Indexes, Vector, Vector, Vector]
) -> Vector:
    count = len(merits)
    if not merits[best] > LEAST:
        return np.full(count, 1.0 / count)
    gaps = np.maximum(1.0 - merits / merits[best], 0.0)
    actions, propensities, worth, exposures = seen
    if not len(exposures):
        return _with_rest(1.0 / (count + gamma * gaps), best)
    spreads = spread(propensities[actions], worth[actions], exposures[actions])
    return _with_rest(evident(gaps, spreads, 1.0 / merits.item(best), _SURENESS, best, count), best)


def _with_rest(found: Vector, best: int) -> Vector:
    """The shares of the others, and for the best what they leave."""
    found[best] = 0.0
    found[best] = 1.0 - found.sum()
    return found
