"""Encoding: raw feature values become named numbers, the same for learning and for scoring."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final
from zlib import crc32

from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learning.moments import Moments
from engine.model import Value

BIAS: Final = "1"
"""The column that is the same for everybody: the base rate of a row."""

BUCKETS: Final = 32
"""Columns shared by the values of an open category, by hash."""

LARGEST: Final = 1e15
"""Numbers count as no larger than this in magnitude."""

_BIAS_VALUE: Final = 2.0
_USUAL_LENGTH: Final = 24.0
_CLIP: Final = 4.0
_OUTLIER: Final = 10.0
_SETTLED: Final = 30
_WELL_KNOWN: Final = 1_000
_THINNED: Final = 8
_ALWAYS: Final = 1 << 62


class Scaler:
    """Standardises numbers online: as river's `StandardScaler`, hardened against outliers.

    Every number is seen twice, as it is and as its signed logarithm `sign(v)·ln(1 + |v|)`, so that
    amounts that range over magnitudes speak too. Once `_SETTLED` values are known, one that lies
    more than 10 deviations away counts as 10 deviations: it cannot wreck the scale for all others.
    Once 1,000 are known, every eighth lesson is enough to keep it up to date.

    `factors` maps a number's name to [mean, 1/deviation, mean of logs, 1/deviation of logs]; a
    reciprocal is 0 while all values have been equal. The lists stay the same objects for ever.
    """

    def __init__(self) -> None:
        self.statistics = Moments()
        self.factors: dict[str, list[float]] = {}

    def factors_of(self, name: str) -> list[float]:
        """The factors of one number, to be kept by whoever scales it."""
        return self.factors.setdefault(name, [0.0, 0.0, 0.0, 0.0])

    def learn_one(self, numbers: Mapping[str, float]) -> None:
        """Takes the numbers of one lesson into account."""
        counts, factors = self.statistics.counts, self.factors
        seen: dict[str, float] = {}
        for name, number in numbers.items():
            log = signed_log(number)
            if counts[name] >= _SETTLED:
                mean, inverse, log_mean, log_inverse = factors[name]
                number = _tamed(number, mean, inverse)  # noqa: PLW2901  # the same number, tamed
                log = _tamed(log, log_mean, log_inverse)
            seen[name] = number
            seen[log_name(name)] = log
        self.statistics.learn_one(seen)
        for name in numbers:
            self._refresh(name)

    def state(self) -> dict[str, list[float]]:
        """What has been learned, as JSON: by name and log name [count, mean, variance]."""
        s = self.statistics
        return {name: [s.counts[name], s.means[name], s.vars[name]] for name in sorted(s.counts)}

    def restore(self, state: Mapping[str, Sequence[float]]) -> None:
        """Takes up where the scaler that wrote `state` stood."""
        for name, (count, mean, variance) in state.items():
            self.statistics.counts[name] = int(count)
            self.statistics.means[name] = mean
            self.statistics.vars[name] = variance
        for name in state:
            if log_name(name) in state:
                self._refresh(name)

    def _refresh(self, name: str) -> None:
        means, variances, log = self.statistics.means, self.statistics.vars, log_name(name)
        self.factors_of(name)[:] = (
            means[name],
            _reciprocal_root(variances[name]),
            means[log],
            _reciprocal_root(variances[log]),
        )


class Encoding:
    """How the raw values of one schema become columns of the weight table, each with its number.

    - flag: one column for true, one for false
    - number: two standardised columns (plain, and of its signed logarithm), clipped to ±4
    - category: one column for each declared value and one for all others; an open category has
      `BUCKETS` columns chosen by CRC-32
    - set: as a category, one column for each member
    - whatever is missing has a column that says so

    Everything but the base rate's column is multiplied by one factor, so that the vector's length is
    about the same however many features there are: learning rates then mean the same everywhere.
    """

    def __init__(self, schema: FeatureSchema, columns: Mapping[str, int], scaler: Scaler) -> None:
        self.schema = schema
        self.scale = _scale(schema.features)
        self._scaler = scaler
        self._bias = columns[BIAS]
        named = tuple(enumerate(schema.features))
        single = [(i, f) for i, f in named if f.kind in (FeatureKind.FLAG, FeatureKind.CATEGORY)]
        self._tables = tuple(_Table(f, columns) for _, f in single)
        self._singles = _picker([i for i, _ in single])
        self._single_values = [self.scale] * len(single)
        self._sets = tuple(
            (i, _Table(f, columns), columns[missing_name(f.name)])
            for i, f in named
            if f.kind is FeatureKind.SET
        )
        self._measured = tuple((i, f.name) for i, f in named if f.kind is FeatureKind.NUMBER)
        self._numbers = tuple(
            (
                i,
                columns[f.name],
                columns[log_name(f.name)],
                columns[missing_name(f.name)],
                scaler.factors_of(f.name),
            )
            for i, f in named
            if f.kind is FeatureKind.NUMBER
        )

    def encode(self, raw: Sequence[Value]) -> tuple[list[int], list[float]]:
        """The columns that are not zero and their values; no column twice, `raw` is not changed."""
        columns = [self._bias]
        columns += [
            table[value] for table, value in zip(self._tables, self._singles(raw), strict=True)
        ]
        values = [_BIAS_VALUE, *self._single_values]
        for at, table, missing in self._sets:
            members: Any = raw[at]
            active = [missing] if members is None else dict.fromkeys([table[m] for m in members])
            columns += active
            values += [self.scale] * len(active)
        if self._numbers:
            self._encode_numbers(raw, columns, values)
        return columns, values

    def _encode_numbers(self, raw: Sequence[Any], columns: list[int], values: list[float]) -> None:
        scale, log1p = self.scale, math.log1p
        column, value = columns.append, values.append
        for at, plain, logarithm, missing, (mean, inverse, log_mean, log_inverse) in self._numbers:
            number = raw[at]
            if number is None or not -LARGEST <= number <= LARGEST:
                number = number_within(number)
                if number is None:
                    column(missing)
                    value(scale)
                    continue
            z = (number - mean) * inverse
            if z:
                column(plain)
                value((z if -_CLIP < z < _CLIP else math.copysign(_CLIP, z)) * scale)
            z = (log1p(number) if number >= 0 else -log1p(-number)) - log_mean
            z *= log_inverse
            if z:
                column(logarithm)
                value((z if -_CLIP < z < _CLIP else math.copysign(_CLIP, z)) * scale)

    def learn_one(self, raw: Sequence[Any], lesson: int) -> None:
        """Lets the scaler see the numbers of the `lesson`-th lesson that it still has need of."""
        counts = self._scaler.statistics.counts
        enough = _WELL_KNOWN if lesson % _THINNED else _ALWAYS
        numbers: dict[str, float] = {}
        for at, name in self._measured:
            value = raw[at]
            if value is not None and counts[name] < enough:
                number = number_within(value)
                if number is not None:
                    numbers[name] = number
        if numbers:
            self._scaler.learn_one(numbers)


def column_names(schema: FeatureSchema) -> list[str]:
    """Every column the encoding of this schema can speak in, in a fixed order."""
    return [BIAS, *chain.from_iterable(map(_columns_of, schema.features))]


def log_name(name: str) -> str:
    """The column of a number's signed logarithm."""
    return f"{name}~log"


