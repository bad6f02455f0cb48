"""Questions, customers and decisions, filled in where a test does not care."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.decide import Decider
from engine.features import FeatureSchema
from engine.learning.evidence import Evidence
from engine.model import (
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    Micros,
    PlacementId,
    Question,
    Trace,
    Value,
)
from engine.rulebook.book import RuleBook

NOW: Micros = 1_795_000_000_000_000
"""A Wednesday in November 2026."""

ADULT: dict[str, Value] = {
    "customer.age": 40,
    "consent.marketing": True,
    "consent.channels": ["web", "app", "ivr"],
}


def customer(**attributes: Value) -> Customer:
    """An adult who agreed to everything; `customer_age=17` sets `customer.age`."""
    named = {name.replace("_", ".", 1): value for name, value in attributes.items()}
    return Customer(CustomerId("anna"), ADULT | named, updated_at=NOW)


def question(*placements: str, **rest: Any) -> Question:
    """Anna on the web, unless said otherwise."""
    asked = {"customer_id": CustomerId("anna"), "channel": "web"} | rest
    return Question(placements=tuple(map(PlacementId, placements or ["web.hero"])), **asked)


class FixedModel:
    """A model that has learned all it will: a propensity for each action, by position in the book."""

    lessons = 0
    version = "fixed/1"

    def __init__(self, book: RuleBook, propensities: Sequence[float] = ()) -> None:
        self.evidence = Evidence()
        self.features = FeatureSchema.for_book(book)
        self._propensities = np.array(propensities or [0.1] * len(book.actions))

    def predict(
        self, features: Sequence[Value], channel: str, actions: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        return self._propensities[actions]


def decider(book: RuleBook, propensities: Sequence[float] = ()) -> Decider:
    """A decider on a clock that stands still."""
    return Decider(book, FixedModel(book, propensities), lambda: 0.0)


def decide(
    book: RuleBook,
    asked: Question | None = None,
    who: Customer | None = None,
    *,
    propensities: Sequence[float] = (),
    seed: int = 1,
    left: float = 1.0,
    by: Decider | None = None,
    now: Micros = NOW,
) -> Decision:
    """One decision with `left` seconds to spare."""
    given = Circumstances(DecisionId("d1"), who or customer(), now, seed, Budget(left, lambda: 0.0))
    return (by or decider(book, propensities)).decide(asked or question(), given)


def trace_of(decision: Decision) -> Trace:
    """The trace of a decision that was asked to explain itself."""
    assert decision.trace is not None
    return decision.trace
