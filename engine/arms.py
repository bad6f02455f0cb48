"""Arbitrate: what the standing experiments do otherwise."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from engine.arbitration import Candidates, Merit, Vector
from engine.exploration import BY_LOT
from engine.model import Micros, PlacementId, Stage, Value
from engine.rulebook.book import ActionClass, Exploration, RuleBook, Truth
from engine.rulebook.trial import Arm

_WAIVED: Final = frozenset({Stage.APPLICABILITY, Stage.SUITABILITY})


def varied(
    arm: Arm,
    candidates: Candidates,
    propensities: Vector | None,
    merit: Merit,
    by_propensity: bool,
    usual: Exploration,
) -> tuple[Candidates, Exploration]:
    """The candidates at the priorities they have in this arm, and how chance enters there.

    Who competes is settled before: thresholds and the prices of scarce caps go by the usual priority.
    `propensities` are over all actions of the book; without (the model was not asked)
    `propensity_only` is as usual. `by_propensity` says whether P is a factor of the usual priority.
    """
    actions = candidates.actions
    match arm:
        case Arm.RANDOM_RELEVANT:
            return candidates._replace(priorities=np.ones(len(actions))), BY_LOT
        case Arm.RANDOM_PROPENSITY:
            return candidates._replace(priorities=merit.product[actions]), BY_LOT
        case Arm.PROPENSITY_ONLY:
            if propensities is None:
                return candidates, usual
            return candidates._replace(priorities=propensities[actions]), usual
        case Arm.NO_LEVERS:
            worth = merit.context[actions] * merit.value[actions]
            if by_propensity and propensities is not None:
                worth *= propensities[actions]
            return candidates._replace(priorities=worth), usual
        case Arm.ELIGIBILITY_ONLY:
            return candidates, usual


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
