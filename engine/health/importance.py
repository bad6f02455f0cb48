"""Which features move a model: how far each shifts the logit from one customer to the next."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from engine.health.seen import Seen
from engine.learning.contributions import ScoreExplainer

MOST_OFFERS: Final = 300
"""The newest offers of a model that importance is worked out from."""


class Importance(NamedTuple):
    """A feature and the standard deviation of its part of the logit over the offers seen."""

    feature: str
    spread: float


def importances(explainer: ScoreExplainer, offers: Sequence[Seen]) -> tuple[Importance, ...]:
    """The features of one model's offers, the most important first; exact for linear weights.

    A feature that is the same for everybody moves nothing, however great its weight.

    Raises:
        KeyError: an offer was seen with features that the learner does not know.
    """
    logits: dict[str, list[float]] = {}
    for seen in offers[-MOST_OFFERS:]:
        offer = seen.exposure
        told = explainer.contributions(
            offer.schema, offer.features or (), offer.action_id, offer.group, offer.channel
        )
        for part in told.parts:
            if part.feature:
                logits.setdefault(part.feature, []).append(part.logit)
    found = (Importance(name, float(np.std(each))) for name, each in logits.items())
    return tuple(sorted(found, key=lambda one: (-one.spread, one.feature)))
