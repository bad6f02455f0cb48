"""What a loaded book says of caps: how many offers, or how much money, in which span of time."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final, NamedTuple

from engine.model import Micros

MONEY: Final = 10_000
"""Units in one unit of a currency: money is counted in whole ten-thousandths, costs rounded up."""


KEYS: Final = ("per_day", "per_week", "per_month", "total", "budget")
"""What a cap may say, each of which is counted by itself."""

UNLIMITED: Final = 10**15
"""The limit of a cap that has one only for some time."""

_MOST: Final = 1e12


class Period(StrEnum):
    """How long a cap counts before it begins anew."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


_WORDING: Final = dict(zip(Period, KEYS, strict=False))


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


class Limited(NamedTuple):
    """Another limit within [start, end), open where None."""

    start: Micros | None
    end: Micros | None
    limit: int

    def holds(self, now: Micros) -> bool:
        """Whether it holds at this moment."""
        return (self.start is None or now >= self.start) and (self.end is None or now < self.end)


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
        overrides: other limits for some time, from levers.csv.
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
    overrides: tuple["Limited", ...] = ()

    def limit_at(self, now: Micros) -> int:
        """The limit at this moment: that of levers.csv where it has one for it."""
        for override in self.overrides:
            if override.holds(now):
                return override.limit
        return self.limit

    @property
    def key(self) -> str:
        """What its account is kept under, from one version of the book to the next."""
        return f"{self.name}/{self.currency or 'offers'}/{self.period}"

    @property
    def wording(self) -> str:
        """The key it is written under: one of `KEYS`."""
        return "budget" if self.cost else _WORDING[self.period]

    @property
    def code(self) -> str:
        """Its reason code: `cap.NAME` or `budget.NAME`."""
        return f"{'cap' if self.cost is None else 'budget'}.{self.name}"

    def charge(self, cost: float | None) -> int | None:
        """A computed cost in units; None for one that is unknown, negative or beyond all measure."""
        return None if cost is None or not 0.0 <= cost < _MOST else money(cost)

    def units(self, amount: float) -> int:
        """So many offers, or so much money, as units."""
        return ceil(amount) if self.cost is None else money(amount)

    def amount(self, units: int) -> float:
        """Units as offers, or as money in the currency."""
        return float(units) if self.cost is None else units / MONEY

    def shown(self, units: int) -> str:
        """So many units, as people write them."""
        if self.cost is None:
            return f"{units:,}"
        return f"{units / MONEY:,.2f} {self.currency}"


def keys_of(caps: Iterable[Cap]) -> dict[str, frozenset[str]]:
    """By the name of each cap, the keys it is written with."""
    keys: dict[str, frozenset[str]] = {}
    for cap in caps:
        keys[cap.name] = keys.get(cap.name, frozenset()) | {cap.wording}
    return keys
