"""A policy written down: a table of actions and probabilities, whole or for each kind of choice.

    segment,action,probability
    premium,upgrade,0.9
    premium,nothing,0.1
    mass,nothing,1

Columns besides the action's and `probability` are columns of the log: the probabilities hold where
these have the same values. Without any, they hold everywhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
import polars as pl

from engine.backtest.table import read_table
from engine.errors import InvalidInput, Violation
from engine.evaluation.mapping import Columns
from engine.evaluation.policies import Tabled
from engine.evaluation.reading import Reading
from engine.rulebook.names import did_you_mean

PROBABILITY: Final = "probability"

_NEARLY: Final = 1e-6
_GROUP: Final = "group of the policy"


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """A policy as its file has it: `rows` with the columns `keys`, `action` and `PROBABILITY`."""

    path: Path
    rows: pl.DataFrame
    keys: tuple[str, ...]
    action: str

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions it ever chooses."""
        chosen = self.rows.filter(pl.col(PROBABILITY) > 0.0)
        return tuple(chosen[self.action].unique().to_list())

    def over(self, reading: Reading) -> Tabled:
        """The policy at each choice of a log that knows all its actions.

        Raises:
            InvalidInput: it says nothing about some choices, or chooses what could not be chosen.
        """
        groups = self.rows.select(self.keys).unique(maintain_order=True).with_row_index(_GROUP)
        found = self._groups(reading.table, groups)
        table = np.zeros((max(len(groups), 1), len(reading.log.names)))
        at = {name: index for index, name in enumerate(reading.log.names)}
        rows = self.rows.join(groups, on=self.keys, nulls_equal=True) if self.keys else self.rows
        group_of = rows[_GROUP].to_list() if self.keys else [0] * len(rows)
        for group, action, probability in zip(
            group_of, rows[self.action], rows[PROBABILITY], strict=True
        ):
            if probability > 0.0:
                table[group, at[action]] += probability
        return Tabled(table / table.sum(axis=1, keepdims=True), found)

    def _groups(self, table: pl.DataFrame, groups: pl.DataFrame) -> "np.ndarray":
        if not self.keys:
            return np.zeros(len(table), np.intp)
        texts = table.select(pl.col(key).cast(pl.String) for key in self.keys)
        found = texts.join(
            groups, on=self.keys, how="left", nulls_equal=True, maintain_order="left"
        )
        if found[_GROUP].null_count():
            first = found.filter(pl.col(_GROUP).is_null()).row(0, named=True)
            where = ", ".join(f"{key} {first[key] or 'blank'}" for key in self.keys)
            _refuse(self.path, f"says nothing about choices with {where}")
        return found[_GROUP].to_numpy().astype(np.intp)


def read_policy(path: Path, columns: Columns, header: list[str]) -> WrittenPolicy:
    """Reads a policy for logs with these columns and header.

    Raises:
        InvalidInput: a column is missing or unknown, or probabilities do not sum to 1.
    """
    table = read_table(path)
    action = columns.action if columns.action in table.columns else "action"
    for needed in (action, PROBABILITY):
        if needed not in table.columns:
            _refuse(path, f"has no column '{needed}'.{did_you_mean(needed, table.columns)}")
    keys = tuple(name for name in table.columns if name not in {action, PROBABILITY})
    for key in keys:
        if key not in header:
            _refuse(path, f"the log has no column '{key}'.{did_you_mean(key, header)}")
    rows = table.with_columns(
        pl.col(PROBABILITY).cast(pl.Float64, strict=False),
        *(pl.col(name).cast(pl.String) for name in (*keys, action)),
    )
    _check(path, rows, keys)
    return WrittenPolicy(path, rows, keys, action)


def _check(path: Path, rows: pl.DataFrame, keys: tuple[str, ...]) -> None:
    probabilities = rows[PROBABILITY]
    if probabilities.null_count() or not bool(probabilities.is_between(0.0, 1.0).all()):
        _refuse(path, "every probability must be a number from 0 to 1")
    totals = (
        rows.group_by(keys, maintain_order=True).agg(pl.col(PROBABILITY).sum())
        if keys
        else rows.select(pl.col(PROBABILITY).sum())
    )
    for total in totals.filter((pl.col(PROBABILITY) - 1.0).abs() > _NEARLY).iter_rows(named=True):
        where = ", ".join(f"{key} {total[key] or 'blank'}" for key in keys)
        place = f" with {where}" if where else ""
        _refuse(path, f"the probabilities{place} sum to {total[PROBABILITY]:g} and not to 1")


def _refuse(path: Path, problem: str) -> NoReturn:
    raise InvalidInput([Violation(str(path), problem)])
