"""Encoding: the mean and the deviation of every number, of all schemas."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from engine.learning.scaling.loops import (
    COUNT,
    LOG_MEAN,
    LOG_VARIANCE,
    MEAN,
    VARIANCE,
    WIDTH,
    Numbers,
    ScalingLoops,
    scaling_loops,
)

_FIRST_LINES: Final = 16


class Scaler:
    """Standardises numbers online as river's `StandardScaler` does, hardened against outliers.

    Every number is seen twice, as it is and as its signed logarithm `sign(v)·ln(1 + |v|)`, so that
    amounts that range over magnitudes speak too. Once 30 values are known, one that lies more than 10
    deviations away counts as 10 deviations: it cannot wreck the scale for all others.

    Attributes:
        lines: what is known of each number, see `engine.learning.scaling.loops`; replaced by a larger
            array as numbers are added.
        loops: how numbers are scaled and learned.
    """

    __slots__ = ("_places", "lines", "loops")

    def __init__(self, loops: ScalingLoops | None = None) -> None:
        """Scales by these loops; if none are given, by the fastest this machine has."""
        self.loops = scaling_loops() if loops is None else loops
        self.lines: Numbers = np.zeros((_FIRST_LINES, WIDTH))
        self._places: dict[str, int] = {}

    def line_of(self, name: str) -> int:
        """The line of a number, new if need be."""
        place = self._places.setdefault(name, len(self._places))
        if place == len(self.lines):
            self.lines = np.concatenate((self.lines, np.zeros_like(self.lines)))
        return place

    def state(self) -> dict[str, list[float]]:
        """What has been learned, as JSON: by name and log name [count, mean, variance]."""
        found: dict[str, list[float]] = {}
        for name, place in self._places.items():
            line = self.lines[place].tolist()
            if line[COUNT]:
                found[name] = [int(line[COUNT]), line[MEAN], line[VARIANCE]]
                found[log_name(name)] = [int(line[COUNT]), line[LOG_MEAN], line[LOG_VARIANCE]]
        return {name: found[name] for name in sorted(found)}

    def restore(self, state: Mapping[str, Sequence[float]]) -> None:
        """Takes up where the scaler that wrote `state` stood."""
        for name, (count, mean, variance) in state.items():
            if log_name(name) in state:
                _, log_mean, log_variance = state[log_name(name)]
                self.lines[self.line_of(name)] = (
                    count,
                    mean,
                    variance,
                    _reciprocal_root(variance),
                    log_mean,
                    log_variance,
                    _reciprocal_root(log_variance),
                )


def log_name(name: str) -> str:
    """The column of a number's signed logarithm."""
    return f"{name}~log"


def _reciprocal_root(variance: float) -> float:
    return 1.0 / math.sqrt(variance) if variance > 0.0 else 0.0
