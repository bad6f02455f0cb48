"""What a decision is given besides the question."""

from collections.abc import Callable
from typing import NamedTuple

from engine.deadline import Budget
from engine.model import Customer, DecisionId, Degradation, Micros, Unknown
from engine.stopwatch import UNREAD, Stopwatch
from engine.triggers.scored import Scored


def unscored() -> Scored | None:
    """Nothing was said of them before."""
    return None


class Circumstances(NamedTuple):
    """Who asks, when, by which seed, with how much time, and what failed before.

    `household` is the record of the customer's household; None if they belong to none, `UNKNOWN` if it
    cannot be told or read. `scored` is what was said of them elsewhere when they last did something.
    `stopwatch` is told when the rules and the model had their say. With `tell_later` a decision that was asked
    to explain itself leaves that to whoever asked, as `Decision.telling`.
    """

    decision_id: DecisionId
    customer: Customer
    now: Micros
    seed: int
    budget: Budget
    degraded: tuple[Degradation, ...] = ()
    household: Customer | Unknown | None = None
    scored: Callable[[], Scored | None] = unscored
    stopwatch: Stopwatch = UNREAD
    tell_later: bool = False
