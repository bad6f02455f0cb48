"""Backtest: what the model would have made of somebody's past, one pass, in the order of the file."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.backtest.named import listed, pair, refuse, require, rows_with
from engine.backtest.table import Column, column
from engine.features import FeatureSchema
from engine.learn import Learner
from engine.model import ActionId, DecisionId, TrainingExample

_STEP = 500
_SURE = 1e-15


@dataclass(frozen=True, slots=True)
class Report:
    """How well the responses of a file were foreseen, each before it was learned.

    Attributes:
        auc: area under the ROC curve, 0.5 is chance.
        log_loss: mean negative log-likelihood, in nats.
        constant_log_loss: that of saying the overall rate each time.
        rows: how many were predicted and learned.
        us_per_row: microseconds for predicting and learning one row.
        features: the columns the model saw.
        trusted: how much each way of learning was trusted in the end, the most trusted first.
        remarks: what was left out, and what else is worth knowing, as sentences.
    """

    auc: float
    log_loss: float
    constant_log_loss: float
    rows: int
    us_per_row: float
    features: tuple[str, ...]
    trusted: Mapping[str, float]
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Past:
    """A file as lessons: raw features, labels and the action of each row ("" if there is none)."""

    schema: FeatureSchema
    rows: Sequence[tuple[Any, ...]]
    labels: npt.NDArray[np.bool_]
    actions: Sequence[str]
    remarks: tuple[str, ...]


def past(
    table: pl.DataFrame, target: str, *, action: str | None = None, drop: Sequence[str] = ()
) -> Past:
    """The lessons in a table. `target` is COLUMN=VALUE; `drop` names columns not to be learned from.

    Columns from which nothing can be learned (one value only, or another for everybody) are left
    out, rows without a target are skipped; both are remarked upon.

    Raises:
        InvalidInput: if a column or the value is not there, or all rows have the same target.
    """
    name, value = pair(target, "--target", table.columns, "Churn=Yes")
    for wanted, option in [(name, "--target"), *[(d, "--drop") for d in drop]]:
        require(wanted, option, table.columns)
    if action is not None:
        require(action, "--action", table.columns)
        if action == name:
            refuse("--action", f"'{action}' is the column of --target: it cannot be both")
    remarks = []
    blank = table[name].null_count()
    if blank:
        remarks.append(f"{blank} rows without {name} were skipped.")
        table = table.filter(pl.col(name).is_not_null())
    labels = _labels(table, name, value)
    rest = [c for c in table.columns if c not in {name, action, *drop}]
    columns = [column(table[c]) for c in rest]
    left_out = _left_out(columns)
    remarks += left_out
    useful = [c for c in columns if not c.useless]
    if not useful and action is None:
        dropped = [f"Dropped: {listed(list(drop))}."] if drop else []
        refuse("--drop", " ".join(["no column is left to learn from.", *left_out, *dropped]))
    actions = _texts(table, action) if action else [""] * len(table)
    schema = FeatureSchema(tuple(c.feature for c in useful))
    return Past(schema, _rows(useful, len(table)), labels, actions, tuple(remarks))


class Pupil(Protocol):
    """What is judged: it is asked about every row, and then taught it."""

    def predict(self, row: Sequence[Any], action: str) -> float:
        """The propensity in [0, 1]."""

    def learn(self, row: Sequence[Any], action: str, *, label: bool) -> None:
        """Learns what became of it."""


class ByDefault:
    """The learner and the defaults that serve."""

    def __init__(self, schema: FeatureSchema) -> None:
        self._digest = schema.digest
        self._learner = Learner()
        self._learner.register(schema)

    def predict(self, row: Sequence[Any], action: str) -> float:
        """See `Pupil`."""
        return self._learner.predict_one(self._digest, row, action, "", "")

    def learn(self, row: Sequence[Any], action: str, *, label: bool) -> None:
        """See `Pupil`."""
        self._learner.learn_one(
            TrainingExample(
                DecisionId(""), ActionId(action), "", "", self._digest, row, float(label), None
            )
        )

    @property
    def trusted(self) -> Mapping[str, float]:
        """See `engine.learning.reliability.ModelHealth`."""
        return self._learner.health().trusted


def backtest(
    past: Past, advance: Callable[[int], object] | None = None, pupil: Pupil | None = None
) -> Report:
    """Predicts and then learns every row, by `pupil`, or the default model if there is none.

    `advance` is told now and then how many more rows are done.
    """
    pupil = pupil or ByDefault(past.schema)
    propensities = np.empty(len(past.labels))
    started = time.perf_counter()
    for at, (row, label, action) in enumerate(
        zip(past.rows, past.labels.tolist(), past.actions, strict=True)
    ):
        propensities[at] = pupil.predict(row, action)
        pupil.learn(row, action, label=label)
        if advance is not None and (at + 1) % _STEP == 0:
            advance(_STEP)
    spent = time.perf_counter() - started
    auc = roc_auc(past.labels, propensities)
    return Report(
        auc=auc,
        log_loss=log_loss(past.labels, propensities),
        constant_log_loss=log_loss(past.labels, np.full(len(past.labels), past.labels.mean())),
        rows=len(past.labels),
        us_per_row=spent * 1e6 / len(past.labels),
        features=past.schema.names,
        trusted=pupil.trusted if isinstance(pupil, ByDefault) else {},
        remarks=past.remarks + _suspicions(auc),
    )


def roc_auc(labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """The probability that a positive scores above a negative, ties counting half (Mann & Whitney).

    >>> roc_auc(np.array([False, True, False, True]), np.array([0.1, 0.9, 0.4, 0.4]))
    0.875
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    above = ranks[labels].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def log_loss(labels: npt.NDArray[np.bool_], propensities: npt.NDArray[np.float64]) -> float:
    """Mean negative log-likelihood in nats; propensities count as at least 10⁻¹⁵ from 0 and 1.

    >>> round(log_loss(np.array([True, False]), np.array([0.5, 0.5])), 6)
    0.693147
    """
    p = np.clip(propensities, _SURE, 1 - _SURE)
    return float(-np.where(labels, np.log(p), np.log1p(-p)).mean())


def _suspicions(auc: float) -> tuple[str, ...]:
    if auc <= 0.9:
        return ()
    return (
        "An AUC above 0.90 is rare: is one of the columns known only after the fact?"
        " Leave it out with --drop.",
    )


def _left_out(columns: Sequence[Column]) -> list[str]:
    """One sentence for each reason to leave columns out."""
    by_reason: dict[str, list[str]] = {}
    for unused in columns:
        if unused.useless:
            by_reason.setdefault(unused.useless, []).append(f"'{unused.feature.name}'")
    return [f"Left out, {reason}: {', '.join(names)}." for reason, names in by_reason.items()]


def _labels(table: pl.DataFrame, name: str, value: str) -> npt.NDArray[np.bool_]:
    labels = rows_with(table[name], value, "--target")
    if labels.all():
        refuse("--target", f"{name} is '{value}' in every row: there is nothing to tell apart")
    return labels.to_numpy()


def _texts(table: pl.DataFrame, name: str) -> list[str]:
    return table[name].cast(pl.String).fill_null("").to_list()


def _rows(columns: Sequence[Column], count: int) -> Sequence[tuple[Any, ...]]:
    return list(zip(*[c.values for c in columns], strict=True)) if columns else [()] * count
