"""A promotion whose true effect on everybody is known, so that a policy can be judged without chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.features import Feature, FeatureKind, FeatureSchema
from engine.uplift.curves import Trial

SCHEMA = FeatureSchema(
    (
        Feature("v1", FeatureKind.CATEGORY, ("a", "b", "c", "d")),
        Feature("v2", FeatureKind.NUMBER),
        Feature("v3", FeatureKind.NUMBER),
        Feature("v4", FeatureKind.FLAG),
    )
)

Truth = Callable[[pl.DataFrame], pl.Series]


@dataclass(frozen=True)
class World:
    """Customers, the trial, and the true uplift of each."""

    table: pl.DataFrame
    trial: Trial
    uplift: npt.NDArray[np.float64]

    @property
    def rows(self) -> Sequence[tuple[Any, ...]]:
        return self.table.select(SCHEMA.names).rows()

    def true_nir(self, chosen: npt.NDArray[np.bool_], value: float, cost: float) -> float:
        """What treating the chosen brings in expectation, per customer of the world."""
        return float((chosen * (value * self.uplift - cost)).mean())


def promotion(
    truth: Truth,
    base: Truth | float = 0.02,
    *,
    customers: int = 20_000,
    share: float = 0.5,
    seed: int = 1,
) -> World:
    """A promotion sent to a `share` by lot; `truth` and `base` are probabilities of success."""
    chance = np.random.default_rng(seed)
    table = pl.DataFrame(
        {
            "v1": chance.choice(list("abcd"), customers, p=[0.13, 0.37, 0.37, 0.13]),
            "v2": chance.normal(30, 5, customers),
            "v3": chance.uniform(-1.7, 1.7, customers).round(1),
            "v4": chance.random(customers) < 0.7,
        }
    )
    treated = chance.random(customers) < share
    uplift = truth(table).to_numpy().astype(np.float64)
    alone = np.full(customers, base) if isinstance(base, float) else base(table).to_numpy()
    outcomes = (chance.random(customers) < alone + treated * uplift).astype(np.float64)
    table = table.with_columns(
        promotion=pl.Series(np.where(treated, "Yes", "No")),
        purchase=pl.Series(outcomes.astype(int)),
    )
    return World(table, Trial(treated, outcomes), uplift)


def constant(uplift: float) -> Truth:
    """The same for everybody."""
    return lambda table: pl.Series(np.full(len(table), uplift))


def hill(low: float, high: float) -> Truth:
    """High where v3 is about 0.5 and v4 holds, low elsewhere."""

    def truth(table: pl.DataFrame) -> pl.Series:
        v3, v4 = table["v3"].to_numpy(), table["v4"].to_numpy()
        return pl.Series(low + (high - low) * np.exp(-(((v3 - 0.5) / 0.5) ** 2)) * v4)

    return truth
