"""What a decision is given besides the question."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.deadline import Budget
from engine.model import Customer, DecisionId, Degradation, Micros, Unknown
from engine.native import native
from engine.stopwatch import UNREAD, Stopwatch
from engine.triggers.scored import Scored

if TYPE_CHECKING:
    from engine.decide import Scores
    from engine.explain import Sight


def unscored() -> Scored | None:
    """Nothing was said of them before."""
    return None


@native.quick
class Foresight(NamedTuple):
    """What rules and model say of a customer at a moment, worked out before it is sure that they are still so.

    `decider` and `model` are whose word that is; `ruled` and `scored` when each had it, as in
    `engine.stopwatch.Stopwatch`.
    """

    customer: Customer
    now: Micros
    decider: object
    model: object
    sights: "Sequence[Sight]"
    scores: "Scores"
    ruled: float
    scored: float


@native.quick
class Circumstances(NamedTuple):
    """Who asks, when, by which seed, with how much time, and what failed before.

    `household` is the record of the customer's household; None if they belong to none, `UNKNOWN` if it
    cannot be told or read. `scored` is what was said of them elsewhere when they last did something.
    `stopwatch` is told when the rules and the model had their say. With `tell_later` a decision that was asked
    to explain itself leaves that to whoever asked, as `Decision.telling`. `foresight` is what was worked out for
    it already; if it was for this customer and moment, the decision goes on from there.
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
    foresight: Foresight | None = None
