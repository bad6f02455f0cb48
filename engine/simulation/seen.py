"""Seen: first offers of a log that somebody saw, and what other books would have earned by them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from engine.evaluation.decisions import Responses, features_named
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.evaluation.log import Log
from engine.evaluation.mapping import PRESETS
from engine.evaluation.policies import Tabled
from engine.evaluation.reading import read_log
from engine.model import ActionId, Decision, PlacementId, PlacementOffers

ACCEPTED: Final = 1.0
"""The reward from which a response counts as acceptance."""

Shares: TypeAlias = Mapping[ActionId, float]
"""With which probability each action would have been the first offer."""

_COLUMNS: Final = PRESETS["attune"]


@dataclass(slots=True)
class Seen:
    """First offers that were seen, and how likely each of one or two books would have made any."""

    responses: Responses
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    shares: list[Sequence[Shares]] = field(default_factory=list)

    def note(self, logged: Decision, chosen: Callable[[PlacementId], Sequence[Shares]]) -> None:
        """Takes in the first offers of one decision; `chosen` tells what each book does in a placement."""
        for placed in logged.placements:
            row = self._row(logged, placed)
            if row is not None:
                self.rows.append(row)
                self.values.append(row[_COLUMNS.reward] * placed.offers[0].value)
                self.shares.append(chosen(placed.placement))

    def evaluated(self) -> tuple[Evaluation, Evaluation]:
        """The share accepted, and the value accepted, per first offer; where there are two, against the second.

        There must be a row.
        """
        further = {name for row in self.shares for shares in row for name in shares}
        table = pl.DataFrame(self.rows, infer_schema_length=None, strict=False)
        columns = _COLUMNS.without_absent(table.columns)
        log = read_log(table, columns, further).log
        policy, *others = (_policy(shares, log) for shares in zip(*self.shares, strict=True))
        against = others[0] if others else None
        return (
            evaluate(log, policy, against=against),
            evaluate(replace(log, rewards=np.array(self.values)), policy, against=against),
        )

    def _row(self, logged: Decision, placed: PlacementOffers) -> Mapping[str, Any] | None:
        first = placed.offers[0]
        reward = self.responses.rewards.get((logged.decision_id, first.action_id))
        if placed.fallback or reward is None:
            return None
        names = self.responses.names.get(logged.schema, ())
        return {
            _COLUMNS.action: first.action_id,
            _COLUMNS.reward: float(reward >= ACCEPTED),
            _COLUMNS.probability: first.probability,
            _COLUMNS.slot: placed.placement,
            _COLUMNS.customer: logged.customer_id,
            **dict(features_named(logged.features, names)),
        }


def _policy(shares: Sequence[Shares], log: Log) -> Tabled:
    at = {name: index for index, name in enumerate(log.names)}
    table = np.zeros((len(log), len(log.names)))
    for row, chosen in enumerate(shares):
        for name, share in chosen.items():
            table[row, at[name]] = share
    return Tabled(table, np.arange(len(log)))
