"""Arrays: the loops over candidates as steps over whole arrays, where nothing was compiled.

Each gives the same bits as its twin in `engine/native/loops.c`: sums are taken one term after the other
(`np.add.accumulate`; `np.sum` would pair terms up), products and sums are rounded apart, and
exponentials are the C library's (numpy's own differ in the last bit).
"""

from bisect import insort
from typing import Final

import numpy as np

from engine.exploration.chance import Chance
from engine.kernels.loops import DENSE, LEAST, Indexes, Loops, Numbers
from engine.learning.odds import sigmoid


def _score(
    columns: Indexes,
    values: Numbers,
    matrix: Numbers,
    known: int,
    shared: Indexes,
    slot_of: Indexes,
    own: Indexes,
    actions: Indexes,
    intercept: float,
    propensities: Numbers,
) -> None:
    rows = np.concatenate((shared, own[actions]))
    few = DENSE * len(rows) < known
    weights = matrix[columns[:, None], rows] if few else matrix[columns, :known]
    logits = np.add.accumulate(values[:, None] * weights, axis=0)[-1]
    if not few:
        logits = logits.take(rows)
    by_group, logits = logits[: len(shared)], logits[len(shared) :]
    by_group[0] += intercept
    by_group[1:] += by_group[0]
    logits += by_group[slot_of[actions]]
    propensities[:] = [sigmoid(logit) for logit in logits.tolist()]


def _fill(
    priorities: Numbers,
    ties: Indexes,
    gamma: float,
    greedy: bool,
    state: int,
    actions: Indexes,
    propensities: Numbers,
    worth: Numbers,
    exposures: Numbers,
    slots: int,
) -> list[tuple[int, float]]:
    order = np.lexsort((ties, -priorities))[:slots]
    if greedy:
        return [(place, 1.0) for place in order.tolist()]
    spreads = None
    if len(exposures):
        spreads = spread(propensities[actions], worth[actions], exposures[actions])
    slate = _Slate(np.maximum(priorities, 0.0), gamma, spreads)
    chance = Chance(state)
    ranked = order.tolist()
    top = 0
    for _ in ranked:
        while ranked[top] in slate.taken:
            top += 1
        slate.fill(ranked[top], chance.uniform())
    return list(zip(slate.chosen, slate.probabilities, strict=True))


class _Slate:
    """Slots being filled one after the other."""

    def __init__(self, merits: Numbers, gamma: float, spreads: Numbers | None) -> None:
        self._merits = merits
        self._gamma = gamma
        self._spreads = spreads
        self.taken: list[int] = []
        self.chosen: list[int] = []
        self.probabilities: list[float] = []

    def fill(self, best: int, uniform: float) -> None:
        """Fills the next slot, of whose candidates `best` is the best."""
        left = len(self._merits) - len(self.taken)
        scaled = uniform * left
        choice = int(scaled)
        verdict = scaled - choice
        for position in self.taken:
            choice += position <= choice
        shares = self._shares(best, left)
        probability = shares.item(choice)
        if choice == best or verdict >= left * probability:
            choice = best
            shares[[*self.taken, best]] = 0.0
            probability = 1.0 - float(np.add.accumulate(shares)[-1])
        self.chosen.append(choice)
        self.probabilities.append(probability)
        insort(self.taken, choice)

    def _shares(self, best: int, left: int) -> Numbers:
        merit = self._merits.item(best)
        if not merit > LEAST:
            return np.full(len(self._merits), 1.0 / left)
        scale = 1.0 / merit
        gaps: Numbers = np.maximum(1.0 - self._merits * scale, 0.0)
        if self._spreads is None:
            shares: Numbers = 1.0 / (left + self._gamma * gaps)
            return shares
        return evident(gaps, self._spreads, scale, self._gamma, best, left)


def spread(p: Numbers, worth: Numbers, exposures: Numbers) -> Numbers:
    """How far each priority may be off, in the unit of `worth`; see `engine.exploration.choice.choose`."""
    errors: Numbers = worth * np.sqrt(p * (1.0 - p) / (1.0 + exposures))
    return errors


def evident(
    gaps: Numbers, spreads: Numbers, scale: float, gamma: float, best: int, left: int
) -> Numbers:
    """The shares of all but the best by evidence; `spreads` times `scale` are how far each may be off."""
    shares = np.full(len(gaps), 1.0 / left)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = spreads * scale
        squares = relative * relative
        doubts = squares + squares[best]
        np.divide(1.0, left * (1.0 + gamma * gaps * gaps / doubts), out=shares, where=gaps > 0.0)
    return shares


ARRAYS: Final = Loops(_score, _fill)
