"""The bid price of a scarce cap: what a unit of it must be worth, so that it lasts for the best.

Every candidate's priority is compared net of the price of what it would take. The price follows the
demand by online dual descent: it rises by what is taken above what can be afforded per request, and
falls by what is left over (Balseiro, Lu & Mirrokni, "Dual Mirror Descent for Online Allocation
Problems", ICML 2020; Agrawal & Devanur, "Fast Algorithms for Online Stochastic Convex Programming",
SODA 2015). A cap that is not scarce has the price 0.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from math import sqrt
from typing import Final, Self

from engine.caps.periods import Span, over
from engine.model import Micros

_WARM_UP: Final = 20
_MEMORY: Final = 1_000
_LEAST_STEP: Final = 0.03
_TRUST: Final = 0.2


@dataclass(slots=True)
class BidPrice:
    """The running price of one cap, and what it has seen of the demand.

    Attributes:
        value: priority per unit; 0 while the cap is not scarce.
        worth: mean priority per unit of the best candidate of each request.
        requests: how many requests wanted some of the cap, ever.
        start: the begin of the period that is counted now.
        since: the share of that period that was over when counting began.
        wanted: requests in that period.
        before: requests in the period before, projected to all of it; negative if not known.
    """

    value: float = 0.0
    worth: float = 0.0
    requests: int = 0
    start: Micros = 0
    since: float = 0.0
    wanted: int = 0
    before: float = -1.0

    def learn_one(self, horizon: Span, now: Micros, left: int, wanted: "Wanted") -> None:
        """Learns from one request that wanted some of the cap, `left` units of which were not used.

        `horizon` must have an end: it says for how long `left` has to last.
        """
        passed = self.count(horizon, now)
        per_unit = wanted.worth / wanted.units
        weight = 1.0 / min(self.requests, _MEMORY) if self.worth else 1.0
        self.worth += weight * (per_unit - self.worth)
        if self.requests < _WARM_UP:
            return
        to_come = max(self._rate(passed) * (1.0 - passed), 1.0)
        affordable = min(1.0, max(left, 0) / (to_come * wanted.units))
        step = max(_LEAST_STEP, 1.0 / sqrt(self.requests)) * max(self.worth, self.value)
        self.value = max(0.0, self.value + step * (wanted.taken / wanted.units - affordable))

    def begin(self, horizon: Span, now: Micros) -> None:
        """Counts requests from now on: those before in this period are not known."""
        self._turn(horizon.start, over(horizon, now))
        self.since, self.wanted = over(horizon, now), 0

    def count(self, horizon: Span, now: Micros) -> float:
        """Counts a request, also one that could not have any; returns the share of time that is over."""
        passed = over(horizon, now)
        self._turn(horizon.start, passed)
        self.wanted += 1
        self.requests += 1
        return passed

    def _turn(self, start: Micros, passed: float) -> None:
        """Begins another period, if it is another."""
        if start == self.start:
            return
        seen = 1.0 - self.since
        known = self.wanted > 0 and seen > 0.0
        self.before = self.wanted / seen if known else -1.0
        self.start, self.since, self.wanted = start, 0.0 if known else passed, 0

    def _rate(self, passed: float) -> float:
        """Requests to be expected in a whole period: this one's so far, and the one before."""
        trust = _TRUST if self.before >= 0.0 else 0.0
        seen = max(passed - self.since, 1e-9) + trust
        return (self.wanted + trust * max(self.before, 0.0)) / seen

    def state(self) -> Sequence[float]:
        """Everything it knows, for `of_state`."""
        return astuple(self)

    @classmethod
    def of_state(cls, state: Sequence[float]) -> Self:
        """A price that goes on where the one with this `state` stood."""
        value, worth, requests, start, since, wanted, before = state
        return cls(value, worth, int(requests), int(start), since, int(wanted), before)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one request wanted of a cap.

    Attributes:
        worth: the highest priority among the candidates under the cap.
        units: what that candidate would take; above 0.
        taken: what the offers made did take.
    """

    worth: float
    units: int
    taken: int
