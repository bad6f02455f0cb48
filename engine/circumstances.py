"""What a decision is given besides the question."""

from typing import NamedTuple

from engine.deadline import Budget
from engine.model import Customer, DecisionId, Degradation, Micros, Unknown


class Circumstances(NamedTuple):
    """Who asks, when, by which seed, with how much time, and what failed before.

    `household` is the record of the customer's household; None if they belong to none, `UNKNOWN` if it
    cannot be told or read.
    """

    decision_id: DecisionId
    customer: Customer
    now: Micros
    seed: int
    budget: Budget
    degraded: tuple[Degradation, ...] = ()
    household: Customer | Unknown | None = None
