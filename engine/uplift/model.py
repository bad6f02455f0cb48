"""Uplift scored: how likely a customer's success is with and without being treated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.uplift.design import Design
from engine.uplift.likelihood import sigmoid
from engine.uplift.parts import Numbers

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """A logit as a linear function of the design's columns."""

    intercept: float
    weights: Numbers

    def of(self, x: Numbers) -> Numbers:
        """The logits of some encoded customers, shape (customers,)."""
        return self.intercept + x @ self.weights


@dataclass(frozen=True, slots=True)
class UpliftModel:
    """What was learned, frozen: pure functions of raw features in the order of `design.schema`.

    `untreated` is the logit of success if left alone, `change` what being treated adds to it.
    `matters` names the features, alone or in pairs, by which treatment may work differently, with the
    probability of each, most probable first.
    """

    design: Design
    untreated: Line
    change: Line
    matters: tuple[tuple[tuple[str, ...], float], ...] = ()

    def chances(self, rows: Sequence[Sequence[Any]]) -> tuple[Numbers, Numbers]:
        """The probabilities of success if left alone and if treated, each of shape (customers,)."""
        parts = [self._chances(rows[at : at + _BLOCK]) for at in range(0, len(rows), _BLOCK)]
        alone, treated = zip(*parts, strict=True) if parts else ((np.zeros(0),), (np.zeros(0),))
        return np.concatenate(alone), np.concatenate(treated)

    def uplift(self, rows: Sequence[Sequence[Any]]) -> Numbers:
        """What treating changes about the probability of success, in [−1, 1], shape (customers,)."""
        alone, treated = self.chances(rows)
        return treated - alone

    def uplift_one(self, features: Sequence[Any]) -> float:
        """What treating changes about one customer's probability of success."""
        return float(self.uplift([features])[0])

    def _chances(self, rows: Sequence[Sequence[Any]]) -> tuple[Numbers, Numbers]:
        x = self.design.encode(rows)
        alone = self.untreated.of(x)
        return sigmoid(alone), sigmoid(alone + self.change.of(x))


@dataclass(frozen=True, slots=True)
class ResponseModel:
    """The peer: how likely a treated customer's success is, whatever would have come otherwise."""

    design: Design
    treated: Line

    def chances(self, rows: Sequence[Sequence[Any]]) -> Numbers:
        """The probabilities of success if treated, shape (customers,)."""
        parts = [
            sigmoid(self.treated.of(self.design.encode(rows[at : at + _BLOCK])))
            for at in range(0, len(rows), _BLOCK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)
