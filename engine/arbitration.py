"""Arbitrate: what each candidate is worth here and now, P · C · V · L."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.levers import Season, Seasons
from engine.model import Factors, Micros
from engine.rulebook.book import Action, RuleBook, Threshold, Truth

Vector = npt.NDArray[np.float64]


class Merit(NamedTuple):
    """C, V, L of every action of the book and their product; NaN where V cannot be told (`gaps`).

    `ties` is each action's place among equals.
    """

    context: Vector
    value: Vector
    lever: Vector
    product: Vector
    gaps: bool
    ties: npt.NDArray[np.intp]


class Arbiter:
    """Weighs the actions of one book: `priority = P · C · V · L`, each factor 1 if switched off.

    `C = 1 + Σ matched context weights / 100`; V and L come with the book and its levers.csv. Source:
    the priority formula of Pega Customer Decision Hub's documentation ("Next-Best-Action arbitration").
    """

    def __init__(self, book: RuleBook) -> None:
        used = book.arbitration.factors
        self._book = book
        self._count = len(book.actions)
        self._propensity = "P" in used
        self._seasons = Seasons(book)
        self._weights = book.arbitration.context_weights if "C" in used else ()
        self._floors = {channel: self._floor(channel) for channel in book.channels}
        self._highest = {c: f.max() for c, f in self._floors.items() if f is not None}
        self.all_actions = np.arange(self._count)
        self._merits: dict[tuple[int, tuple[int, ...]], Merit] = {}
        self._computed_weights = any(w.weight.expression is not None for w in self._weights)

    @staticmethod
    def _column(values: Sequence[float]) -> Vector:
        return np.array(values, dtype=np.float64)

    def _floor(self, channel: str) -> Vector | None:
        floors = self._column(
            [
                _most_specific(self._book.arbitration.thresholds, channel, a)
                for a in self._book.actions
            ]
        )
        return floors if floors.any() else None

    def merit(self, truths: Sequence[Truth], values: Sequence[object], now: Micros) -> Merit:
        """C, V and L for this request at this time; arrays over all actions, not to be changed."""
        season = self._seasons.at(now)
        matched = tuple(
            [i for i, weight in enumerate(self._weights) if truths[weight.condition] is True]
        )
        if season.computed or self._computed_weights:
            return self._compose(season, matched, self._book.numbers_of(values))  # type: ignore[arg-type]
        key = season.number, matched
        merit = self._merits.get(key)
        if merit is None:
            merit = self._merits[key] = self._compose(season, matched, ())
        return merit

    def _compose(
        self, season: Season, matched: tuple[int, ...], numbers: Sequence[float | None]
    ) -> Merit:
        percent = np.zeros(self._count)
        for i in matched:
            weight = self._weights[i].weight
            amount = weight.constant if weight.expression is None else numbers[weight.expression]
            percent[list(self._weights[i].actions)] += amount or 0.0
        context = 1.0 + percent / 100.0
        value, lever = season.value, season.lever
        if season.computed:
            value = value.copy()
            for action, expression in season.computed:
                number = numbers[expression]
                value[action] = np.nan if number is None or not number >= 0.0 else number
        gaps = bool(season.computed) and bool(np.isnan(value).any())
        return Merit(context, value, lever, context * value * lever, gaps, season.ties)

    def priorities(
        self, propensities: Vector | None, merit: Merit, actions: npt.NDArray[np.intp]
    ) -> Vector:
        """The priority of each of `actions` (indexes), shape (K,), given their propensities."""
        if propensities is None or not self._propensity:
            return merit.product[actions]
        return propensities * merit.product[actions]

    def admitted(
        self,
        channel: str,
        actions: npt.NDArray[np.intp],
        propensities: Vector | None,
        merit: Merit,
    ) -> npt.NDArray[np.bool_] | None:
        """Which of `actions` reach their threshold and have a value; None if all do.

        Without propensities (the model was not asked) no threshold is applied.
        """
        keep = None if propensities is None else self._above_floor(channel, actions, propensities)
        if merit.gaps:
            valued = ~np.isnan(merit.product[actions])
            keep = valued if keep is None else keep & valued
        return keep

    def _above_floor(
        self, channel: str, actions: npt.NDArray[np.intp], propensities: Vector
    ) -> npt.NDArray[np.bool_] | None:
        floors = self._floors.get(channel)
        if floors is None or not len(actions) or propensities.min() >= self._highest[channel]:
            return None
        return propensities >= floors[actions]

    def floor(self, channel: str, action: int) -> float:
        """The least propensity this action needs on this channel; 0 if nothing is asked."""
        floors = self._floors.get(channel)
        return 0.0 if floors is None else float(floors[action])

    def priority(self, action: int, propensity: float | None, merit: Merit) -> float:
        """The priority of one action; without a propensity (the model was not asked) P is 1."""
        if propensity is None or not self._propensity:
            return merit.product.item(action)
        return propensity * merit.product.item(action)

    def factors(self, action: int, propensity: float | None, merit: Merit) -> Factors:
        """The factors of one action as used, for explanations."""
        return Factors(
            propensity if propensity is not None and self._propensity else 1.0,
            merit.context.item(action),
            merit.value.item(action),
            merit.lever.item(action),
            self.priority(action, propensity, merit),
        )


def _most_specific(thresholds: Sequence[Threshold], channel: str, action: Action) -> float:
    """The propensity threshold that holds: of those that match, the one that names the narrowest circle.

    An action is narrower than a group, a group than an issue, an issue than a channel.
    """
    best, best_rank = 0.0, (-1, -1, -1, -1)
    for threshold in thresholds:
        wanted = (threshold.action, threshold.group, threshold.issue, threshold.channel)
        actual = (action.action_id, action.group, action.issue, channel)
        if all(w in ("", a) for w, a in zip(wanted, actual, strict=True)):
            rank = (bool(wanted[0]), bool(wanted[1]), bool(wanted[2]), bool(wanted[3]))
            if rank >= best_rank:
                best, best_rank = threshold.propensity, rank
    return best
