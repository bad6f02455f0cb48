"""Filling: where offers depend on each other, the code that serves fills each pattern of a row once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arbitration import Candidates
from engine.bundling import Bundling
from engine.comparison.judgement import Numbers
from engine.exploration.chance import Chance
from engine.limits.limits import NO_LIMITS, Limits
from engine.limits.variety import Variety, VarietyGuard
from engine.placement import fill
from engine.rulebook.book import Exploration

Indexes = npt.NDArray[np.intp]


class Contenders(NamedTuple):
    """All that could be shown in a placement: parallel, the first `leading` of them mandatory.

    `merits` are rows × contenders, -inf where one is not admitted.
    """

    actions: Indexes
    treatments: Indexes
    ties: Indexes
    merits: Numbers
    leading: int


class Filler:
    """Fills one placement of one book in one season; what was found for a pattern is kept.

    What is shown depends on the order of merits alone, unless a bundle competes by a sum of them.
    """

    def __init__(
        self, slots: int, variety: VarietyGuard | None, bundling: Bundling | None, *, summed: bool
    ) -> None:
        self._slots = slots
        self._variety = variety
        self._bundling = bundling
        self._summed = summed
        self._known: dict[bytes, Indexes] = {}

    def fill(self, contenders: Contenders, before: Sequence[Indexes]) -> Indexes:
        """Rows × slots: the actions shown, -1 where a slot stays empty.

        `before` are the treatments (rows × slots, -1 for none) of placements filled for the same request.
        """
        rows = len(contenders.merits)
        merits = contenders.merits if self._summed else _standings(contenders)
        earlier = np.hstack([np.zeros((rows, 1), np.int64), *before])
        keys = np.ascontiguousarray(np.hstack([merits.view(np.int64), earlier]))
        patterns = keys.view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1]))).ravel()
        _, firsts, pattern_of = np.unique(patterns, return_index=True, return_inverse=True)
        found = np.full((len(firsts), self._slots), -1, np.intp)
        for number, row in enumerate(firsts):
            key = keys[row].tobytes()
            if key not in self._known:
                self._known[key] = self._filled(contenders, merits[row], earlier[row, 1:])
            found[number] = self._known[key]
        return found[pattern_of.ravel()]

    def _filled(self, contenders: Contenders, merits: Numbers, earlier: Indexes) -> Indexes:
        """The actions shown in a row with these merits."""
        limits = _limits(self._variety, earlier)
        treatments = contenders.treatments.tolist()
        is_open = np.isin(contenders.treatments, limits.open_to(treatments))
        present = np.flatnonzero((merits > -np.inf) & is_open)
        led = [at for at in present.tolist() if at < contenders.leading]
        led.sort(key=lambda at: (-merits[at], contenders.ties[at]))
        rivals = present[present >= contenders.leading]
        chosen = fill(
            Candidates(
                contenders.treatments[rivals],
                contenders.actions[rivals],
                merits[rivals],
                contenders.ties[rivals],
            ),
            [treatments[at] for at in led],
            self._slots,
            Exploration("greedy"),
            chance=Chance(0),
            greedy=True,
            lessons=0,
            limits=limits,
            bundling=self._bundling,
        )
        action_of = dict(zip(treatments, contenders.actions.tolist(), strict=True))
        shown = np.full(self._slots, -1, np.intp)
        shown[: len(chosen)] = [action_of[treatment] for treatment, _, _ in chosen]
        return shown


def _standings(contenders: Contenders) -> Numbers:
    """In place of merits, whole numbers in the same order: the best of K is K, -inf where not admitted."""
    merits, count = contenders.merits, len(contenders.actions)
    order = np.lexsort((np.broadcast_to(contenders.ties, merits.shape), -merits), axis=1)
    standings = np.empty(merits.shape)
    places = np.broadcast_to(np.arange(count, 0, -1, dtype=np.float64), merits.shape)
    np.put_along_axis(standings, order, places, axis=1)
    standings[merits == -np.inf] = -np.inf
    return standings


def _limits(variety: VarietyGuard | None, earlier: Indexes) -> Limits:
    if variety is None:
        return NO_LIMITS
    limits = Limits([Variety(variety)])
    limits.chosen(earlier[earlier >= 0].tolist())
    return limits
