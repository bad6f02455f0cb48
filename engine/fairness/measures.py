"""The trade's measures of bias: a ratio of rates for categories, Gini's coefficient for numbers.

Ratio, coefficient and bands are those of Pega's ethical bias check as its documentation has them.
"""

from math import exp, inf, log, sqrt
from typing import Final, NamedTuple

import numpy as np

from engine.health.limits import Limit, Severity
from engine.health.measures import Estimate, Numbers, auc
from engine.lift import Z95

RATIO: Final = Limit(minimum=0.5, low=0.9, high=1.11, maximum=2.0)
"""The strict band, and the widest one: 1 is equal."""

GINI: Final = Limit(minimum=-0.7, low=-0.1, high=0.1, maximum=0.7)
"""A low threshold, and the highest one that can be set: 0 is equal."""

ENOUGH: Final = 5.0
"""With fewer customers to be expected on either side if all were equal, nothing can be told."""


class Count(NamedTuple):
    """Customers, and how many of them were selected: offered something, or took it."""

    selected: int
    customers: int

    @property
    def rate(self) -> float:
        """The share selected, 0 of nobody."""
        return self.selected / self.customers if self.customers else 0.0


def tellable(category: Count, others: Count) -> bool:
    """Whether there are enough on both sides to tell them apart."""
    everybody = category.customers + others.customers
    share = (category.selected + others.selected) / everybody if everybody else 0.0
    return share * min(category.customers, others.customers) >= ENOUGH


def rate_ratio(category: Count, others: Count) -> Estimate:
    """The rate of a category over that of all others, for counts that are `tellable`.

    The interval is that of the logarithm (Katz et al., Biometrics 34, 1978), with a half added to each
    count so that a side where nobody was selected has one too (Walter, Biometrika 62, 1975).

    >>> round(rate_ratio(Count(500, 20_500), Count(1_000, 19_000)).value, 2)
    0.46
    """
    value = category.rate / others.rate if others.selected else inf
    a, n = category.selected + 0.5, category.customers + 0.5
    b, m = others.selected + 0.5, others.customers + 0.5
    middle = log((a / n) / (b / m))
    margin = Z95 * sqrt(max(0.0, 1.0 / a - 1.0 / n + 1.0 / b - 1.0 / m))
    low, high = exp(middle - margin), exp(middle + margin)
    return Estimate(value, min(low, value), max(high, value))


def gini(values: Numbers, selected: Numbers) -> Estimate | None:
    """How unevenly a number is distributed between those selected and the others, in [−1, 1].

    2 · AUC − 1 (Somers' D): 0 if both have the same distribution, above 0 if the selected have higher
    values. Shapes (N,), `selected` 0 or 1. None where too few are on either side.
    """
    chosen = float(selected.sum())
    if min(chosen, len(selected) - chosen) < ENOUGH:
        return None
    apart = auc(values, selected)
    if apart is None:
        return None
    return Estimate(*(2.0 * bound - 1.0 for bound in (apart.value, apart.low, apart.high)))


def verdict(limit: Limit, estimate: Estimate | None) -> Severity:
    """What a measure means: nothing that chance may have done is called unfair."""
    if estimate is None or not np.isfinite(estimate.low):
        return Severity.UNTOLD
    return limit.judged(estimate.value, estimate.interval)


def lenient(severity: Severity) -> Severity:
    """The same of what customers decide themselves: uneven, but never critical."""
    return Severity.WARNING if severity is Severity.CRITICAL else severity
