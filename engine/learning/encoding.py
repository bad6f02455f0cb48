"""Encoding: raw feature values become named numbers, the same for learning and for scoring."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final
from zlib import crc32

import numpy as np

from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learning.scaling.loops import COUNT, LARGEST, Indexes, Numbers
from engine.learning.scaling.scaler import Scaler, log_name
from engine.model import Value
from engine.native import native

BIAS: Final = "1"
"""The column that is the same for everybody: the base rate of a row."""

BUCKETS: Final = 32
"""Columns shared by the values of an open category, by hash."""

WELL_KNOWN: Final = 1_000.0
"""A number that was learned so often is hardly news any more."""

_USUAL_LENGTH: Final = 24.0
_THINNED: Final = 8


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
        numbers = [(i, f.name) for i, f in named if f.kind is FeatureKind.NUMBER]
        self._tables = tuple(_Table(f, columns) for _, f in single)
        self._table_places = tuple(i for i, _ in single)
        self._sets = tuple(
            (i, _Table(f, columns), columns[missing_name(f.name)])
            for i, f in named
            if f.kind is FeatureKind.SET
        )
        self._number_places = tuple(i for i, _ in numbers)
        self._places = np.array(
            [
                (scaler.line_of(n), columns[n], columns[log_name(n)], columns[missing_name(n)])
                for _, n in numbers
            ],
            dtype=np.intp,
        ).reshape(-1, 4)
        self._is_well_known = False

    def numbers(self, raw: Sequence[Value]) -> Numbers:
        """The numbers among the raw values, in their order; NaN where there is none."""
        places = self._number_places
        found = np.empty(len(places))
        if native.numbers(raw, places, found):
            return found
        told: list[Any] = [raw[place] for place in places]
        try:
            return np.array(told, dtype=np.float64)
        except OverflowError:
            return np.array([number_within(number) for number in told], dtype=np.float64)

    def encode(self, raw: Sequence[Value], numbers: Numbers) -> tuple[Indexes, Numbers]:
        """The columns that are not zero and their values; no column twice, `raw` is not changed.

        `numbers` are those among the raw values.
        """
        members: list[int] = []
        for at, table, missing in self._sets:
            told: Any = raw[at]
            members += [missing] if told is None else dict.fromkeys([table[m] for m in told])
        singles = 1 + len(self._tables)
        known = singles + len(members)
        room = known + 2 * len(numbers)
        columns, values = np.empty(room, np.intp), np.empty(room)
        columns[0] = self._bias
        native.columns(self._tables, raw, self._table_places, columns[1:])
        if members:
            columns[singles:known] = members
        scaler = self._scaler
        end = scaler.loops.scale(
            numbers, self._places, scaler.lines, self.scale, known, columns, values
        )
        return columns[:end], values[:end]

    def learn_one(self, numbers: Numbers, lesson: int) -> None:
        """Lets the scaler see the numbers of the `lesson`-th lesson that it still has need of."""
        most = enough(lesson)
        if self._is_well_known and most <= WELL_KNOWN:
            return
        scaler = self._scaler
        scaler.loops.measure(numbers, self._places, scaler.lines, most)
        if most > WELL_KNOWN and not self._is_well_known:
            counts = scaler.lines[self._places[:, 0], COUNT]
            self._is_well_known = bool((counts >= WELL_KNOWN).all())


def enough(lesson: int) -> float:
    """How often a number is to have been learned before a lesson that need not be learned from.

    Once a number is well known, every eighth lesson is enough.

    >>> enough(7), enough(8)
    (1000.0, inf)
    """
    return WELL_KNOWN if lesson % _THINNED else math.inf


def column_names(schema: FeatureSchema) -> list[str]:
    """Every column the encoding of this schema can speak in, in a fixed order."""
    return [BIAS, *chain.from_iterable(map(_columns_of, schema.features))]


def missing_name(name: str) -> str:
    """The column that says a feature is missing."""
    return f"{name}?"


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


def number_within(number: Any) -> float | None:
    """The number as it can be reckoned with: None if it is none, at most 10¹⁵ in magnitude."""
    if number is None or not isinstance(number, int | float) or not abs(number) < math.inf:
        return None
    return float(max(-LARGEST, min(LARGEST, number)))
