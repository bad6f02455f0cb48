"""Ranking: what would be shown in each row, the best always winning."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.arbitration import Arbiter
from engine.bundling import Bundling
from engine.comparison.filling import Contenders, Filler
from engine.comparison.judgement import Flags, Judged, Numbers
from engine.levers import Season, Seasons
from engine.limits.variety import VarietyGuard
from engine.model import Micros, PlacementId
from engine.rulebook.book import ActionClass, Number, RuleBook

Shown = npt.NDArray[np.intp]
"""Rows × slots: the actions shown, by index, the first first; -1 where a slot stays empty."""

_Worth: TypeAlias = Numbers | float
"""One number for each row, or one for all of them."""


class Place(NamedTuple):
    """A placement that is to be filled.

    `before` are the selections of the placements filled for the same request, one after the other;
    `is_alone` if there are and will be none.
    """

    placement: PlacementId
    channel: str
    slots: int
    now: Micros
    rows: int
    before: Sequence[tuple[PlacementId, Shown]]
    is_alone: bool


class Ranking:
    """Ranks the actions of one book as `engine.decide.Decider` does, for many rows at once.

    What depends on the past of a customer (influencers, prices of caps) is left aside.
    """

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._arbiter = Arbiter(book)
        self._seasons = Seasons(book)
        self._used = book.arbitration.factors
        self._weights = book.arbitration.context_weights if "C" in self._used else ()
        self._bundlings = Bundling.by_placement(book)
        self._variety = VarietyGuard(book) if book.arbitration.limits else None
        self._fillers: dict[tuple[PlacementId, int, int], Filler] = {}

    def shown(
        self,
        place: Place,
        passing: Mapping[int, Flags],
        judged: Judged,
        propensities: Mapping[int, Numbers] | None = None,
    ) -> Shown:
        """The best of those passing: mandatory actions lead, the others by P · C · V · L.

        Without `propensities` (by action) P is 1 and no threshold is applied. The rows are of one
        season (`engine.levers`), that of `place.now`.
        """
        season = self._seasons.at(place.now)
        led: dict[int, _Worth] = {}
        merit: dict[int, _Worth] = {}
        admitted = dict(passing)
        for action in sorted(passing, key=season.ties.__getitem__):
            worth = self._worth(action, season, judged)
            if self._book.actions[action].action_class is ActionClass.MANDATORY:
                led[action] = np.nan_to_num(worth, nan=0.0)
                continue
            admitted[action] = passing[action] & ~np.isnan(worth)
            if propensities is not None:
                worth = self._with_propensity(action, worth, propensities, admitted, place.channel)
            merit[action] = worth
        if not self._stand_for_themselves(place):
            return self._filled(place, season, _Tiers(led, merit, admitted))
        if any(isinstance(worth, np.ndarray) for worth in (*led.values(), *merit.values())):
            return _best((led, merit), admitted, place)
        order = [*sorted(led, key=led.__getitem__, reverse=True)]
        order += sorted(merit, key=merit.__getitem__, reverse=True)
        return _in_order(order, admitted, place)

    def _with_propensity(
        self,
        action: int,
        worth: _Worth,
        propensities: Mapping[int, Numbers],
        admitted: dict[int, Flags],
        channel: str,
    ) -> _Worth:
        """The priority; whoever does not reach what is asked of the action is not admitted any more."""
        propensity = propensities[action]
        priority = worth * propensity if "P" in self._used else worth
        admitted[action] &= propensity >= self._arbiter.floor(channel, action)
        admitted[action] &= priority >= self._arbiter.least_priority(channel, action)
        return priority

    def _worth(self, action: int, season: Season, judged: Judged) -> _Worth:
        """C · V · L; NaN where V cannot be told."""
        value: _Worth = float(season.value[action])
        expression = dict(season.computed).get(action)
        if expression is not None:
            found = judged.numbers[expression]
            value = np.where(found >= 0.0, found, np.nan)
        return self._context(action, judged) * value * float(season.lever[action])

    def _context(self, action: int, judged: Judged) -> _Worth:
        percent: _Worth = 0.0
        for weight in self._weights:
            matched = judged.truths[weight.condition]
            if action in weight.actions and matched.any():
                amount = np.nan_to_num(_number(weight.weight, judged), nan=0.0)
                percent = percent + np.where(matched, amount, 0.0)
        return np.maximum(1.0 + percent / 100.0, 0.0)

    def _stand_for_themselves(self, place: Place) -> bool:
        """Whether no offer depends on what else is shown: no bundles here, no limits that could bind."""
        limited = self._variety is not None and not (place.slots == 1 and place.is_alone)
        return place.placement not in self._bundlings and not limited

    def _filled(self, place: Place, season: Season, tiers: "_Tiers") -> Shown:
        treatment_of = {
            self._book.treatments[t].action: t
            for t in reversed(self._book.placements[place.placement].treatments)
        }
        contenders = Contenders(
            np.array([*tiers.led, *tiers.merit], np.intp),
            np.array([treatment_of[a] for a in (*tiers.led, *tiers.merit)], np.intp),
            season.ties[[*tiers.led, *tiers.merit]],
            np.hstack(
                [
                    _merits(tiers.led, tiers.admitted, place.rows),
                    _merits(tiers.merit, tiers.admitted, place.rows),
                ]
            ),
            len(tiers.led),
        )
        before = [self._treatments(at, shown) for at, shown in place.before]
        return self._filler(place, season).fill(contenders, before)

    def _filler(self, place: Place, season: Season) -> Filler:
        key = place.placement, place.slots, season.number
        if key not in self._fillers:
            at = place.placement
            summed = any(b.summed for b in self._book.bundles if at in b.placements)
            bundling = self._bundlings.get(at)
            self._fillers[key] = Filler(place.slots, self._variety, bundling, summed=summed)
        return self._fillers[key]

    def _treatments(self, at: PlacementId, shown: Shown) -> npt.NDArray[np.intp]:
        """Treatments in place of the actions shown at a placement, any that stand there."""
        table = np.full(len(self._book.actions) + 1, -1, np.intp)
        for index in self._book.placements[at].treatments:
            table[self._book.treatments[index].action] = index
        return table[shown]


class _Tiers(NamedTuple):
    """What mandatory actions and all others are worth, and the rows they are admitted in."""

    led: Mapping[int, _Worth]
    merit: Mapping[int, _Worth]
    admitted: Mapping[int, Flags]


def _number(number: Number, judged: Judged) -> _Worth:
    if number.expression is None:
        return number.constant or 0.0
    return judged.numbers[number.expression]


def _in_order(order: Sequence[int], admitted: Mapping[int, Flags], place: Place) -> Shown:
    """Fills the slots of each row with the first that are admitted, where the order is always the same."""
    shown = np.full((place.rows, place.slots), -1, np.intp)
    filled = np.zeros(place.rows, np.intp)
    for action in order:
        free = np.flatnonzero(admitted[action] & (filled < place.slots))
        shown[free, filled[free]] = action
        filled[free] += 1
    return shown


def _best(
    tiers: Sequence[Mapping[int, _Worth]], admitted: Mapping[int, Flags], place: Place
) -> Shown:
    """Fills slot by slot from the first tier that has somebody left; the first of equals wins."""
    shown = np.full((place.rows, place.slots), -1, np.intp)
    every = np.arange(place.rows)
    merits = [_merits(tier, admitted, place.rows) for tier in tiers if tier]
    actions = [np.array(list(tier), np.intp) for tier in tiers if tier]
    for slot in range(place.slots):
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
