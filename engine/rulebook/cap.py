"""What a loaded book says of caps: how many offers, or how much money, in which span of time."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final, NamedTuple

from engine.model import Micros

MONEY: Final = 10_000
"""Units in one unit of a currency: money is counted in whole ten-thousandths, costs rounded up."""


_MOST: Final = 1e12


class Period(StrEnum):
    """How long a cap counts before it begins anew."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


class Cost(NamedTuple):
    """What one offer takes of a budget: `units`, or, if that is None, a computed number in money."""

    units: int | None
    expression: int | None
    text: str


def money(amount: float) -> int:
    """An amount in a currency as units, rounded up, so that no budget is ever overspent.

    >>> money(12), money(0.1 + 0.2), money(0.00001)
    (120000, 3000, 1)
    """
    return ceil(round(amount * MONEY, 6))


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` units of one kind in one period, shared by all its treatments.

    A cap as marketing writes it (`per_day`, `total` and a `budget` under one name) becomes one of
    these for each number in it.

    Attributes:
        name: the action's id, or the name in policies.yaml.
        limit: units: offers, or ten-thousandths of the currency (`MONEY`).
        cost: what one offer takes of a budget; None if offers are counted.
        treatments: indexes of the treatments it holds for; none of a mandatory action.
        timezone: the zone whose midnight begins a day, week (on Monday) or month.
        valid: when the actions it holds for may be offered: a total is spread over this span.
        even: whether it is spread over its period.
        worth_most: whether, while it is scarce, it is kept for those for whom it is worth most.
        hold: how long an offer keeps its share without a sign that it was shown.
        block: units drawn from the disk at a time.
        place: where it is written: `file:line:column`.
    """

    name: str
    title: str
    period: Period
    limit: int
    cost: Cost | None
    currency: str
    treatments: frozenset[int]
    timezone: str
    valid: tuple[Micros | None, Micros | None]
    even: bool
    worth_most: bool
    hold: Micros
    block: int
    place: str

    @property
    def key(self) -> str:
        """What its account is kept under, from one version of the book to the next."""
        return f"{self.name}/{self.currency or 'offers'}/{self.period}"

    @property
    def code(self) -> str:
        """Its reason code: `cap.NAME` or `budget.NAME`."""
        return f"{'cap' if self.cost is None else 'budget'}.{self.name}"

    def charge(self, cost: float | None) -> int | None:
        """A computed cost in units; None for one that is unknown, negative or beyond all measure."""
        return None if cost is None or not 0.0 <= cost < _MOST else money(cost)

    def shown(self, units: int) -> str:
        """So many units, as people write them."""
        if self.cost is None:
            return f"{units:,}"
        return f"{units / MONEY:,.2f} {self.currency}"
