"""Model snapshots: what each model had learned from at the end of each day, in the shape of ADM."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from engine.exports.moments import stamp
from engine.health.measures import auc
from engine.health.models import ModelKey, by_model, models_of
from engine.health.seen import Lessons, Seen
from engine.model import DAY, Micros
from engine.rulebook.book import RuleBook

CLASS: Final = "Data-Decision-ADM-ModelSnapshot"
TECHNIQUE: Final = "LogisticRegression"
CONFIGURATION: Final = "Attune"
APPLIES_TO: Final = "Customer"

_TEXTS: Final = (
    "pxObjClass",
    "pxApplication",
    "pyAppliesToClass",
    "pyConfigurationName",
    "pyModelID",
    "pySnapshotTime",
    "pyIssue",
    "pyGroup",
    "pyName",
    "pyChannel",
    "pyDirection",
    "pyModelTechnique",
)
SCHEMA: Final[Mapping[str, Any]] = dict.fromkeys(_TEXTS, pl.String) | {
    "pyPerformance": pl.Float64,
    "pyResponseCount": pl.Float64,
    "pyPositives": pl.Float64,
    "pyNegatives": pl.Float64,
    "pyActivePredictors": pl.Int64,
    "pyTotalPredictors": pl.Int64,
}


def model_snapshots(lessons: Lessons, book: RuleBook, until: Micros) -> pl.DataFrame:
    """A row for each model and day (UTC) up to the moment `until`, counting from the first offer on.

    Positives are sums of rewards, so that what counts less than an accept counts less here.
    Models the book can ask that had no responses have one row, as of `until`.
    """
    offers = by_model(lessons.offers.values())
    groups = models_of(book)
    predictors = {digest: len(schema.features) for digest, schema in lessons.schemas.items()}
    rows: list[dict[str, Any]] = []
    for key in sorted(offers.keys() | groups.keys()):
        mine = offers.get(key, [])
        seen_with = predictors.get(mine[-1].exposure.schema, 0) if mine else 0
        context = context_of(key, mine[-1].exposure.group if mine else groups[key], book)
        rows += [context | row for row in _snapshots(mine, until, seen_with)]
    return pl.DataFrame(rows, schema=dict(SCHEMA))


def model_id(key: ModelKey) -> str:
    """What names a model in all exports."""
    return f"{key.action_id}!{key.channel}"


def direction(channel: str, book: RuleBook) -> str:
    """Who speaks first there: the customer (Inbound) or the firm (Outbound)."""
    return "Outbound" if channel in book.contact.outbound else "Inbound"


def context_of(key: ModelKey, group: str, book: RuleBook) -> dict[str, Any]:
    """What a model is about."""
    return {
        "pxObjClass": CLASS,
        "pxApplication": CONFIGURATION,
        "pyAppliesToClass": APPLIES_TO,
        "pyConfigurationName": CONFIGURATION,
        "pyModelID": model_id(key),
        "pyIssue": book.groups.get(group, ""),
        "pyGroup": group,
        "pyName": key.action_id,
        "pyChannel": key.channel,
        "pyDirection": direction(key.channel, book),
        "pyModelTechnique": TECHNIQUE,
    }


def _snapshots(offers: Sequence[Seen], until: Micros, predictors: int) -> Iterator[dict[str, Any]]:
    if not offers:
        yield _snapshot(np.empty(0), np.empty(0), until, predictors)
        return
    times = np.array([seen.exposure.decided_at for seen in offers])
    propensities = np.array([seen.exposure.propensity for seen in offers])
    rewards = np.array([seen.reward for seen in offers])
    for day in np.unique(times // DAY).tolist():
        end = (day + 1) * DAY
        past = times < end
        yield _snapshot(propensities[past], rewards[past], min(end - 1, until), predictors)


def _snapshot(propensities: Any, rewards: Any, at: Micros, predictors: int) -> dict[str, Any]:
    performance = auc(propensities, rewards)
    positives = float(rewards.sum())
    return {
        "pySnapshotTime": stamp(at),
        "pyPerformance": 0.5 if performance is None else performance.value,
        "pyResponseCount": float(len(rewards)),
        "pyPositives": positives,
        "pyNegatives": len(rewards) - positives,
        "pyActivePredictors": predictors,
        "pyTotalPredictors": predictors,
    }
