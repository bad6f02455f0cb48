"""Learn: whom to believe. Experts' logits become one, each trusted as far as it has been right."""

import math
from collections.abc import Mapping, Sequence
from operator import mul
from typing import Any, Final

import numpy as np

from engine.experts.loops import expert_loops
from engine.experts.rates import UNREST
from engine.learning.odds import sigmoid

_HUMILITY: Final = 0.2
"""The trust the rate begins with: where successes are rare it takes long to know better."""

_SPREAD: Final = 0.05
_LOOSER: Final = 0.01
_IMAGINED: Final = 2.0
_RAREST: Final = 1e-6


class Mixture:
    """Experts, averaged by trust, all in logits.

    Opinions are: each expert's; the rate so far, by which nobody is told apart; the experts' plain
    mean; and two stacks. A stack is an online logistic regression on the experts' logits with a full
    covariance (a Kalman filter; Spiegelhalter & Lauritzen 1990): it weighs experts against each other
    and corrects slope and offset, so it calibrates as well. One of the two hardly forgets, the other
    follows change. An opinion's trust falls by e^(−η·loss) in each lesson and never to nothing
    (Herbster & Warmuth, "Tracking the best expert", 1998): what suits the stream wins, and may change.

    All opinions are linear in the experts' logits, so the mixture is. A logit is `guess` + what the
    expert makes of everybody (its own) + what groups and actions add (common to all experts).

    Attributes:
        shares: what each expert's own logit counts for.
        slope: what the common logit counts for.
        offset: what is added for everybody.
    """

    def __init__(self, experts: int, guess: float) -> None:
        """Mixes so many experts; `guess` is the logit to be expected while nothing is known."""
        opinions = experts + 2 + len(UNREST)
        self.shares: list[float] = []
        self.slope = self.offset = 0.0
        self._guess = guess
        self._start = np.full(opinions, (1.0 - _HUMILITY) / (opinions - 1))
        self._start[experts] = _HUMILITY
        self._trust = self._start.copy()
        self._stacks = np.zeros((len(UNREST), experts + 1))
        self._stacks[:, :experts] = 1.0 / experts
        self._spreads = np.array([_SPREAD * np.eye(experts + 1)] * len(UNREST))
        self._positives, self._seen = _IMAGINED * sigmoid(guess), _IMAGINED
        self._settle = expert_loops().settle
        self._refresh()

    def logit(self, own: Sequence[float], common: float) -> float:
        """The mixture of the experts' logits."""
        together: float = sum(map(mul, self.shares, own))
        return self.offset + self.slope * common + together

    def learn_one(self, own: Sequence[float], common: float, label: float) -> None:
        """Learns who was how right about a label in [0, 1]."""
        self._learn(own, common, label, is_correction=False)
        self._count(label, 1.0)

    def correct(self, own: Sequence[float], common: float, missed: float) -> None:
        """Makes up for a label taught too low by `missed`; nobody is surer for it."""
        self._learn(own, common, missed, is_correction=True)
        self._count(missed, 0.0)

    def unlearn(self, own: Sequence[float], common: float, label: float) -> None:
        """Takes the step that a label would ask for now, the other way; nobody is less sure for it."""
        expected = sigmoid(self.logit(own, common))
        self._learn(own, common, expected - label, is_correction=True)
        self._count(-label, -1.0)

    def loosen(self) -> None:
        """Makes the stacks less sure, so that they move faster for a while."""
        self._spreads += _LOOSER * np.eye(self._spreads.shape[1])

    def trusted(self, names: Sequence[str]) -> dict[str, float]:
        """How much each opinion is trusted, from 0 to 1, the most trusted first; experts by `names`."""
        opinions = (*names, "the rate", "the experts' mean", "the steady stack", "the lively stack")
        found = zip(opinions, self._trust.tolist(), strict=True)
        return dict(sorted(found, key=lambda opinion: -opinion[1]))

    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON, for `restore`."""
        return {
            "trust": self._trust.tolist(),
            "stacks": self._stacks.tolist(),
            "spreads": self._spreads.tolist(),
            "positives": self._positives,
            "seen": self._seen,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up where the mixture that wrote `state` stood."""
        self._trust[:] = state["trust"]
        self._stacks[:] = state["stacks"]
        self._spreads[:] = state["spreads"]
        self._positives, self._seen = state["positives"], state["seen"]
        self._refresh()

    @property
    def _rate(self) -> float:
        """The logit of the rate so far."""
        rate = max(_RAREST, min(1.0 - _RAREST, self._positives / self._seen))
        return math.log(rate / (1.0 - rate))

    def _learn(
        self, own: Sequence[float], common: float, label: float, *, is_correction: bool
    ) -> None:
        logits = [self._guess + common + logit for logit in own]
        self._settle(
            np.array([*logits, self._rate + common]),
            label,
            is_correction,
            self._trust,
            self._start,
            self._stacks,
            self._spreads,
        )

    def _count(self, positives: float, seen: float) -> None:
        self._positives += positives
        self._seen = max(_IMAGINED, self._seen + seen)
        self._refresh()

    def _refresh(self) -> None:
        experts = len(self._trust) - 2 - len(UNREST)
        *each, by_rate, by_mean, steady, lively = self._trust.tolist()
        by_mean /= experts
        (*one, first), (*other, second) = self._stacks.tolist()
        self.shares = [
            trust + by_mean + steady * a + lively * b
            for trust, a, b in zip(each, one, other, strict=True)
        ]
        stacked = sum(self.shares)
        self.slope = stacked + by_rate
        self.offset = (
            self._guess * stacked + self._rate * by_rate + steady * first + lively * second
        )
