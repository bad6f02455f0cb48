"""Uplift, second step: the parts of all features, and products of two, become the model's columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from engine.features import Feature, FeatureSchema
from engine.uplift.parts import Numbers, Part

_FINE: Final = (15, 7, 3, 1)
_VALUES: Final = 32
_COARSE: Final = (5, 3, 2, 1)
_ROOM: Final = 300


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that matter together or not at all: one feature's, or the products of two features'."""

    names: tuple[str, ...]
    first: int
    width: int

    @property
    def columns(self) -> slice:
        """Where they are."""
        return slice(self.first, self.first + self.width)

    @property
    def is_pair(self) -> bool:
        """Whether these are products."""
        return len(self.names) > 1


class Design:
    """Turns raw features into the columns of a linear model that bends and knows of pairs.

    Each feature is cut up finely (a number into 16 ranges), and each two of them are multiplied, cut
    up coarsely (into 6 ranges). There is room for 300 columns of either sort: the more features, the
    coarser, and of very many no two are multiplied. Columns are divided by the root of their group's
    width, so that one prior scale means the same for all groups. The cuts depend on the features of
    `rows` only, never on what came of them.

    >>> from engine.features import FeatureKind
    >>> schema = FeatureSchema((Feature("age", FeatureKind.NUMBER), Feature("web", FeatureKind.FLAG)))
    >>> design = Design(schema, [(20, True), (30, False), (40, True), (50, False)])
    >>> [(group.names, group.width) for group in design.groups]
    [(('age',), 3), (('web',), 1), (('age', 'web'), 3)]
    >>> design.encode([(20, True)]).shape
    (1, 7)
    """

    def __init__(self, schema: FeatureSchema, rows: Sequence[Sequence[Any]]) -> None:
        seen = list(zip(schema.features, _by_feature(rows, len(schema.features)), strict=True))
        self.schema = schema
        self._fine = _fine(seen)
        self._coarse = _coarse(seen)
        self._pairs = list(combinations(range(len(self._coarse)), 2))
        self.groups = self._grouped()
        self._factors = np.concatenate(
            [np.full(group.width, 1 / math.sqrt(group.width)) for group in self.groups]
        )

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._factors)

    def encode(self, rows: Sequence[Sequence[Any]]) -> Numbers:
        """The columns of some customers, shape (customers, width), about centred."""
        raw = _by_feature(rows, len(self._fine))
        blocks = _columns(self._fine, raw)
        halves = _columns(self._coarse, raw)
        for one, other in self._pairs:
            products = halves[one][:, :, None] * halves[other][:, None, :]
            blocks.append(2 * products.reshape(len(rows), -1))
        encoded: Numbers = np.concatenate(blocks, axis=1) * self._factors
        return encoded

    def encode_singly(self, rows: Sequence[Sequence[Any]]) -> Numbers:
        """The first columns: those of single features, before they are divided."""
        encoded: Numbers = np.concatenate(
            _columns(self._fine, _by_feature(rows, len(self._fine))), axis=1
        )
        return encoded

    def _grouped(self) -> tuple[Group, ...]:
        members: list[tuple[Part, ...]] = [(part,) for part in self._fine]
        members += [(self._coarse[one], self._coarse[other]) for one, other in self._pairs]
        groups: list[Group] = []
        at = 0
        for parts in members:
            width = math.prod(part.width for part in parts)
            if width:
                groups.append(Group(tuple(part.feature.name for part in parts), at, width))
            at += width
        return tuple(groups)


def _fine(seen: Sequence[tuple[Feature, Sequence[Any]]]) -> list[Part]:
    """The parts that stand alone, as fine as there is room for."""
    parts: list[Part] = []
    for cuts in _FINE:
        parts = [Part.of(feature, raw, cuts, min(_VALUES, 2 * cuts + 2)) for feature, raw in seen]
        if sum(part.width for part in parts) <= _ROOM:
            break
    return parts


def _coarse(seen: Sequence[tuple[Feature, Sequence[Any]]]) -> list[Part]:
    """The parts to be multiplied, as fine as there is room for; none if there is none."""
    for cuts in _COARSE:
        parts = [Part.of(feature, raw, cuts, cuts) for feature, raw in seen]
        if sum(a.width * b.width for a, b in combinations(parts, 2)) <= _ROOM:
            return parts
    return []


def _columns(parts: Sequence[Part], raw: Sequence[Sequence[Any]]) -> list[Numbers]:
    return [part.columns(values) for part, values in zip(parts, raw, strict=False)]


def _by_feature(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    return [[row[at] for row in rows] for at in range(count)]
