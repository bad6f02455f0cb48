"""Explore: what trying things out may cost in a day, and what it has cost so far.

What a choice gives up is how much more the best that was left was worth than what chance took: the
difference of their priorities, which is expected value.
"""

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.caps.periods import span_of
from engine.model import Decision, Micros
from engine.rulebook.cap import Period

Vector = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]
Draw: TypeAlias = Callable[[Vector, int, Indexes, Indexes], list[tuple[int, float]]]
"""Fills slots from priorities, ties and actions, as `engine.exploration.choice.choose` does."""

UNTOLD: Final = math.inf
"""What counts as given up on a day of which it cannot be told any more."""


class Allowance:
    """The expected value given up on the current day; it outlives the rule books that limit it.

    Attributes:
        told: whether what was given up before this process began is known, or known to be unknown.
    """

    def __init__(self) -> None:
        self.told = False
        self._day: Micros = 0
        self._given_up = 0.0

    def given_up(self, now: Micros, timezone: str) -> float:
        """What was given up so far on the day that `now` lies in; a clock set back stays on the later."""
        return 0.0 if _day_of(now, timezone) > self._day else self._given_up

    def spend(self, now: Micros, timezone: str, amount: float) -> float:
        """Counts what a decision gave up; the sum of the day with it."""
        self._given_up = self.given_up(now, timezone) + amount
        self._day = max(self._day, _day_of(now, timezone))
        return self._given_up

    def restore(self, last: Decision | None, now: Micros, timezone: str) -> None:
        """Goes on from the last decision recorded; of an earlier day nothing counts any more."""
        self.told = True
        if last is not None and last.decided_at >= _day_of(now, timezone):
            self.spend(now, timezone, last.given_up_today)

    def close(self, now: Micros, timezone: str) -> None:
        """Nothing more may be given up this day: what was so far cannot be told."""
        self.told = True
        self.spend(now, timezone, UNTOLD)


class Meter:
    """What one decision may give up of the `left` of the day, and what it has; others count it later.

    Attributes:
        given_up: what its choices have given up so far, at least 0.
    """

    def __init__(self, left: float) -> None:
        self.given_up = 0.0
        self._left = left

    def covers(self, priorities: Vector, slots: int, *, together: bool) -> bool:
        """Whether there is enough left for the worst that chance could do with these slots.

        Where some are shown `together` their priorities add up: no slot is worth more than the sum.
        """
        worth = np.maximum(priorities, 0.0)
        if len(worth) < 2:
            return True
        worst = worth.sum() if together else worth.max() - worth.min()
        return float(worst) * slots <= self._left - self.given_up

    def why_not(self) -> str:
        """Why nothing is tried out where it does not cover that, for people."""
        return f"only {max(self._left - self.given_up, 0.0):.4g} may still be given up today"

    def metered(self, draw: Draw) -> Draw:
        """The same draw, with what it gives up counted."""

        def counted(
            priorities: Vector, slots: int, ties: Indexes, actions: Indexes
        ) -> list[tuple[int, float]]:
            picks = draw(priorities, slots, ties, actions)
            self.given_up += _given_up(priorities, picks)
            return picks

        return counted


def _day_of(now: Micros, timezone: str) -> Micros:
    """When the day began that a moment lies in."""
    return span_of(Period.DAY, now, timezone).start


def _given_up(priorities: Vector, picks: list[tuple[int, float]]) -> float:
    """By how much the best left was worth more than what was taken, slot by slot."""
    left = np.maximum(priorities, 0.0)
    total = 0.0
    for position, _ in picks:
        total += left.max().item() - left.item(position)
        left[position] = -1.0
    return total
