"""Contender: whose decisions the challenger makes, and where the champion decides all the same."""

from typing import NamedTuple

from engine.challenger.plan import Plan
from engine.decide import Decider
from engine.model import CustomerId, Micros, PlacementId, Question
from engine.rulebook.book import RuleBook
from engine.trials.assignment import key_of, lot
from engine.trials.part import Assignment


class Side(NamedTuple):
    """Who makes a decision, and what the decision says of it (`Decision.holdout`)."""

    decider: Decider
    label: str = ""


class Contender:
    """A challenger that decides for a share of customers, beside the champion.

    Who is in it is told by lot (`engine.trials.assignment`): salted by when it began, named after it, and so
    the same for as long as it challenges; a larger share takes in whoever was in the smaller. Customers
    in a holdout or an experiment of the champion stay with the champion: they are set apart already.
    """

    def __init__(self, plan: Plan, decider: Decider, champion: Decider) -> None:
        self.plan = plan
        self.decider = decider
        self._usual = Side(champion)
        self._own = Side(decider, plan.label)
        self._instead = Side(champion, plan.label)
        self._key = lots_of(plan)
        self._share = plan.share
        self._trials = Assignment(champion.book.trials)
        self._lacking = frozenset(lacking(champion.book, decider.book))

    def side(self, question: Question, now: Micros) -> Side:
        """Who decides this: where the challenger lacks a placement asked for, the champion in its place."""
        if not self.decides_for(question.customer_id, now):
            return self._usual
        if self._lacking and not self._lacking.isdisjoint(question.placements):
            return self._instead
        return self._own

    def decides_for(self, customer_id: CustomerId, now: Micros) -> bool:
        """Whether a customer is one of the challenger's."""
        if lot(customer_id, self._key) >= self._share:
            return False
        return not self._trials.part(customer_id, now).label


def lots_of(plan: Plan) -> bytes:
    """The key of the lots that say whom a challenger decides for."""
    return key_of(str(plan.steps[0].since), plan.label, "")


def lacking(champion: RuleBook, challenger: RuleBook) -> tuple[PlacementId, ...]:
    """The champion's placements that the challenger cannot decide for: it has them not, or elsewhere."""
    return tuple(
        name
        for name, placement in champion.placements.items()
        if name not in challenger.placements
        or challenger.placements[name].channel != placement.channel
    )
