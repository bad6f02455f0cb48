"""What happened in the demo, as the firm's own books have it: who was asked, who said yes, what it earned."""

from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.demo.arms import Arm
from engine.lift import Ratio

_RECENT = 800


@dataclass(frozen=True, slots=True)
class Sale:
    """What became of one visit: whether there was an offer, whether one was taken, the money it brings."""

    person: int
    offered: bool
    accepted: bool
    money: float
    degraded: bool
    latency: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of what a caller waited for a decision, in milliseconds."""

    p50: float
    p95: float
    p99: float


class Ledger:
    """Adds up visits. Persons are numbered as in the population; each belongs to one arm.

    *Accept rate* is the share of decisions with at least one offer that ended with an accepted one
    (nobody takes more than one a visit). *Value per decision* is the money of all accepted offers
    over all decisions, those without an offer or an answer included: the margin the rule book gives
    for this action and this customer, whatever the engine believed of it.
    """

    def __init__(self, arms: Sequence[Arm]) -> None:
        self._arms = np.array([tuple(Arm).index(arm) for arm in arms])
        size = len(arms)
        self._decided, self._offered = np.zeros(size), np.zeros(size)
        self._accepted, self._money = np.zeros(size), np.zeros(size)
        self._latencies = array("d")
        self._degraded = 0
        self._recent: Mapping[Arm, deque[bool]] = {arm: deque(maxlen=_RECENT) for arm in Arm}
        self.decisions = 0
        self.unanswered = 0

    def add(self, sale: Sale) -> None:
        """Enters a visit that was answered."""
        self.decisions += 1
        self._decided[sale.person] += 1
        self._offered[sale.person] += sale.offered
        self._accepted[sale.person] += sale.accepted
        self._money[sale.person] += sale.money
        self._degraded += sale.degraded
        self._latencies.append(sale.latency)
        if sale.offered:
            self._recent[tuple(Arm)[self._arms[sale.person]]].append(sale.accepted)

    def add_unanswered(self, person: int) -> None:
        """Enters a visit whose decision came back with an error: a decision that earned nothing."""
        self.decisions += 1
        self.unanswered += 1
        self._decided[person] += 1

    def accept_rate(self, arm: Arm) -> Ratio:
        """Accepted offers over decisions with an offer."""
        mine = self._mine(arm)
        return Ratio.of(self._accepted[mine], self._offered[mine])

    def value_per_decision(self, arm: Arm) -> Ratio:
        """Money earned over decisions."""
        mine = self._mine(arm)
        return Ratio.of(self._money[mine], self._decided[mine])

    def decided(self, arm: Arm) -> int:
        """How many decisions this arm has made."""
        return int(self._decided[self._mine(arm)].sum())

    def recent_accept_rate(self, arm: Arm) -> float:
        """The accept rate of the arm's latest decisions with an offer (at most 800)."""
        recent = self._recent[arm]
        return sum(recent) / len(recent) if recent else 0.0

    def latency(self) -> Latency:
        """Over all answered decisions, exact."""
        if not self._latencies:
            return Latency(0.0, 0.0, 0.0)
        p50, p95, p99 = np.percentile(np.frombuffer(self._latencies), (50, 95, 99)) * 1000.0
        return Latency(float(p50), float(p95), float(p99))

    @property
    def degraded_share(self) -> float:
        """The share of decisions that were degraded or not answered at all."""
        return (self._degraded + self.unanswered) / self.decisions if self.decisions else 0.0

    def _mine(self, arm: Arm) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        mine: np.ndarray[tuple[int], np.dtype[np.bool_]] = self._arms == tuple(Arm).index(arm)
        return mine
