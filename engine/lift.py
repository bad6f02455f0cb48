"""By how much one arm beats another, and how sure that is."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

Z95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two sums over customers, e.g. accepts per decision, with its standard error."""

    estimate: float
    standard_error: float
    customers: int

    @property
    def interval(self) -> tuple[float, float]:
        """Where it lies with 95 %, by the normal approximation; infinite for fewer than two customers."""
        margin = Z95 * self.standard_error
        return self.estimate - margin, self.estimate + margin

    @classmethod
    def of(cls, numerators: Numbers, denominators: Numbers) -> "Ratio":
        """From one pair for each customer, shape (N,): what they gave, and how often they could.

        The standard error is that of the ratio estimator (Cochran, Sampling Techniques, 3rd ed.,
        §6.3): it takes customers, who were assigned to an arm, and not decisions as independent, so
        somebody who says yes to everything counts once. Customers without a chance count for nothing.

        >>> Ratio.of(np.array([1.0, 0.0, 2.0, 1.0]), np.array([2.0, 1.0, 3.0, 2.0])).estimate
        0.5
        """
        seen = denominators > 0
        above, below = numerators[seen], denominators[seen]
        n, total = int(seen.sum()), float(below.sum())
        if n < 2:
            return cls(float(above.sum() / total) if n else 0.0, float("inf"), n)
        estimate = float(above.sum()) / total
        residuals = above - estimate * below
        variance = float(residuals @ residuals) / (n - 1) * n / total**2
        return cls(estimate, sqrt(variance), n)


@dataclass(frozen=True, slots=True)
class Lift:
    """How far one arm is above another: `difference` and `relative` (a share, None if the other is 0).

    `low`, `high` and `relative_low`, `relative_high` bound them at 95 %.
    """

    difference: float
    low: float
    high: float
    relative: float | None
    relative_low: float | None
    relative_high: float | None

    @property
    def clear(self) -> bool:
        """Whether both intervals lie above zero: the relative one is a little wider where the test is ahead."""
        return self.low > 0.0 and (self.relative_low is None or self.relative_low > 0.0)

    @classmethod
    def of(cls, test: Ratio, control: Ratio) -> "Lift":
        """From two independent arms, by the normal approximation.

        The relative one has the standard error `(1/c)·sqrt(SE_t² + (t/c)²·SE_c²)` (delta method).
        """
        difference = test.estimate - control.estimate
        margin = Z95 * sqrt(test.standard_error**2 + control.standard_error**2)
        low, high = difference - margin, difference + margin
        if control.estimate <= 0.0:
            return cls(difference, low, high, None, None, None)
        quotient = test.estimate / control.estimate
        spread = (
            sqrt(test.standard_error**2 + (quotient * control.standard_error) ** 2)
            / control.estimate
        )
        relative = quotient - 1.0
        return cls(
            difference, low, high, relative, relative - Z95 * spread, relative + Z95 * spread
        )
