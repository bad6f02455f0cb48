"""Uplift online: the two logits of an outcome, as it usually is and what treatment changes about it."""

from typing import Final, NamedTuple

from engine.learning.odds import sigmoid
from engine.uplift.belief import Belief, Numbers, Seen

FIRST_GUESS: Final = -1.5
"""The logit of an outcome nothing has been seen of: 18 %."""


class Group(NamedTuple):
    """Observations of one action, or of all that are measured by one outcome: how many of each arm."""

    treated: int = 0
    control: int = 0

    @property
    def share(self) -> float:
        """The share of the treated, kept off 0 and 1."""
        return (self.treated + 1) / (self.treated + self.control + 2)

    @property
    def pairs(self) -> float:
        """So many treated and as many controls tell as much of a difference as these do."""
        both = self.treated + self.control
        return 2.0 * self.treated * self.control / both if both else 0.0


class Lines(NamedTuple):
    """Two logits over the same columns: of the outcome as it usually is, and what treatment changes."""

    usual: Belief
    change: Belief

    def widen(self, columns: int) -> None:
        """Makes room for columns nothing is known of yet."""
        self.usual.widen(columns)
        self.change.widen(columns)


class Part(NamedTuple):
    """One belief as a lesson meets it.

    `side` is what its logit is multiplied by; `reach` is covariance · x, `spread` is side² · xᵀ · reach:
    by how much the belief leaves the lesson's logit uncertain.
    """

    belief: Belief
    side: float
    reach: Numbers
    spread: float

    @classmethod
    def of(cls, belief: Belief, side: float, seen: Seen) -> "Part":
        """A belief, before it is changed."""
        reach = belief.reach(seen)
        spread = side * side * float((reach[seen.columns] * seen.values).sum())
        return cls(belief, side, reach, spread)


def both(usual: float, change: float, share: float) -> tuple[float, float]:
    """The probabilities if left alone and if treated, given both logits and the share of the treated."""
    return sigmoid(usual - share * change), sigmoid(usual + (1.0 - share) * change)
