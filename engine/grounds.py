"""Grounds: what a decision rested on besides its record's values, kept so that it can be made again.

Limits depend on what was offered to everybody until that moment, and influencers on a customer's
history, neither of which is in a decision's record. What they answered is: in the order in which they
were asked. While a decision is made only references are kept; what follows from them is worked out by
whoever writes the record.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt


class Narrowed(NamedTuple):
    """One kind of limit let only `admitted` of the `asked` treatments (indexes of the book) through.

    `stage` is the number of its `Stage`.
    """

    stage: int
    asked: Sequence[int]
    admitted: Sequence[int]

    @property
    def closed(self) -> list[int]:
        """The treatments it kept out."""
        admitted = frozenset(self.admitted)
        return [treatment for treatment in self.asked if treatment not in admitted]


Prices: TypeAlias = Mapping[int, float]
"""By treatment what it had to pay for what it takes of scarce caps, where that is not 0."""

Answer: TypeAlias = bool | tuple[Narrowed, ...] | Prices
"""What limits said: yes or no; who kept what out, () if nobody did; or prices."""


class Entered(NamedTuple):
    """Who got as far as arbitration in one placement: treatments, and the action of each treatment."""

    treatments: Sequence[int]
    action_of: Sequence[int]

    @property
    def actions(self) -> list[int]:
        """Their actions, as indexes of the book."""
        return [self.action_of[treatment] for treatment in self.treatments]


Shape: TypeAlias = tuple[float, float]
"""α and β of the Beta distribution by which a propensity is doubted."""


class Venture(NamedTuple):
    """What exploration went by.

    Attributes:
        beliefs: the shape of each action that competed, where the policy asks; else None.
        left: how much expected value could still be given up that day; None if the book does not limit it.
        exposures: how often each action of the book had been shown, where the policy asks; else None.
            A record keeps it of those who entered a contest.
    """

    beliefs: Mapping[int, Shape] | None = None
    left: float | None = None
    exposures: npt.NDArray[np.float64] | None = None


NO_VENTURE: Final = Venture()


class Grounds(NamedTuple):
    """What was told while a decision was made, by whom the record knows nothing of.

    Attributes:
        entered: for each contest, who got as far as arbitration.
        limits: what the limits answered, in order; None if none stood.
        pull: percent that the customer's past added to C, over all actions; None if nothing was.
        venture: what exploration went by.
    """

    entered: tuple[Entered, ...]
    limits: Sequence[Answer] | None
    pull: npt.NDArray[np.float64] | None
    venture: Venture = NO_VENTURE
