"""Uplift in money: what treating some customers, and leaving the others alone, brings."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.uplift.curves import Trial
from engine.uplift.parts import Numbers


@dataclass(frozen=True, slots=True)
class Prices:
    """What a success is worth and what treating one customer costs, in one currency."""

    value: float = 1.0
    cost: float = 0.0

    @property
    def break_even(self) -> float:
        """The uplift, in successes per customer, from which on treating pays."""
        return self.cost / self.value

    def worth_treating(self, uplift: Numbers) -> npt.NDArray[np.bool_]:
        """Whose uplift is worth more than treating costs, and is above 0."""
        return uplift > max(self.break_even, 0.0)


@dataclass(frozen=True, slots=True)
class Earnings:
    """What came of those a policy would treat, in both arms of a trial.

    share: of all customers, those the policy would treat.
    treated, control: how many of them were treated and were not; `…_successes` of each.
    irr: incremental response rate, `treated_successes/treated − control_successes/control`; 0 if an
        arm has none of them.
    nir: net incremental revenue, `value·treated_successes − cost·treated − value·control_successes`:
        compares the arms as they are, so it means something only if they are of one size.
    nir_balanced: the same with the control scaled to the number treated, `treated·(value·irr − cost)`:
        equal to `nir` if the arms are of one size.
    """

    share: float
    treated: float
    control: float
    treated_successes: float
    control_successes: float
    irr: float
    nir: float
    nir_balanced: float


def earnings(
    trial: Trial,
    chosen: npt.NDArray[np.bool_],
    prices: Prices,
    weights: Numbers | None = None,
) -> Earnings:
    """What treating the `chosen` brought, each customer counted as often as `weights` say, or once.

    >>> trial = Trial(np.array([True, True, False, False]), np.array([1.0, 0.0, 0.0, 1.0]))
    >>> brought = earnings(trial, np.array([True, True, True, False]), Prices(10.0, 0.15))
    >>> brought.irr, brought.nir, brought.nir_balanced
    (0.5, 9.7, 9.7)
    """
    counted = np.ones(len(chosen)) if weights is None else weights
    arms = chosen & trial.treated, chosen & ~trial.treated
    treated, control = (float(counted[arm].sum()) for arm in arms)
    y_treated, y_control = (float(counted[arm] @ trial.outcomes[arm]) for arm in arms)
    irr = y_treated / treated - y_control / control if treated and control else 0.0
    nir = prices.value * (y_treated - y_control) - prices.cost * treated
    balanced = treated * (prices.value * irr - prices.cost) if treated and control else 0.0
    share = float(counted[chosen].sum() / counted.sum())
    return Earnings(share, treated, control, y_treated, y_control, irr, nir, balanced)
