"""Inputs: what a classifier of river is shown of a customer, a channel and an action."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias
from zlib import crc32

from river import preprocessing

from engine.features import Feature, FeatureKind
from engine.learning.scaling.plain import signed_log

Input: TypeAlias = dict[str, Any]
"""What river calls x: a number, or for trees a text, by name."""

BUCKETS: Final = 32
"""Names shared by the values of an open category, by hash."""

_DENSE_BUCKETS: Final = 8
_CLIP: Final = 4.0
_LARGEST: Final = 1e15
_SETTLED: Final = 30
_OUTLIER: Final = 10.0
_EDGES: Final = (-1.5, -0.5, 0.5, 1.5)
_MISSING: Final = "?"


class Form(Enum):
    """How raw values are put, which depends on what learns from them.

    - STANDARD: numbers standardised, as they are and as their logarithm; of a category the value it has
      as a 1. For linear models, neighbours and factorisation machines.
    - BANDS: the same, but numbers as one of five bands around the mean. For naive Bayes over counts.
    - DENSE: numbers standardised, and every value a category can have as 1 or 0. For Gaussian naive
      Bayes and Mondrian forests, which take what is not there for unknown.
    - WORDS: numbers as they are, categories as texts. For trees and what is made of them.
    """

    STANDARD = "standard"
    BANDS = "bands"
    DENSE = "dense"
    WORDS = "words"


def form_for(estimator: str) -> Form:
    """The form an estimator learns best from.

    >>> form_for("tree.HoeffdingTreeClassifier"), form_for("naive_bayes.BernoulliNB")
    (<Form.WORDS: 'words'>, <Form.BANDS: 'bands'>)
    """
    if estimator in {"naive_bayes.GaussianNB", "forest.AMFClassifier"}:
        return Form.DENSE
    module = estimator.partition(".")[0]
    if module == "naive_bayes":
        return Form.BANDS
    return Form.WORDS if module in {"tree", "forest", "ensemble"} else Form.STANDARD


class Inputs:
    """Makes x of raw feature values, in one form; it learns the scale of numbers as it goes.

    Values may appear and vanish: a declared one has a name of its own, any other shares one of
    `BUCKETS` names, so that the number of names stays bounded.
    """

    def __init__(self, features: Sequence[Feature], form: Form) -> None:
        self.form = form
        self.scaler = preprocessing.StandardScaler()
        self._factors: dict[str, tuple[float, float]] = {}
        self._features = tuple(features)
        self._words = _WORDS[form]
        self._of_number: Callable[[str, Any, Input], None] = {
            Form.STANDARD: self._standard,
            Form.BANDS: self._band,
            Form.DENSE: self._dense,
            Form.WORDS: _plain,
        }[form]

    def of_customer(self, raw: Sequence[Any], channel: str) -> Input:
        """What is the same for all actions; `raw` are the values of the features, in order."""
        x: Input = {}
        for feature, value in zip(self._features, raw, strict=True):
            if feature.kind is FeatureKind.NUMBER:
                self._of_number(feature.name, value, x)
            else:
                self._words(feature, _members(feature, value), x)
        self._name(x, "channel", channel)
        return x

    def of_action(self, action: str, attributes: Mapping[str, str]) -> Input:
        """What belongs to one action: its name and the attributes it is declared with."""
        x: Input = {}
        self._name(x, "action", action)
        for name, value in attributes.items():
            self._name(x, f"action.{name}", value)
        return x

    def _name(self, x: Input, what: str, name: str) -> None:
        """Puts a name that marketing chose, of which there are only so many as it wrote."""
        values = () if self.form is Form.DENSE else (name,)
        self._words(Feature(what, FeatureKind.CATEGORY, values), (name,), x)

    def learn_one(self, raw: Sequence[Any]) -> None:
        """Takes the numbers of one exposure into account."""
        if self.form is Form.WORDS:
            return
        seen = {}
        for feature, value in zip(self._features, raw, strict=True):
            number = _within(value) if feature.kind is FeatureKind.NUMBER else None
            if number is not None:
                seen[feature.name] = self._tamed(feature.name, number)
                log = f"{feature.name}~log"
                seen[log] = self._tamed(log, signed_log(number))
        if seen:
            self._factors.clear()
            self.scaler.learn_one(seen)  # type: ignore[no-untyped-call]  # river's

    def _tamed(self, name: str, number: float) -> float:
        """A number at most ten deviations from what is usual: one outlier must not spoil the scale."""
        if self.scaler.counts[name] < _SETTLED:
            return number
        mean, deviation = self.scaler.means[name], math.sqrt(self.scaler.vars[name])
        if not deviation or abs(number - mean) <= _OUTLIER * deviation:
            return number
        return float(mean + math.copysign(_OUTLIER * deviation, number - mean))

    def _z(self, name: str, number: float) -> float:
        """By how many deviations a number is above the mean, within ±4."""
        factors = self._factors.get(name)
        if factors is None:
            variance = self.scaler.vars.get(name, 0.0)
            by = 1.0 / math.sqrt(variance) if variance > 0.0 else 0.0
            factors = self._factors[name] = self.scaler.means.get(name, 0.0), by
        z = (number - factors[0]) * factors[1]
        return z if -_CLIP < z < _CLIP else math.copysign(_CLIP, z)

    def _standard(self, name: str, value: Any, x: Input) -> None:
        number = _within(value)
        if number is None:
            x[f"{name}{_MISSING}"] = 1.0
            return
        x[name] = self._z(name, number)
        log = f"{name}~log"
        x[log] = self._z(log, signed_log(number))

    def _dense(self, name: str, value: Any, x: Input) -> None:
        number = _within(value)
        x[name] = 0.0 if number is None else self._z(name, number)
        log = f"{name}~log"
        x[log] = 0.0 if number is None else self._z(log, signed_log(number))
        x[f"{name}{_MISSING}"] = float(number is None)

    def _band(self, name: str, value: Any, x: Input) -> None:
        number = _within(value)
        if number is None:
            x[f"{name}{_MISSING}"] = 1.0
            return
        z = self._z(f"{name}~log", signed_log(number))
        x[f"{name}~{sum(z > edge for edge in _EDGES)}"] = 1.0


def _members(feature: Feature, value: Any) -> tuple[str, ...] | None:
    """The values of a flag, a category or a set as texts; None if it is missing."""
    if value is None:
        return None
    if feature.kind is FeatureKind.FLAG:
        return ("true",) if value else ("false",)
    if feature.kind is FeatureKind.SET:
        return tuple(dict.fromkeys(map(str, value)))
    return (str(value),)


def _known(feature: Feature) -> tuple[str, ...]:
    return ("true", "false") if feature.kind is FeatureKind.FLAG else feature.values


def _name(feature: Feature, member: str, buckets: int = BUCKETS) -> str:
    """The name of one value: its own if it is declared, else one it shares."""
    known = _known(feature)
    if member in known:
        return f"{feature.name}={member}"
    return f"{feature.name}#{crc32(member.encode()) % buckets if not known else 'other'}"


def _ones(feature: Feature, members: Iterable[str] | None, x: Input) -> None:
    if members is None:
        x[f"{feature.name}{_MISSING}"] = 1.0
        return
    for member in members:
        x[_name(feature, member)] = 1.0


def _ones_and_zeros(feature: Feature, members: Iterable[str] | None, x: Input) -> None:
    known = _known(feature)
    every = [f"{feature.name}={value}" for value in known] or [
        f"{feature.name}#{bucket}" for bucket in range(_DENSE_BUCKETS)
    ]
    x.update(dict.fromkeys(every, 0.0))
    x[f"{feature.name}{_MISSING}"] = float(members is None)
    for member in members or ():
        x[_name(feature, member, _DENSE_BUCKETS)] = 1.0


def _texts(feature: Feature, members: Iterable[str] | None, x: Input) -> None:
    if feature.kind is FeatureKind.SET:
        x.update(dict.fromkeys((_name(feature, member) for member in members or ()), "yes"))
        return
    for member in members or (_MISSING,):
        own = member == _MISSING or member in _known(feature)
        x[feature.name] = member if own else _name(feature, member)


def _plain(name: str, value: Any, x: Input) -> None:
    number = _within(value)
    if number is not None:
        x[name] = number


_WORDS: Final = {
    Form.STANDARD: _ones,
    Form.BANDS: _ones,
    Form.DENSE: _ones_and_zeros,
    Form.WORDS: _texts,
}


def _within(number: Any) -> float | None:
    """The number as it can be reckoned with: None if it is none, at most 10¹⁵ in magnitude."""
    if not isinstance(number, int | float) or not abs(number) < math.inf:
        return None
    return float(max(-_LARGEST, min(_LARGEST, number)))
