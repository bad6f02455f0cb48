"""What is good, what is worth a look and what is critical: the limits of the trade, and four of our own.

The published ones are Pega's `MetricLimits` (pega-datascientist-tools, Apache-2.0).
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final


class Severity(StrEnum):
    """How bad a figure is."""

    GOOD = "good"
    UNTOLD = "cannot be told"
    WARNING = "warning"
    CRITICAL = "critical"


_ORDER: Final = (Severity.GOOD, Severity.WARNING, Severity.CRITICAL)

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Limit:
    """Good from `low` to `high`, critical below `minimum` and above `maximum`, between them a warning.

    >>> Limit(minimum=0.52, low=0.55, high=0.80, maximum=0.90).severity(0.53)
    <Severity.WARNING: 'warning'>
    """

    minimum: float = -inf
    low: float = -inf
    high: float = inf
    maximum: float = inf
    published: bool = True

    def severity(self, value: float) -> Severity:
        """What a figure that is known exactly means."""
        if value < self.minimum or value > self.maximum:
            return Severity.CRITICAL
        return Severity.GOOD if self.low <= value <= self.high else Severity.WARNING

    def judged(self, value: float, interval: Interval) -> Severity:
        """What a figure means that is only known to lie in an interval.

        The best that the interval allows counts: what could as well be good cannot be told to be bad.
        """
        severity = self.severity(value)
        if severity is Severity.GOOD:
            return severity
        least, most = interval
        if least <= self.high and most >= self.low:
            return Severity.UNTOLD
        if least <= self.maximum and most >= self.minimum:
            return Severity.WARNING
        return severity

    def __str__(self) -> str:
        bounds = (
            f"{name} {bound:g}"
            for name, bound in (
                ("at least", self.minimum),
                ("good from", self.low),
                ("good to", self.high),
                ("at most", self.maximum),
            )
            if abs(bound) < inf
        )
        return ", ".join(bounds)


def worst(*severities: Severity) -> Severity:
    """The worst of them; what cannot be told is neither good nor bad.

    >>> worst(Severity.UNTOLD, Severity.GOOD), worst(Severity.UNTOLD), worst()
    (<Severity.GOOD: 'good'>, <Severity.UNTOLD: 'cannot be told'>, <Severity.UNTOLD: 'cannot be told'>)
    """
    told = [severity for severity in severities if severity is not Severity.UNTOLD]
    return max(told, key=_ORDER.index, default=Severity.UNTOLD)


ENOUGH_POSITIVES: Final = 200.0
"""With as many positives a model is mature."""

ENOUGH_TO_TELL: Final = 10.0
"""With fewer takers, or fewer others, neither AUC nor calibration say anything, nor do their intervals."""

NO_ACTION: Final = Limit(high=0.10, maximum=0.90)
"""The share of inbound decisions that offered nothing."""

NO_ACTION_OUTBOUND: Final = Limit(high=0.30, maximum=0.90)
"""The same where the firm speaks first."""

OPTIONALITY: Final = Limit(minimum=2.0, low=7.0)
"""Actions left per decision."""

AUC: Final = Limit(minimum=0.52, low=0.55, high=0.80, maximum=0.90)
"""How well a model tells takers from others; above the maximum it is likely to know the answer beforehand."""

POSITIVES: Final = Limit(minimum=1.0, low=ENOUGH_POSITIVES)
"""What a model has learned from."""

SILENT_MODELS: Final = Limit(high=0.10, maximum=0.30)
"""The share of models without responses."""

MATURE_MODELS: Final = Limit(minimum=0.50, low=0.75)
"""The share of models with enough positives."""

VOLUME_TREND: Final = Limit(minimum=0.75, low=0.95)
"""Decisions of the later half over those of the earlier."""

SUCCESS_TREND: Final = Limit(minimum=0.95, low=1.05)
"""The success rate of the later half over that of the earlier."""

CALIBRATION: Final = Limit(minimum=0.5, low=0.8, high=1.25, maximum=2.0, published=False)
"""What a model expected over what came."""

NEVER_SERVED: Final = Limit(high=0.10, maximum=0.50, published=False)
"""The share of customers who asked and were never offered anything."""

DEGRADED: Final = Limit(high=0.001, maximum=0.05, published=False)
"""The share of decisions that left something out for want of time."""

DRIFT: Final = Limit(high=0.0, published=False)
"""How often a model became worse all of a sudden."""
