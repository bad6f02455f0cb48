"""Context: columns of a log as numbers on one scale, for the reward model."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from engine.backtest.table import column
from engine.evaluation.log import Matrix, Vector
from engine.features import FeatureKind

MOST_FEATURES: Final = 32
"""Numbers the reward model sees of a choice; the rest is left out, the rarest categories first."""

_LEAST_SHARE: Final = 0.01
_FARTHEST: Final = 4.0


class _Feature(NamedTuple):
    """One number for each choice, and the share of choices it tells something about."""

    name: str
    values: Vector
    share: float


def encoded(table: pl.DataFrame, names: Sequence[str]) -> tuple[Matrix, tuple[str, ...]]:
    """The columns `names` of a table as a matrix, (N, D), and what its columns stand for, (D,).

    Numbers become standard deviations from their mean, at most 4; 0 where missing. Of categories each
    that at least 1 % of the choices have becomes a flag of its own. D is at most `MOST_FEATURES`.
    """
    features = [feature for name in names for feature in _features(table[name])]
    features.sort(key=lambda feature: -feature.share)
    kept = features[:MOST_FEATURES]
    matrix = np.column_stack([f.values for f in kept]) if kept else np.empty((len(table), 0))
    return matrix, tuple(feature.name for feature in kept)


def _features(series: pl.Series) -> Iterator[_Feature]:
    found = column(series)
    if found.useless:
        return
    if found.feature.kind is FeatureKind.NUMBER:
        numbers = np.array([np.nan if v is None else v for v in found.values], np.float64)
        known = np.isfinite(numbers)
        yield _Feature(series.name, _standardised(numbers, known), float(known.mean()))
    elif found.feature.kind is FeatureKind.SET:
        words = pl.Series(series.name, found.values).explode().drop_nulls()
        for word in _frequent(words, len(series)):
            has = np.array([bool(v) and word in v for v in found.values])
            yield _flag(f"{series.name} has {word}", has)
    else:
        texts = np.array(["" if v is None else str(v) for v in found.values])
        for text in _frequent(pl.Series(texts), len(series)):
            yield _flag(f"{series.name} = {text}", texts == text)


def _frequent(texts: pl.Series, rows: int) -> list[str]:
    """The values enough choices have, the most frequent first."""
    values, counts = np.unique(texts.to_numpy().astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [str(values[at]) for at in order if counts[at] >= _LEAST_SHARE * rows]


def _flag(name: str, has: np.ndarray) -> _Feature:
    share = float(has.mean())
    values = _standardised(has.astype(np.float64), np.ones(len(has), np.bool_))
    return _Feature(name, values, min(share, 1.0 - share))


def _standardised(numbers: Vector, known: np.ndarray) -> Vector:
    spread = float(numbers[known].std()) if known.any() else 0.0
    if spread <= 0.0:
        return np.zeros(len(numbers))
    scaled = np.where(known, (numbers - numbers[known].mean()) / spread, 0.0)
    clipped: Vector = np.clip(scaled, -_FARTHEST, _FARTHEST)
    return clipped
