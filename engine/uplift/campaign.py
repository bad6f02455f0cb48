"""Uplift's material: a table of customers, some treated and some not by chance, and what came of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.backtest.backtest import past
from engine.backtest.named import listed, pair, refuse, require, rows_with
from engine.backtest.table import column
from engine.features import Feature, FeatureSchema
from engine.uplift.curves import Trial

_NOTHING: Final = re.compile(r"(no|none|nothing|control|holdout|hold-out|untreated|0|false)\b")


@dataclass(frozen=True, slots=True)
class Arms:
    """Which rows of a table were treated: those with `value`. `control` None: all others were not."""

    column: str
    value: str
    control: str | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """A randomised campaign to learn from: raw features of each customer, and the trial.

    `table` has the same customers, with the columns as they came; `target` is the column that tells
    of success and the value that is one.
    """

    arms: Arms
    target: tuple[str, str]
    schema: FeatureSchema
    rows: Sequence[tuple[Any, ...]]
    trial: Trial
    table: pl.DataFrame
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Customers of the same campaign that nothing was learned from."""

    rows: Sequence[tuple[Any, ...]]
    trial: Trial
    remarks: tuple[str, ...] = ()


def campaign(
    table: pl.DataFrame,
    target: str,
    treatment: str,
    *,
    control: str | None = None,
    drop: Sequence[str] = (),
) -> Campaign:
    """The campaign in a table. `target` and `treatment` are COLUMN=VALUE, `control` another VALUE.

    Without `control` all who were not treated are; but of several other values one that says "no",
    "none", "control" or "holdout" is it. Rows of neither arm, and rows without target or treatment,
    are skipped, and columns nothing can be learned from are left out: each is remarked upon.

    Raises:
        InvalidInput: if a column or value is not there, an arm is empty, or all fared alike.
    """
    success = pair(target, "--target", table.columns, "Churn=Yes")
    name, value = pair(treatment, "--treatment", table.columns, "promotion=Yes")
    require(success[0], "--target", table.columns)
    require(name, "--treatment", table.columns)
    if name == success[0]:
        refuse("--treatment", f"'{name}' is the column of --target: it cannot be both")
    treated = rows_with(table[name], value, "--treatment")
    others = _others(table[name], treated)
    if not others:
        refuse(
            "--treatment",
            f"{name} is '{value}' in every row: without customers who were left alone"
            " nobody can tell what treating changes",
        )
    if control is None and len(others) > 1:
        control = _untreated(others)
    elif control is not None and rows_with(table[name], control, "--control").equals(treated):
        refuse("--control", f"'{control}' is the value of --treatment: it cannot be both")
    arms = Arms(name, value, control)
    kept, remarks = _two_arms(table, arms, success[0], "--control")
    lessons = past(kept, target, drop=[*drop, name])
    outcomes = lessons.labels.astype(np.float64)
    trial = Trial(_treated(kept, arms, "--treatment"), outcomes)
    _require_both_arms(trial, arms, "--treatment")
    remarks += _other_arms(arms, others)
    return Campaign(
        arms, success, lessons.schema, lessons.rows, trial, kept, (*remarks, *lessons.remarks)
    )


def held_out(learned: Campaign, table: pl.DataFrame, file: str) -> HeldOut:
    """The customers of another table, understood as those of the campaign were.

    Raises:
        InvalidInput: if a column is missing or of another type there, or an arm is empty.
    """
    name, value = learned.target
    for wanted in (name, learned.arms.column, *learned.schema.names):
        if wanted not in table.columns:
            refuse("--test", f"{file} has no column '{wanted}', which was learned from")
    kept, remarks = _two_arms(table, learned.arms, name, "--test")
    trial = Trial(
        _treated(kept, learned.arms, "--test"),
        rows_with(kept[name], value, "--test").to_numpy().astype(np.float64),
    )
    _require_both_arms(trial, learned.arms, "--test")
    columns = [
        _as_learned(f, learned.table[f.name], kept[f.name], file) for f in learned.schema.features
    ]
    return HeldOut(list(zip(*columns, strict=True)), trial, tuple(remarks))


def _as_learned(feature: Feature, before: pl.Series, now: pl.Series, file: str) -> list[Any]:
    """The values of a column, read as the same column was when it was learned from."""
    try:
        both = pl.concat([before.to_frame(), now.to_frame()], how="vertical_relaxed")
    except pl.exceptions.PolarsError:
        refuse("--test", f"'{feature.name}' is of another type in {file} than where it was learned")
    read = column(both[feature.name])
    if read.feature.kind is not feature.kind or read.useless:
        refuse(
            "--test",
            f"'{feature.name}' was learned as a {feature.kind}, but has other values in {file}",
        )
    return read.values[len(before) :]


def _two_arms(
    table: pl.DataFrame, arms: Arms, target: str, option: str
) -> tuple[pl.DataFrame, list[str]]:
    """The rows of either arm that have a target, and what was skipped."""
    remarks = []
    for name in (arms.column, target):
        blank = table[name].null_count()
        if blank:
            remarks.append(f"{blank} rows without {name} were skipped.")
            table = table.filter(pl.col(name).is_not_null())
    if arms.control is not None and len(table):
        treated = rows_with(table[arms.column], arms.value, option)
        table = table.filter(treated | rows_with(table[arms.column], arms.control, option))
    return table, remarks


def _treated(table: pl.DataFrame, arms: Arms, option: str) -> npt.NDArray[np.bool_]:
    return rows_with(table[arms.column], arms.value, option).to_numpy().astype(np.bool_)


def _require_both_arms(trial: Trial, arms: Arms, option: str) -> None:
    for arm, words in ((trial.treated, "treated"), (~trial.treated, "left alone")):
        if not arm.any():
            refuse(option, f"no row with a target was {words} ({arms.column})")


def _others(series: pl.Series, treated: pl.Series) -> list[str]:
    """The column's values but the treated one, most frequent first."""
    rest = series.filter(~treated).drop_nulls().cast(pl.String)
    return rest.value_counts(sort=True)[series.name].to_list()


def _untreated(values: Sequence[str]) -> str | None:
    """The one value that says nothing was done; None if none or several do."""
    found = [value for value in values if _NOTHING.match(value.casefold())]
    return found[0] if len(found) == 1 else None


def _other_arms(arms: Arms, others: Sequence[str]) -> list[str]:
    left_out = [value for value in others if value != arms.control]
    if arms.control is None and len(others) > 1:
        return [f"Control is everybody else: {listed(others)}. Name one value with --control."]
    if arms.control is not None and left_out:
        return [
            f"Control is {arms.column} '{arms.control}'; left out, being neither: {listed(left_out)}."
        ]
    return []
