"""Predictor binning: each feature of each model by itself, and the model's own score, in the shape of ADM."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl

from engine.exports.binning import Binned, binned, z_ratio
from engine.exports.moments import stamp
from engine.exports.snapshots import model_id
from engine.features import Feature, FeatureKind, FeatureSchema
from engine.health.measures import Numbers, auc
from engine.health.models import by_model
from engine.health.seen import Lessons, Seen
from engine.learning.odds import logit
from engine.model import Micros, Value

CLASS: Final = "Data-Decision-ADM-PredictorBinningSnapshot"
_CLASSIFIER: Final = "Classifier"
_LEAST: Final = 1e-9

_TEXTS: Final = (
    "pxObjClass",
    "pyModelID",
    "pySnapshotTime",
    "pyPredictorName",
    "pyEntryType",
    "pyType",
    "pyContents",
    "pyBinType",
    "pyBinSymbol",
)
_NUMBERS: Final = (
    "pyPerformance",
    "pyPositives",
    "pyNegatives",
    "pyResponseCount",
    "pyBinPositives",
    "pyBinNegatives",
    "pyBinResponseCount",
    "pyBinPositivesPercentage",
    "pyBinNegativesPercentage",
    "pyBinResponseCountPercentage",
    "pyBinLowerBound",
    "pyBinUpperBound",
    "pyLift",
    "pyZRatio",
)
_COUNTS: Final = ("pyBinIndex", "pyTotalBins", "pyGroupIndex")
SCHEMA: Final[Mapping[str, Any]] = (
    dict.fromkeys(_TEXTS, pl.String)
    | dict.fromkeys(_NUMBERS, pl.Float64)
    | dict.fromkeys(_COUNTS, pl.Int64)
)


def predictor_bins(lessons: Lessons, until: Micros) -> pl.DataFrame:
    """A row for each bin of each predictor of each model that had responses, as of the moment `until`.

    Every feature the model sees is active: nothing is left out of a logistic regression. The
    classifier's bins are of the logit of the propensity that was given at the decision.
    """
    rows: list[dict[str, Any]] = []
    for key, offers in sorted(by_model(lessons.offers.values()).items()):
        rewards = np.array([seen.reward for seen in offers])
        whole = {
            "pxObjClass": CLASS,
            "pyModelID": model_id(key),
            "pySnapshotTime": stamp(until),
            "pyPositives": float(rewards.sum()),
            "pyNegatives": len(rewards) - float(rewards.sum()),
            "pyResponseCount": float(len(rewards)),
        }
        for place, predictor in enumerate(_predictors(offers, lessons.schemas, rewards)):
            rows += [whole | {"pyGroupIndex": place} | row for row in _rows(predictor)]
    return pl.DataFrame(rows, schema=dict(SCHEMA))


def _predictors(
    offers: Sequence[Seen], schemas: Mapping[str, FeatureSchema], rewards: Numbers
) -> Iterator[Binned]:
    """The classifier first, then the features of all schemas the offers were seen with, by name."""
    propensities = np.array([seen.exposure.propensity for seen in offers])
    apart = auc(propensities, rewards)
    logits: list[Value] = [logit(propensity, _LEAST) for propensity in propensities.tolist()]
    classifier = binned(_CLASSIFIER, FeatureKind.NUMBER, logits, rewards)
    yield replace(classifier, auc=0.5 if apart is None else apart.value)
    places = {
        digest: {feature.name: at for at, feature in enumerate(schema.features)}
        for digest, schema in schemas.items()
    }
    for feature in _features(offers, schemas):
        yield binned(
            feature.name,
            feature.kind,
            [_value(seen, feature.name, places) for seen in offers],
            rewards,
        )


def _features(offers: Sequence[Seen], schemas: Mapping[str, FeatureSchema]) -> list[Feature]:
    """Each feature by its newest declaration, in the order of their names."""
    digests = dict.fromkeys(seen.exposure.schema for seen in offers)
    found = {f.name: f for digest in digests if digest in schemas for f in schemas[digest].features}
    return [found[name] for name in sorted(found)]


def _value(seen: Seen, name: str, places: Mapping[str, Mapping[str, int]]) -> Value:
    """What the model saw; None where it did not see this feature then."""
    at = places.get(seen.exposure.schema, {}).get(name)
    return None if at is None or seen.exposure.features is None else seen.exposure.features[at]


def _rows(predictor: Binned) -> Iterator[dict[str, Any]]:
    positives, offers = predictor.positives, predictor.offers
    negatives = offers - positives
    for place, one in enumerate(predictor.bins, 1):
        yield {
            "pyPredictorName": predictor.name,
            "pyEntryType": _CLASSIFIER if predictor.name == _CLASSIFIER else "Active",
            "pyType": "numeric" if predictor.numeric else "symbolic",
            "pyContents": predictor.contents,
            "pyPerformance": predictor.auc,
            "pyTotalBins": len(predictor.bins),
            "pyBinIndex": place,
            "pyBinType": one.type,
            "pyBinSymbol": one.symbol,
            "pyBinLowerBound": one.lower,
            "pyBinUpperBound": one.upper,
            "pyBinPositives": one.positives,
            "pyBinNegatives": one.negatives,
            "pyBinResponseCount": float(one.offers),
            "pyBinPositivesPercentage": _percent(one.positives, positives),
            "pyBinNegativesPercentage": _percent(one.negatives, negatives),
            "pyBinResponseCountPercentage": _percent(one.offers, offers),
            "pyLift": _lift(one.positives, one.offers, positives, offers),
            "pyZRatio": z_ratio(one, predictor),
        }


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole > 0.0 else 0.0


def _lift(taken: float, offers: int, all_taken: float, all_offers: int) -> float:
    """The bin's success rate over that of all; 1 where nobody ever took anything."""
    return (taken / offers) / (all_taken / all_offers) if all_taken > 0.0 and offers else 1.0
