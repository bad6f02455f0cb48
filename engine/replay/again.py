"""Again: what a record's decision was made of, and the decision that follows from it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from engine.circumstances import Circumstances
from engine.codec import DecisionRecord
from engine.customer import Knowledge
from engine.deadline import Budget
from engine.decide import Decider, Findings, Propensities, Scores
from engine.exploration.thompson import Tables
from engine.grounds import NO_VENTURE, Venture
from engine.learn import lessons_of
from engine.limits.limits import Limit, Limits
from engine.model import UNKNOWN, Customer, Decision, Stage, Step, Value
from engine.rehearsal import Even
from engine.replay.recalled import Recalled
from engine.rulebook.book import Action, RuleBook
from engine.rulebook.trial import arm_of


class Again:
    """Makes the decisions of one rule book again: rules, weights, chance and texts are worked out anew.

    Taken from the record are the trials the customer was in, the attributes the rules saw, what the model gave (see
    `engine.replay.taught` for that), what the limits answered, and what the customer's past added to C.
    """

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self._knowledge = Knowledge(book)
        self._decider = Decider(book, Even(book, {}), lambda: 0.0, guards=())
        self._actions = {action.action_id: action.index for action in book.actions}

    def decide(
        self,
        record: DecisionRecord,
        *,
        explain: bool = False,
        witnesses: Mapping[Stage, Limit] = MappingProxyType({}),
    ) -> Decision:
        """The decision that follows from a record of this book; with its trace, if asked to explain.

        `witnesses` give the reasons of limits that kept something back (`engine.replay.witnesses`).

        Raises:
            LookupError, ValueError: the record does not fit the book.
        """
        question, recorded = replace(record.question, explain=explain), record.decision
        given = Circumstances(
            recorded.decision_id,
            Customer(recorded.customer_id),
            recorded.decided_at,
            recorded.seed,
            Budget(math.inf, lambda: 0.0),
            recorded.degraded,
        )
        scores = self._scores(recorded)
        if any(step is Step.RULES for step, _ in recorded.degraded):
            decision = self._decider.fall_back(question, given, scores, recorded.holdout)
            decision.given_up_today = recorded.given_up_today
            return decision
        arm = arm_of(recorded.holdout)
        sights = self._decider.see(question, list(recorded.values), recorded.decided_at, arm)
        grounds = recorded.grounds
        answers = None if grounds is None else grounds.limits
        limits = Limits((), telling=explain)
        if answers is not None:
            limits = Recalled(answers, self.book, question.channel, witnesses, telling=explain)
        pull = None if grounds is None else grounds.pull
        venture = NO_VENTURE if grounds is None else grounds.venture
        findings = Findings(
            sights,
            scores,
            limits,
            pull,
            recorded.holdout,
            tables_of(venture, len(self.book.actions)),
            venture.left,
            venture.exposures,
        )
        decision = self._decider.conclude(question, given, findings)
        decision.given_up_today = recorded.given_up_today
        if explain:
            moved = None if pull is None else pull.item

            def told(action: Action) -> tuple[str, ...]:
                added = 0.0 if moved is None else moved(action.index)
                return (f"what they once said adds {added:+.3g} % to C",) if added else ()

            decision.trace = self._decider.explain(decision, findings, told).trace({})
        return decision

    def attributes(self, record: DecisionRecord) -> list[Value]:
        """The attributes as the rules are to see them, given the question and what was recorded.

        What was kept from events is taken as it was seen: the events themselves are not recorded.
        """
        question, recorded = record.question, record.decision
        seen = [
            (attribute, value)
            for attribute, value in zip(self.book.attributes, recorded.values, strict=True)
            if value is not UNKNOWN
        ]
        known: dict[str, Value] = {attribute.name: value for attribute, value in seen}
        kept = {attribute.name: value for attribute, value in seen if attribute.source}
        customer = Customer(recorded.customer_id, known, updated_at=recorded.decided_at)
        asked = replace(question, context={**kept, **question.context}, interaction=None)
        return self._knowledge.values(customer, asked, recorded.decided_at)

    def _scores(self, recorded: Decision) -> Scores:
        return Scores(
            recorded.features,
            self._propensities(recorded),
            recorded.schema,
            recorded.model_version,
            lessons_of(recorded.model_version) or 0,
        )

    def _propensities(self, recorded: Decision) -> Propensities | None:
        """What the model gave to all who came so far, NaN for the others; None if it was not asked."""
        known = [c.propensities for c in recorded.contests if c.propensities is not None]
        if not known:
            return None
        found = np.full(len(self.book.actions), np.nan)
        for propensities in known:
            np.copyto(found, propensities, where=~np.isnan(propensities))
        for placed in recorded.placements:
            for offer in () if placed.fallback else placed.offers:
                found[self._actions[offer.action_id]] = offer.propensity
        return found


def tables_of(venture: Venture, actions: int) -> Tables | None:
    """How sure the propensities were of those that competed, among so many actions; None if not asked."""
    if venture.beliefs is None:
        return None
    tables = Tables(actions)
    for action, shape in venture.beliefs.items():
        tables.shape(action, shape)
    return tables
