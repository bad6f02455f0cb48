"""Ranking: what would be shown in each row, the best always winning."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.arbitration import Arbiter
from engine.comparison.judgement import Flags, Judged, Numbers
from engine.rulebook.book import ActionClass, Number, RuleBook

Shown = npt.NDArray[np.intp]
"""Rows × slots: the actions shown, by index, the first first; -1 where a slot stays empty."""


class Ranking:
    """Ranks the actions of one book as `engine.arbitration.Arbiter` does, for many rows at once."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._arbiter = Arbiter(book)
        self._used = book.arbitration.factors
        self._weights = book.arbitration.context_weights if "C" in self._used else ()

    def shown(
        self,
        passing: Mapping[int, Flags],
        judged: Judged,
        rows: int,
        slots: int,
        propensities: Mapping[int, Numbers] | None = None,
        channel: str = "",
    ) -> Shown:
        """The best `slots` of those passing: mandatory actions lead, the others by P · C · V · L.

        Without `propensities` (by action) P is 1 and no threshold is applied.
        """
        order = sorted(passing, key=lambda action: int(self._arbiter.ties[action]))
        mandatory = [a for a in order if self._is_mandatory(a)]
        competing = [a for a in order if not self._is_mandatory(a)]
        led = np.full((rows, len(mandatory)), -np.inf)
        for at, action in enumerate(mandatory):
            worth = np.nan_to_num(self._worth(action, judged, rows), nan=0.0)
            np.copyto(led[:, at], worth, where=passing[action])
        merit = np.full((rows, len(competing)), -np.inf)
        for at, action in enumerate(competing):
            priority = self._worth(action, judged, rows)
            admitted = passing[action] & ~np.isnan(priority)
            if propensities is not None:
                propensity = propensities[action]
                admitted &= propensity >= self._arbiter.floor(channel, action)
                priority = priority * propensity if "P" in self._used else priority
            np.copyto(merit[:, at], priority, where=admitted)
        return _best([(led, mandatory), (merit, competing)], rows, slots)

    def _is_mandatory(self, action: int) -> bool:
        return self._book.actions[action].action_class is ActionClass.MANDATORY

    def _worth(self, action: int, judged: Judged, rows: int) -> Numbers:
        """C · V · L; NaN where V cannot be told."""
        declared = self._book.actions[action]
        lever = declared.lever if "L" in self._used else 1.0
        value = np.ones(rows) if "V" not in self._used else _value(declared.value, judged, rows)
        return self._context(action, judged, rows) * value * lever

    def _context(self, action: int, judged: Judged, rows: int) -> Numbers:
        percent = np.zeros(rows)
        for weight in self._weights:
            if action in weight.actions:
                matched = judged.truths[weight.condition]
                amount = np.nan_to_num(_number(weight.weight, judged, rows), nan=0.0)
                percent += np.where(matched, amount, 0.0)
        return np.maximum(1.0 + percent / 100.0, 0.0)


def _number(number: Number, judged: Judged, rows: int) -> Numbers:
    if number.expression is None:
        return np.full(rows, number.constant or 0.0)
    return judged.numbers[number.expression]


def _value(number: Number, judged: Judged, rows: int) -> Numbers:
    found = _number(number, judged, rows)
    return np.where(found >= 0.0, found, np.nan) if number.expression is not None else found


def _best(tiers: Sequence[tuple[Numbers, Sequence[int]]], rows: int, slots: int) -> Shown:
    """Fills slot by slot from the first tier that has somebody left; the first of equals wins."""
    shown = np.full((rows, slots), -1, np.intp)
    every = np.arange(rows)
    for slot in range(slots):
        for merit, actions in tiers:
            if not actions:
                continue
            best = merit.argmax(axis=1)
            free = (shown[:, slot] < 0) & (merit[every, best] > -np.inf)
            shown[free, slot] = np.asarray(actions, np.intp)[best[free]]
            merit[every[free], best[free]] = -np.inf
    return shown
