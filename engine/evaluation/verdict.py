"""The verdict: whether the log can tell what the policy would earn at all, and what it then says."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Final, Self

import numpy as np

from engine.evaluation.estimators import Terms
from engine.evaluation.evidence import Evidence, effective

LEAST_ROWS: Final = 100.0
"""Effective rows below which an estimate by weights is not to be relied upon."""

LEAST_REWARDED: Final = 5.0
"""Effective rewarded rows below which nothing is concluded."""

MOST_UNCOVERED: Final = 0.1
"""The greatest share of the policy's choices that may rest on the reward model alone."""

_SURE: Final = 4.0


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of what the policy would do was done in the log.

    Attributes:
        effective_rows: rows of equal weight that would say as much as the weighted log.
        effective_rewarded: the same, of the rows that earned something.
        mean_weight: 1 but for chance where the log's probabilities are right and complete.
        most_weight: the greatest weight.
        unseen: the share of the policy's choices that are actions the log never shows, in [0, 1].
    """

    effective_rows: float
    effective_rewarded: float
    mean_weight: float
    most_weight: float
    unseen: float

    @classmethod
    def of(cls, evidence: Evidence, unseen: float) -> Self:
        """The overlap that the weights show."""
        w = evidence.weights
        return cls(
            effective(w), effective(w * evidence.rewards), float(w.mean()), float(w.max()), unseen
        )


def is_reliable(terms: Terms) -> bool:
    """Whether enough of the log speaks about the policy for this estimate to rest on it."""
    return terms.effective_rows >= LEAST_ROWS and terms.uncovered <= MOST_UNCOVERED


def refusals(evidence: Evidence, overlap: Overlap, terms: Terms) -> tuple[str, ...]:
    """Why nothing may be concluded from the estimate that `terms` make up; empty if something may."""
    return tuple(_refusals(evidence, overlap, terms))


def _refusals(evidence: Evidence, overlap: Overlap, terms: Terms) -> Iterator[str]:
    rows = len(evidence.weights)
    if overlap.unseen > MOST_UNCOVERED:
        yield (
            f"{overlap.unseen:.0%} of what the policy would choose are actions the log never shows"
        )
    elif terms.uncovered > MOST_UNCOVERED:
        yield (
            f"the log says next to nothing about {terms.uncovered:.0%} of what the policy would"
            f" choose (at most {MOST_UNCOVERED:.0%} may be left to the reward model)"
        )
    if terms.effective_rows < LEAST_ROWS:
        yield (
            f"{rows:,} choices say as much about the policy as {terms.effective_rows:.0f} of its own"
            f" would (at least {LEAST_ROWS:.0f} are needed)"
        )
    rewarded = effective(terms.weights * evidence.rewards)
    if rewarded < LEAST_REWARDED:
        yield (
            f"only {rewarded:.1f} effective rewards lie behind the estimate"
            f" (at least {LEAST_REWARDED:.0f} are needed)"
        )
    deviation = overlap.mean_weight - terms.mass
    if deviation > _SURE * float(np.std(evidence.weights)) / sqrt(rows) + 1e-9:
        yield (
            f"the weights average {overlap.mean_weight:.2f} where they should average"
            f" {terms.mass:.3g}: the"
            " probabilities in the log are not those the actions were chosen with"
        )
