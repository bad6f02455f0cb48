"""Uplift's uncertainty: the trial drawn anew from itself, again and again, always by the same seed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.uplift.curves import Trial
from engine.uplift.parts import Numbers

DRAWS: Final = 500
"""How often a trial is drawn anew."""

_SEED: Final = 1
_TAIL: Final = 2.5


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the 95 % interval around it."""

    estimate: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether all of it is above zero."""
        return self.low > 0.0

    @property
    def below_zero(self) -> bool:
        """Whether all of it is below zero."""
        return self.high < 0.0

    @classmethod
    def of(cls, estimate: float, drawn: Numbers) -> "Interval":
        """The percentile interval (Efron & Tibshirani 1993, ch. 13), shape of `drawn`: (draws,)."""
        low, high = np.percentile(drawn, [_TAIL, 100 - _TAIL])
        return cls(estimate, float(low), float(high))


def redrawn(
    trial: Trial,
    figures: Callable[[Numbers], Mapping[str, float]],
    advance: Callable[[int], object],
) -> dict[str, Numbers]:
    """The figures of a trial drawn anew `DRAWS` times, by name, each of shape (draws,).

    `figures` is told how often each customer counts. Each arm is drawn by itself, with replacement,
    so the arms keep their sizes. `advance` is told of each draw.
    """
    drawn = []
    for weights in _weights(trial):
        drawn.append(figures(weights))
        advance(1)
    return {name: np.array([draw[name] for draw in drawn]) for name in drawn[0]}


def _weights(trial: Trial) -> Iterator[Numbers]:
    chance = np.random.default_rng(_SEED)
    arms = [np.flatnonzero(trial.treated), np.flatnonzero(~trial.treated)]
    for _ in range(DRAWS):
        weights = np.zeros(len(trial.treated))
        for arm in arms:
            counts = np.bincount(chance.integers(0, len(arm), len(arm)), minlength=len(arm))
            weights[arm] = counts
        yield weights