def missing_name(name: str) -> str:
    """The column that says a feature is missing."""
    return f"{name}?"


def signed_log(number: float) -> float:
    """`sign(v)·ln(1 + |v|)`.

    >>> round(signed_log(-9.0), 3), signed_log(0)
    (-2.303, 0.0)
    """
    return math.copysign(math.log1p(abs(number)), number)


class _Table(dict[Any, int]):
    """The column of each value of a flag, a category or a set's members; None is missing."""

    def __init__(self, feature: Feature, columns: Mapping[str, int]) -> None:
        name = feature.name
        super().__init__({None: columns[missing_name(name)]})
        if feature.kind is FeatureKind.FLAG:
            self.update({True: columns[f"{name}=true"], False: columns[f"{name}=false"]})
            others = [missing_name(name)]
        elif feature.values:
            self.update({value: columns[f"{name}={value}"] for value in feature.values})
            others = [f"{name}#other"]
        else:
            others = _buckets(name)
        self._others = tuple(columns[other] for other in others)

    def __missing__(self, value: Any) -> int:
        return self._others[crc32(str(value).encode()) % len(self._others)]


def _columns_of(feature: Feature) -> list[str]:
    name, missing = feature.name, missing_name(feature.name)
    if feature.kind is FeatureKind.NUMBER:
        return [name, log_name(name), missing]
    if feature.kind is FeatureKind.FLAG:
        return [f"{name}=true", f"{name}=false", missing]
    if feature.values:
        return [*[f"{name}={value}" for value in feature.values], f"{name}#other", missing]
    return [*_buckets(name), missing]


def _buckets(name: str) -> list[str]:
    return [f"{name}#{bucket}" for bucket in range(BUCKETS)]


def _scale(features: Sequence[Feature]) -> float:
    """What makes the squared length of an encoded vector about `_USUAL_LENGTH`."""
    twofold = (FeatureKind.NUMBER, FeatureKind.SET)
    active = sum(2 if feature.kind in twofold else 1 for feature in features)
    return math.sqrt(_USUAL_LENGTH / active) if active else 1.0


def _picker(positions: list[int]) -> Callable[[Sequence[Value]], tuple[Any, ...]]:
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda raw: tuple(raw[position] for position in positions)


def number_within(number: Any) -> float | None:
    """The number as it can be reckoned with: None if it is none, at most 10¹⁵ in magnitude."""
    if number is None or not isinstance(number, int | float) or not abs(number) < math.inf:
        return None
    return float(max(-LARGEST, min(LARGEST, number)))


def _tamed(number: float, mean: float, inverse: float) -> float:
    if inverse and abs(number - mean) * inverse > _OUTLIER:
        return mean + math.copysign(_OUTLIER / inverse, number - mean)
    return number


def _reciprocal_root(variance: float) -> float:
    return 1.0 / math.sqrt(variance) if variance > 0.0 else 0.0
