"""Ranking: what would be shown in each row, the best always winning."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.arbitration import Arbiter
from engine.comparison.judgement import Flags, Judged, Numbers
from engine.rulebook.book import ActionClass, Number, RuleBook

Shown = npt.NDArray[np.intp]
"""Rows × slots: the actions shown, by index, the first first; -1 where a slot stays empty."""

_Worth: TypeAlias = Numbers | float
"""One number for each row, or one for all of them."""


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
        led: dict[int, _Worth] = {}
        merit: dict[int, _Worth] = {}
        admitted = dict(passing)
        for action in sorted(passing, key=lambda action: int(self._arbiter.ties[action])):
            worth = self._worth(action, judged)
            if self._is_mandatory(action):
                led[action] = np.nan_to_num(worth, nan=0.0)
                continue
            admitted[action] = passing[action] & ~np.isnan(worth)
            if propensities is not None:
                propensity = propensities[action]
                admitted[action] &= propensity >= self._arbiter.floor(channel, action)
                worth = worth * propensity if "P" in self._used else worth
            merit[action] = worth
        if any(isinstance(worth, np.ndarray) for worth in (*led.values(), *merit.values())):
            return _best((led, merit), admitted, rows, slots)
        order = [*sorted(led, key=led.__getitem__, reverse=True)]
        order += sorted(merit, key=merit.__getitem__, reverse=True)
        return _in_order(order, admitted, rows, slots)

    def _is_mandatory(self, action: int) -> bool:
        return self._book.actions[action].action_class is ActionClass.MANDATORY

    def _worth(self, action: int, judged: Judged) -> _Worth:
        """C · V · L; NaN where V cannot be told."""
        declared = self._book.actions[action]
        lever = declared.lever if "L" in self._used else 1.0
        value = _value(declared.value, judged) if "V" in self._used else 1.0
        return self._context(action, judged) * value * lever

    def _context(self, action: int, judged: Judged) -> _Worth:
        percent: _Worth = 0.0
        for weight in self._weights:
            matched = judged.truths[weight.condition]
            if action in weight.actions and matched.any():
                amount = np.nan_to_num(_number(weight.weight, judged), nan=0.0)
                percent = percent + np.where(matched, amount, 0.0)
        return np.maximum(1.0 + percent / 100.0, 0.0)


def _number(number: Number, judged: Judged) -> _Worth:
    if number.expression is None:
        return number.constant or 0.0
    return judged.numbers[number.expression]


def _value(number: Number, judged: Judged) -> _Worth:
    found = _number(number, judged)
    return np.where(found >= 0.0, found, np.nan) if number.expression is not None else found


def _in_order(order: Sequence[int], admitted: Mapping[int, Flags], rows: int, slots: int) -> Shown:
    """Fills the slots of each row with the first that are admitted, where the order is always the same."""
    shown = np.full((rows, slots), -1, np.intp)
    filled = np.zeros(rows, np.intp)
    for action in order:
        free = np.flatnonzero(admitted[action] & (filled < slots))
        shown[free, filled[free]] = action
        filled[free] += 1
    return shown


def _best(
    tiers: Sequence[Mapping[int, _Worth]], admitted: Mapping[int, Flags], rows: int, slots: int
) -> Shown:
    """Fills slot by slot from the first tier that has somebody left; the first of equals wins."""
    shown = np.full((rows, slots), -1, np.intp)
    every = np.arange(rows)
    merits = [_merits(tier, admitted, rows) for tier in tiers if tier]
    actions = [np.array(list(tier), np.intp) for tier in tiers if tier]
    for slot in range(slots):
        for merit, names in zip(merits, actions, strict=True):
            best = merit.argmax(axis=1)
            free = (shown[:, slot] < 0) & (merit[every, best] > -np.inf)
            shown[free, slot] = names[best[free]]
            merit[every[free], best[free]] = -np.inf
    return shown


def _merits(tier: Mapping[int, _Worth], admitted: Mapping[int, Flags], rows: int) -> Numbers:
    """Rows × actions: what each is worth, -inf where it is not admitted."""
    columns = np.full((len(tier), rows), -np.inf)
    for column, (action, worth) in zip(columns, tier.items(), strict=True):
        np.copyto(column, worth, where=admitted[action])
    return np.ascontiguousarray(columns.T)
