"""Arbitrate: what the standing experiments do otherwise."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from engine.arbitration import Candidates, Merit, Vector
from engine.exploration.choice import BY_LOT
from engine.model import Micros, PlacementId, Stage, Value
from engine.rulebook.book import ActionClass, Exploration, RuleBook, Truth
from engine.rulebook.trial import Arm

_WAIVED: Final = frozenset({Stage.APPLICABILITY, Stage.SUITABILITY})


class Varied(NamedTuple):
    """A contest as an arm has it: the candidates at its priorities and how chance enters.

    `worth` is what each action of the book counts there if it is taken, shape (actions,).
    """

    candidates: Candidates
    exploration: Exploration
    worth: Vector


def varied(
    arm: Arm,
    candidates: Candidates,
    propensities: Vector | None,
    merit: Merit,
    by_propensity: bool,
    usual: Exploration,
) -> Varied:
    """How a contest is varied in this arm.

    Who competes is settled before: thresholds and the prices of scarce caps go by the usual priority.
    `propensities` are over all actions of the book; without (the model was not asked)
    `propensity_only` is as usual. `by_propensity` says whether P is a factor of the usual priority.
    """
    actions = candidates.actions
    match arm:
        case Arm.RANDOM_RELEVANT:
            equal = np.ones_like(merit.product)
            return Varied(candidates._replace(priorities=equal[actions]), BY_LOT, equal)
        case Arm.RANDOM_PROPENSITY:
            priorities = merit.product[actions]
            return Varied(candidates._replace(priorities=priorities), BY_LOT, merit.product)
        case Arm.PROPENSITY_ONLY:
            if propensities is None:
                return Varied(candidates, usual, merit.product)
            priorities = propensities[actions]
            return Varied(
                candidates._replace(priorities=priorities), usual, np.ones_like(merit.product)
            )
        case Arm.NO_LEVERS:
            worth = merit.context * merit.value
            priorities = worth[actions]
            if by_propensity and propensities is not None:
                priorities = priorities * propensities[actions]
            return Varied(candidates._replace(priorities=priorities), usual, worth)
        case Arm.ELIGIBILITY_ONLY:
            return Varied(candidates, usual, merit.product)


class EligibilityOnly:
    """What the arm `eligibility_only` lets through in one book.

    Promotional actions need not meet what stands under `applicable_when`, `suitable_when` and
    `stages`. Eligibility, consent, dates, stops, a treatment's own `when` and the needs of its texts
    hold, and everything holds for all other actions.
    """

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._waived = tuple(c.index for c in book.conditions if c.stage in _WAIVED)
        self._promotional = frozenset(
            treatment
            for action in book.actions
            if action.action_class is ActionClass.PROMOTIONAL
            for treatment in action.treatments
        )

    def at(
        self, placement: PlacementId
    ) -> Callable[[Sequence[Truth], Sequence[Value], Micros], list[int]]:
        """What selects the treatments that may be shown there; see `RuleBook.select_for`."""
        return partial(self._select, placement)

    def _select(
        self, at: PlacementId, truths: Sequence[Truth], values: Sequence[Value], now: Micros
    ) -> list[int]:
        lenient = list(truths)
        for index in self._waived:
            lenient[index] = True
        select = self._book.select_for[at]
        kept = self._promotional.intersection(select(lenient, values, now)).union(
            t for t in select(truths, values, now) if t not in self._promotional
        )
        return [t for t in self._book.placements[at].treatments if t in kept]
