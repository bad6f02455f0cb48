"""The first slot: with which probability a decision would have filled it with each action."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np

from engine.effects import tries_nothing
from engine.exploration.choice import shares
from engine.exploration.exposures import Experience
from engine.exploration.thompson import Doubt
from engine.model import ActionId, Contest, Decision, PlacementId
from engine.rulebook.book import ActionClass, RuleBook

DoubtOf: TypeAlias = Callable[[Contest], Doubt | Experience | None]

NOTHING: Final[Mapping[ActionId, float]] = {}


def first_slot(
    decision: Decision,
    at: PlacementId,
    book: RuleBook,
    lessons: int,
    doubt_of: DoubtOf | None = None,
) -> Mapping[ActionId, float]:
    """The probability of each action in the first slot of a placement; `NOTHING` if it stays empty.

    Where offering nothing competes, they add up to 1 less its own. `lessons` is how many the model had
    learned; `doubt_of` says how sure its propensities were. Exact, but for placements with bundles,
    whose members are taken as competing one by one.
    """
    placed = next((placed for placed in decision.placements if placed.placement == at), None)
    contest = next((contest for contest in decision.contests if contest.placement == at), None)
    if placed is None or contest is None:
        return NOTHING
    if placed.fallback and not _may_be_nothing(contest, book):
        return NOTHING
    shown = placed.offers[0].action_id
    if _is_certain(contest, shown, book) or not len(contest.actions):
        return {shown: 1.0}
    return _competing(contest, book, lessons, doubt_of(contest) if doubt_of else None)


def _may_be_nothing(contest: Contest, book: RuleBook) -> bool:
    """Whether offering nothing competed, and chance could have taken it: see `engine.effects`."""
    if contest.calm or not tries_nothing(book.arbitration.exploration):
        return False
    measured = {one.action for one in book.measured.values()}
    return not measured.isdisjoint(contest.actions.tolist())


def _is_certain(contest: Contest, shown: ActionId, book: RuleBook) -> bool:
    """Whether chance had no part in it: a mandatory action, or nothing was to be tried out."""
    if contest.calm or book.arbitration.exploration.policy == "greedy":
        return True
    mandatory = (a for a in book.actions if a.action_class is ActionClass.MANDATORY)
    return any(action.action_id == shown for action in mandatory)


def _competing(
    contest: Contest, book: RuleBook, lessons: int, doubt: Doubt | Experience | None
) -> Mapping[ActionId, float]:
    priorities, actions = contest.priorities, contest.actions
    if _may_be_nothing(contest, book):
        priorities = np.append(priorities, 0.0)
    found = shares(
        priorities, book.arbitration.exploration, lessons=lessons, actions=actions, doubt=doubt
    )
    named: dict[ActionId, float] = {}
    for index, share in zip(contest.actions.tolist(), found.tolist(), strict=False):
        name = book.actions[index].action_id
        named[name] = named.get(name, 0.0) + share
    return named
