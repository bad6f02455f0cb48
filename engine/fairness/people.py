"""Who came by, what they are, what they were offered and what they took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.codec import DecisionRecord
from engine.health.seen import Lessons
from engine.model import (
    UNKNOWN,
    ActionId,
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    Value,
)
from engine.rulebook.book import Attribute, RuleBook


@dataclass(slots=True)
class Person:
    """One customer. `known` are the values of the attributes looked at, as far as they are known."""

    known: dict[str, Value] = field(default_factory=dict)
    offered: set[ActionId] = field(default_factory=set)
    shown: set[ActionId] = field(default_factory=set)
    took: set[ActionId] = field(default_factory=set)


class People:
    """The customers decided for, outside of holdouts and experiments.

    Attributes:
        persons: by id.
        from_profiles: how many values were not in the record of any decision and are those of today.
    """

    def __init__(self, book: RuleBook, attributes: Sequence[Attribute]) -> None:
        self.persons: dict[CustomerId, Person] = {}
        self.from_profiles = 0
        self._version = book.version
        self._attributes = attributes
        self._decided: dict[DecisionId, CustomerId] = {}

    def note(self, records: Iterable[DecisionRecord]) -> None:
        """Takes in decisions, the oldest first.

        Of what they saw of a customer the oldest counts: what comes later may follow from an offer.
        """
        for _, decision in records:
            if not decision.holdout:
                self._note(decision)

    def _note(self, decision: Decision) -> None:
        person = self.persons.setdefault(decision.customer_id, Person())
        self._decided[decision.decision_id] = decision.customer_id
        for placed in decision.placements:
            if not placed.fallback:
                person.offered.update(offer.action_id for offer in placed.offers)
        if decision.rulebook_version == self._version and decision.values:
            for attribute in self._attributes:
                value = decision.values[attribute.index]
                if value is not None and value is not UNKNOWN:
                    person.known.setdefault(attribute.name, value)

    def answered(self, lessons: Lessons) -> None:
        """Takes in what came of the offers; to be called when all decisions are noted."""
        for (decision_id, action_id), seen in lessons.offers.items():
            customer = self._decided.get(decision_id)
            if customer is not None:
                self.persons[customer].shown.add(action_id)
                if seen.reward >= 1.0:
                    self.persons[customer].took.add(action_id)

    def complete(self, profiles: Iterable[Customer]) -> None:
        """Takes what no decision saw from the customers' profiles."""
        for customer in profiles:
            person = self.persons.get(customer.customer_id)
            if person is None:
                continue
            for attribute in self._attributes:
                value = customer.attributes.get(attribute.name)
                if attribute.name not in person.known and value is not None:
                    person.known[attribute.name] = value
                    self.from_profiles += 1
