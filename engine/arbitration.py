"""Arbitrate: what each candidate is worth here and now, P · C · V · L."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.columns import evenly
from engine.levers import Season, Seasons
from engine.model import Factors, Micros
from engine.native import native
from engine.rulebook.book import Action, RuleBook, Threshold, Truth

Vector = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


class Merit(NamedTuple):
    """C, V, L of every action of the book and their product; NaN where V cannot be told.

    `ties` is each action's place among equals.
    """

    context: Vector
    value: Vector
    lever: Vector
    product: Vector
    ties: Indexes


@native.quick
class Candidates(NamedTuple):
    """What competes for one placement: parallel, of length K. Lower in `ties` is first among equals."""

    treatments: Indexes
    actions: Indexes
    priorities: Vector
    ties: Indexes


class Arbiter:
    """Weighs the actions of one book: `priority = P · C · V · L`, each factor 1 if switched off.

    `C = 1 + (Σ matched context weights + Σ influencers) / 100`, at least 0; V and L come with the book and its
    levers.csv. Source: the priority formula of Pega Customer Decision Hub's documentation
    ("Next-Best-Action arbitration").
    """

    def __init__(self, book: RuleBook) -> None:
        used = book.arbitration.factors
        self._book = book
        self._count = len(book.actions)
        self._propensity = "P" in used
        self._seasons = Seasons(book)
        self._weights = book.arbitration.context_weights if "C" in used else ()
        self._floors = {channel: self._floors_on(channel) for channel in book.channels}
        self._least = {channel: self._least_on(channel) for channel in book.channels}
        self._no_floors = np.zeros(self._count)
        self._certain = np.ones(self._count)
        self._action_of = np.array([t.action for t in book.treatments], dtype=np.intp)
        self.all_actions = np.arange(self._count)
        self._merits: dict[tuple[int, tuple[int, ...]], Merit] = {}
        self._computed_weights = any(w.weight.expression is not None for w in self._weights)

    @staticmethod
    def _column(values: Sequence[float]) -> Vector:
        return np.array(values, dtype=np.float64)

    def _floors_on(self, channel: str) -> Vector:
        asking = [(t, t.propensity) for t in self._book.arbitration.thresholds]
        return self._column([_most_specific(asking, channel, a) for a in self._book.actions])

    def _least_on(self, channel: str) -> Vector | None:
        """The least priority of each action on this channel; None if nothing is asked of any."""
        asking = [(t, t.priority) for t in self._book.arbitration.thresholds]
        least = self._column([_most_specific(asking, channel, a) for a in self._book.actions])
        return least if least.any() else None

    def prepare(self, now: Micros) -> None:
        """Works out what holds at this moment, which for 2,000 actions takes ten times as long as a decision."""
        self._seasons.at(now)

    def merit(
        self,
        truths: Sequence[Truth],
        values: Sequence[object],
        now: Micros,
        pull: Vector | None = None,
    ) -> Merit:
        """C, V and L for this request at this time; arrays over all actions, not to be changed.

        `pull` is what the customer's past adds to C, in percent (`Influences.pull`).
        """
        season = self._seasons.at(now)
        matched = tuple(
            [i for i, weight in enumerate(self._weights) if truths[weight.condition] is True]
        )
        if season.computed or self._computed_weights:
            numbers = self._book.numbers_of(values)  # type: ignore[arg-type]
            return self._compose(season, matched, numbers, pull)
        if pull is not None:
            return self._compose(season, matched, (), pull)
        key = season.number, matched
        merit = self._merits.get(key)
        if merit is None:
            merit = self._merits[key] = self._compose(season, matched, ())
        return merit

    def _compose(
        self,
        season: Season,
        matched: tuple[int, ...],
        numbers: Sequence[float | None],
        pull: Vector | None = None,
    ) -> Merit:
        context = self._context(matched, numbers, pull)
        value, lever = season.value, season.lever
        if season.computed:
            value = value.copy()
            for action, expression in season.computed:
                number = numbers[expression]
                value[action] = np.nan if number is None or not number >= 0.0 else number
        return Merit(context, value, lever, context * value * lever, season.ties)

    def _context(
        self, matched: tuple[int, ...], numbers: Sequence[float | None], pull: Vector | None
    ) -> Vector:
        if not matched and pull is None:
            return evenly(1.0, self._count)
        percent = np.zeros(self._count) if pull is None else pull.copy()
        for i in matched:
            weight = self._weights[i].weight
            amount = weight.constant if weight.expression is None else numbers[weight.expression]
            percent[list(self._weights[i].actions)] += amount or 0.0
        return np.maximum(1.0 + percent / 100.0, 0.0)

    def compete(
        self, channel: str, treatments: list[int], propensities: Vector | None, merit: Merit
    ) -> Candidates:
        """Those of `treatments` whose action reaches its threshold and has a value, with priorities.

        `propensities` are over all actions of the book. Without (the model was not asked) no
        threshold is applied and P is 1.
        """
        asked = propensities is not None
        candidates = Candidates(
            *native.weigh(
                treatments,
                self._action_of,
                propensities if propensities is not None else self._certain,
                self._floors[channel] if asked else self._no_floors,
                merit.product,
                merit.ties,
                asked and self._propensity,
            )
        )
        least = self._least[channel]
        return candidates if least is None or not asked else _reaching(candidates, least)

    def floor(self, channel: str, action: int) -> float:
        """The least propensity this action needs on this channel; 0 if nothing is asked."""
        return self._floors[channel].item(action)

    def least_priority(self, channel: str, action: int) -> float:
        """The least priority this action needs on this channel; 0 if nothing is asked."""
        least = self._least[channel]
        return 0.0 if least is None else least.item(action)

    def priority(self, action: int, propensity: float | None, merit: Merit) -> float:
        """The priority of one action; without a propensity (the model was not asked) P is 1."""
        if propensity is None or not self._propensity:
            return merit.product.item(action)
        return propensity * merit.product.item(action)

    def place_of_mandatory(self, action: int, merit: Merit) -> tuple[float, int]:
        """A sort key: the mandatory do not compete, yet have an order; no value counts as none."""
        worth = merit.product.item(action)
        return (0.0 if math.isnan(worth) else -worth), merit.ties.item(action)

    def factors(self, action: int, propensity: float | None, merit: Merit) -> Factors:
        """The factors of one action as used, for explanations."""
        return Factors(
            propensity if propensity is not None and self._propensity else 1.0,
            merit.context.item(action),
            merit.value.item(action),
            merit.lever.item(action),
            self.priority(action, propensity, merit),
        )


def _reaching(candidates: Candidates, least: Vector) -> Candidates:
    """Those whose priority is at least what is asked of their action."""
    treatments, actions, priorities, ties = candidates
    keep = priorities >= least[actions]
    return Candidates(treatments[keep], actions[keep], priorities[keep], ties[keep])


def _most_specific(
    thresholds: Sequence[tuple[Threshold, float | None]], channel: str, action: Action
) -> float:
    """What is asked by the threshold that holds: of those that match, the one of the narrowest circle.

    An action is narrower than a group, a group than an issue, an issue than a channel.
    """
    best, best_rank = 0.0, (-1, -1, -1, -1)
    for threshold, asked in thresholds:
        if asked is None:
            continue
        wanted = (threshold.action, threshold.group, threshold.issue, threshold.channel)
        actual = (action.action_id, action.group, action.issue, channel)
        if all(w in ("", a) for w, a in zip(wanted, actual, strict=True)):
            rank = (bool(wanted[0]), bool(wanted[1]), bool(wanted[2]), bool(wanted[3]))
            if rank >= best_rank:
                best, best_rank = asked, rank
    return best
