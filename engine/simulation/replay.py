"""Replay: a logged decision made again by another rule book."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
import numpy.typing as npt

from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.vault import Fleeting
from engine.circumstances import Circumstances
from engine.contact.household import household_of
from engine.deadline import Budget
from engine.decide import Decider
from engine.exploration.exposures import Experience, Exposures, asks_for_exposures
from engine.exploration.thompson import Doubt, Doubts
from engine.features import FeatureSchema
from engine.learning.evidence import Evidence
from engine.limits.guards import guards_of
from engine.model import ActionId, Contest, Customer, CustomerId, Decision, Unknown, Value
from engine.rehearsal import EVEN
from engine.rulebook.book import RuleBook
from engine.rulebook.trial import Trials
from engine.simulation.moments import Moment
from engine.simulation.usage import Usages

_PATIENCE = 3_600.0


class Remembered:
    """The propensities a logged decision saw, for the actions of another book.

    An action that did not compete then has its `usual` one; a new action has that of its group, or of
    all if the group is new, which is how the model itself begins with it.
    """

    version = "remembered"

    def __init__(self, book: RuleBook, usual: Mapping[ActionId, float], evidence: Evidence) -> None:
        self.features = FeatureSchema(())
        self.lessons = 0
        self.evidence = evidence
        groups: dict[str, list[float]] = {}
        for action in book.actions:
            if action.action_id in usual:
                groups.setdefault(action.group, []).append(usual[action.action_id])
        overall = fmean(usual.values()) if usual else EVEN
        of_groups = {group: fmean(seen) for group, seen in groups.items()}
        self._usual = {
            action.action_id: usual.get(action.action_id, of_groups.get(action.group, overall))
            for action in book.actions
        }
        self._propensities = np.array(list(self._usual.values()))

    def recall(self, known: Mapping[ActionId, float], lessons: int) -> None:
        """Takes over what a decision saw when the model had learned so many `lessons`."""
        self.lessons = lessons
        self._propensities = np.array([known.get(name, p) for name, p in self._usual.items()])

    def predict(
        self,
        features: Sequence[Value],  # noqa: ARG002  # the model's contract
        channel: str,  # noqa: ARG002
        actions: npt.NDArray[np.intp],
    ) -> npt.NDArray[np.float64]:
        """The propensity of each of `actions` (indexes of the book), shape (K,)."""
        propensities: npt.NDArray[np.float64] = self._propensities[actions]
        return propensities


class Replay:
    """Makes logged decisions again by one book, with their own chance and all the time in the world.

    Nobody is in a holdout or an experiment.

    `evidence` is what had been seen of each action by the moment decided, by default nothing; `usual`
    are propensities of actions where a decision did not note any. Caps begin unused, and are
    used by the decisions made here, every offer of which counts as shown.

    Attributes:
        usages: how far the caps were used.
    """

    def __init__(
        self, book: RuleBook, usual: Mapping[ActionId, float], evidence: Evidence | None = None
    ) -> None:
        self.book = book = replace(book, trials=Trials())
        self._model = Remembered(book, usual, Evidence() if evidence is None else evidence)
        self._caps = CapsGuard(book, Ledger(Fleeting()))
        seen = None if evidence is None else lambda: evidence
        guards = guards_of(book, caps=self._caps, evidence=seen)
        self._decider = Decider(book, self._model, lambda: 0.0, guards)
        exploration, factors = book.arbitration.exploration, book.arbitration.factors
        evident = asks_for_exposures(exploration, by_propensity="P" in factors)
        self._doubts = Doubts(book) if exploration.policy == "thompson" else None
        self._exposures = Exposures(book) if evident else None
        self.usages = Usages()

    def doubt(self, contest: Contest) -> Doubt | Experience | None:
        """How sure the propensities of a contest just decided were; None if the policy does not ask."""
        if contest.propensities is None:
            return None
        worth, evidence = contest.context * contest.value * contest.lever, self._model.evidence
        if self._exposures is not None:
            return Experience(contest.propensities, worth, self._exposures.at(evidence))
        if self._doubts is not None:
            return Doubt(contest.propensities, worth, self._doubts.at(evidence))
        return None

    def decide(self, moment: Moment, propensities: Mapping[ActionId, float]) -> Decision | None:
        """The decision as it would have been, once; None where the book has none of the placements.

        `propensities` are those the logged decision saw, by action.
        """
        question, logged = moment.record
        placements = tuple(at for at in question.placements if at in self.book.placements)
        if not placements:
            return None
        self._model.recall(propensities, lessons_of(logged.model_version))
        name = question.customer_id
        customer = moment.people.get(name) or Customer(name)
        given = Circumstances(
            logged.decision_id,
            customer,
            logged.decided_at,
            logged.seed,
            Budget(_PATIENCE, lambda: 0.0),
            household=self._household(customer, moment.people),
        )
        decision = self._decider.decide(replace(question, placements=placements), given)
        self._decider.commit(decision)
        if self.book.caps:
            self._use(decision)
        return decision

    def _use(self, decision: Decision) -> None:
        """Takes what the offers of a decision take of the caps."""
        for placed in decision.placements:
            for offer in placed.offers:
                self._caps.ledger.confirm(decision.decision_id, offer.action_id)
        self.usages.note(self._caps.meters, decision.decided_at)

    def _household(
        self, customer: Customer, people: Mapping[CustomerId, Customer]
    ) -> Customer | Unknown | None:
        if not self._decider.asks_for_households:
            return None
        key = household_of(customer, self.book)
        if key is None or isinstance(key, Unknown):
            return key
        return people.get(key) or Customer(key)


def lessons_of(model_version: str) -> int:
    """How many lessons a model had learned, by its version; 0 if it does not say.

    >>> lessons_of("hierarchical_logistic/2.2500"), lessons_of("even")
    (2500, 0)
    """
    last = model_version.partition("+")[0].rpartition(".")[2]
    return int(last) if last.isdecimal() else 0
