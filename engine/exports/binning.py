"""Binning: one predictor by itself, cut into bins with what came of the offers in each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import isfinite, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.features import FeatureKind
from engine.health.measures import Numbers, auc
from engine.model import Value

MOST_BINS: Final = 10
MOST_SYMBOLS: Final = 20
MISSING: Final = "MISSING"


class BinType(StrEnum):
    """What kind of values a bin holds, as ADM calls it."""

    USUAL = "EQUIBEHAVIOR"
    MISSING = "MISSING"
    REST = "RESIDUAL"


@dataclass(frozen=True, slots=True)
class Bin:
    """Offers whose predictor had a value of this bin. Bounds are None where values are no numbers."""

    type: BinType
    symbol: str
    lower: float | None
    upper: float | None
    offers: int
    positives: float

    @property
    def negatives(self) -> float:
        """Offers less positives."""
        return self.offers - self.positives


@dataclass(frozen=True, slots=True)
class Binned:
    """A predictor's bins; `auc` is how well they alone tell takers from others, never below 0.5.

    It is told of the same offers the bins were made of, and so is a little too good for few offers.
    """

    name: str
    numeric: bool
    bins: tuple[Bin, ...]
    auc: float
    contents: str

    @property
    def positives(self) -> float:
        """Over all bins."""
        return sum(one.positives for one in self.bins)

    @property
    def offers(self) -> int:
        """Over all bins."""
        return sum(one.offers for one in self.bins)


def binned(name: str, kind: FeatureKind, values: Sequence[Value], rewards: Numbers) -> Binned:
    """A predictor over the offers of one model; both of the same length, at least 1.

    Numbers are cut at their deciles, of all other values the 20 most frequent have a bin each; what
    is missing has its own.
    """
    numeric = kind is FeatureKind.NUMBER
    if numeric:
        numbers = np.array([_number(value) for value in values])
        where, symbols, bounds = _deciles(numbers)
        known = numbers[np.isfinite(numbers)]
        contents = f"Range : [{known.min():.2f}, {known.max():.2f}]" if known.size else "No values"
    else:
        where, symbols = _symbols([_symbol(value) for value in values])
        bounds = [(None, None)] * len(symbols)
        contents = f"No. symbols = {len(set(map(_symbol, values)))}"
    counts = np.bincount(where, minlength=len(symbols))
    positives = np.bincount(where, rewards, len(symbols))
    told = zip(symbols, bounds, counts.tolist(), positives.tolist(), strict=True)
    bins = tuple(
        Bin(_type(symbol), symbol, lower, upper, offers, taken)
        for symbol, (lower, upper), offers, taken in told
    )
    scores = (0.5 + positives) / (1.0 + counts)
    apart = auc(scores[where], rewards)
    performance = 0.5 if apart is None else max(apart.value, 1.0 - apart.value)
    return Binned(name, numeric, bins, performance, contents)


def z_ratio(one: Bin, whole: Binned) -> float:
    """How far a bin's share of positives is from its share of negatives, in standard errors.

    0 where either side is empty.
    """
    positives, negatives = whole.positives, whole.offers - whole.positives
    if positives <= 0.0 or negatives <= 0.0:
        return 0.0
    taking, leaving = one.positives / positives, one.negatives / negatives
    variance = taking * (1.0 - taking) / positives + leaving * (1.0 - leaving) / negatives
    return (taking - leaving) / sqrt(variance) if variance > 0.0 else 0.0


Bounds = list[tuple[float | None, float | None]]
Places = npt.NDArray[np.intp]


def _deciles(numbers: Numbers) -> tuple[Places, list[str], Bounds]:
    """For each number its bin, and the bins' symbols and bounds: [lower, upper), the last closed."""
    known = np.isfinite(numbers)
    if not known.any():
        return np.zeros(len(numbers), dtype=np.intp), [MISSING], [(None, None)]
    cuts = np.unique(np.quantile(numbers[known], np.linspace(0.0, 1.0, MOST_BINS + 1)[1:-1]))
    least, most = float(numbers[known].min()), float(numbers[known].max())
    inner = [float(cut) for cut in cuts if least < cut <= most]
    edges = [least, *inner, most]
    symbols = list(_ranges(edges))
    bounds: Bounds = list(pairwise(edges))
    where = np.searchsorted(inner, numbers, side="right")
    if not known.all():
        where[~known] = len(symbols)
        symbols.append(MISSING)
        bounds.append((None, None))
    return where, symbols, bounds


def _ranges(edges: Sequence[float]) -> Iterator[str]:
    last = len(edges) - 2
    for place, (lower, upper) in enumerate(pairwise(edges)):
        if place == 0:
            yield f"<={upper:g}" if place == last else f"<{upper:g}"
        else:
            yield f">={lower:g}" if place == last else f"[{lower:g}, {upper:g}>"


def _symbols(values: Sequence[str | None]) -> tuple[Places, list[str]]:
    """For each value its bin, and the bins' symbols: the most frequent, the rest, what is missing."""
    frequent = Counter(value for value in values if value is not None).most_common(MOST_SYMBOLS)
    places: dict[str | None, int] = {value: place for place, (value, _) in enumerate(frequent)}
    symbols = [value for value, _ in frequent]
    rest = {value for value in values if value is not None and value not in places}
    if rest:
        places.update(dict.fromkeys(rest, len(symbols)))
        symbols.append(_REST)
    if None in values:
        places[None] = len(symbols)
        symbols.append(MISSING)
    return np.array([places[value] for value in values], dtype=np.intp), symbols


_REST: Final = "Remaining symbols"


def _type(symbol: str) -> BinType:
    if symbol == MISSING:
        return BinType.MISSING
    return BinType.REST if symbol == _REST else BinType.USUAL


def _number(value: Value) -> float:
    number = float(value) if isinstance(value, int | float) else np.nan
    return number if isfinite(number) else np.nan


def _symbol(value: Value) -> str | None:
    """A value that is no number, as text; members of a set in alphabetic order."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(sorted(map(str, value))) or "(none)"
    return str(value)
