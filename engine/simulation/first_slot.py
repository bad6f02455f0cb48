"""The first slot: with which probability a decision would have filled it with each action."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.loops import LEAST
from engine.model import ActionId, Contest, Decision, PlacementId
from engine.rulebook.book import ActionClass, RuleBook

NOTHING: Final[Mapping[ActionId, float]] = {}


def first_slot(
    decision: Decision, at: PlacementId, book: RuleBook, lessons: int
) -> Mapping[ActionId, float]:
    """The probability of each action in the first slot of a placement; `NOTHING` if it stays empty.

    Exact, but for placements with bundles, whose members are taken as competing one by one.
    """
    placed = next((placed for placed in decision.placements if placed.placement == at), None)
    if placed is None or placed.fallback:
        return NOTHING
    shown = placed.offers[0].action_id
    contest = next(contest for contest in decision.contests if contest.placement == at)
    if _is_certain(decision, shown, book) or not len(contest.actions):
        return {shown: 1.0}
    return _competing(contest, book, lessons)


def inverse_gap(priorities: npt.NDArray[np.float64], gamma: float) -> npt.NDArray[np.float64]:
    """The probability of each candidate for one slot under policy `squarecb`, see `engine.exploration`.

    >>> inverse_gap(np.array([1.0, 3.0]), 3.0)
    array([0.25, 0.75])
    """
    merits = np.maximum(priorities, 0.0)
    best, count = int(merits.argmax()), len(merits)
    if not merits[best] > LEAST:
        return np.full(count, 1.0 / count)
    shares: npt.NDArray[np.float64] = 1.0 / (
        count + gamma * np.maximum(1.0 - merits / merits[best], 0.0)
    )
    shares[best] = 0.0
    shares[best] = 1.0 - shares.sum()
    return shares


def _is_certain(decision: Decision, shown: ActionId, book: RuleBook) -> bool:
    """Whether chance had no part in it: a mandatory action, or nobody to try things out on."""
    exploration = book.arbitration.exploration
    if exploration.policy == "greedy":
        return True
    if any(a.action_id == shown and a.action_class is ActionClass.MANDATORY for a in book.actions):
        return True
    calm = exploration.none_when
    return calm is not None and book.conditions_of(decision.values)[calm] is True


def _competing(contest: Contest, book: RuleBook, lessons: int) -> Mapping[ActionId, float]:
    exploration = book.arbitration.exploration
    gamma = exploration.gamma * (1.0 + lessons / 1000.0) ** exploration.growth
    shares = inverse_gap(contest.priorities, gamma)
    named: dict[ActionId, float] = {}
    for index, share in zip(contest.actions.tolist(), shares.tolist(), strict=True):
        name = book.actions[index].action_id
        named[name] = named.get(name, 0.0) + share
    return named
