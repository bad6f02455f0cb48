"""Uplift, first step: one raw feature is cut up into steps of a number or indicators of values."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from engine.features import Feature, FeatureKind

Numbers = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """How one feature is cut up.

    A number has one column for each of its `steps` it is above, so that neighbouring ranges have most
    in common; a flag, category or set one for each of its `values`. `missing` adds one for customers
    of whom it is not known; their other columns stand at the average.
    """

    feature: Feature
    steps: tuple[float, ...] = ()
    values: tuple[Any, ...] = ()
    missing: bool = False
    means: Numbers = field(default_factory=lambda: np.zeros(0), compare=False)

    @classmethod
    def of(cls, feature: Feature, raw: Sequence[Any], most_steps: int, most_values: int) -> Self:
        """Cut up by how often what is seen: steps at quantiles, the most frequent values.

        A number of few different values has a step between any two of them.
        """
        missing = bool(_absent(feature, raw).any())
        if feature.kind is FeatureKind.NUMBER:
            part = cls(feature, steps=_steps(_numbers(raw), most_steps), missing=missing)
        else:
            counts = Counter(member for value in raw for member in _members(value))
            frequent = sorted(counts, key=lambda value: (-counts[value], str(value)))
            most = min(most_values, max(1, len(counts) - 1)) if len(counts) > 1 else 0
            if feature.kind is FeatureKind.SET:
                most = min(most_values, len(counts))
            part = cls(feature, values=tuple(frequent[:most]), missing=missing)
        return replace(part, means=np.nan_to_num(_mean(part._columns(raw))))

    @property
    def width(self) -> int:
        """How many columns it gives."""
        return len(self.steps) + len(self.values) + self.missing

    def columns(self, raw: Sequence[Any]) -> Numbers:
        """The columns less their means, shape (customers, width)."""
        return np.nan_to_num(self._columns(raw) - self.means)

    def _columns(self, raw: Sequence[Any]) -> Numbers:
        """0 or 1; NaN for what is missing."""
        absent = _absent(self.feature, raw)
        if self.feature.kind is FeatureKind.NUMBER:
            found: Numbers = (_numbers(raw)[:, None] > np.array(self.steps)).astype(np.float64)
        else:
            found = self._indicators(raw)
        found[absent] = np.nan
        return np.column_stack([found, absent]) if self.missing else found

    def _indicators(self, raw: Sequence[Any]) -> Numbers:
        places = {value: at for at, value in enumerate(self.values)}
        found = np.zeros((len(raw), len(self.values)))
        for row, value in enumerate(raw):
            for member in _members(value):
                at = places.get(member)
                if at is not None:
                    found[row, at] = 1.0
        return found


def _steps(numbers: Numbers, most: int) -> tuple[float, ...]:
    known = numbers[~np.isnan(numbers)]
    different = np.unique(known)
    if len(different) <= most + 1:
        return tuple(((different[1:] + different[:-1]) / 2).tolist())
    shares = np.linspace(0, 1, most + 2)[1:-1]
    steps = np.unique(np.quantile(known, shares, method="lower"))
    return tuple(steps[steps < different[-1]].tolist())


def _numbers(raw: Sequence[Any]) -> Numbers:
    numbers = np.array([math.nan if value is None else value for value in raw], dtype=np.float64)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _absent(feature: Feature, raw: Sequence[Any]) -> npt.NDArray[np.bool_]:
    if feature.kind is FeatureKind.NUMBER:
        return np.isnan(_numbers(raw))
    return np.array([value is None for value in raw], dtype=bool)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    return () if value is None else (value,)


def _mean(columns: Numbers) -> Numbers:
    known = ~np.isnan(columns)
    means: Numbers = np.nansum(columns, axis=0) / np.maximum(known.sum(axis=0), 1)
    return means
