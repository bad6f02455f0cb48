"""Propensities: what the model said of each action then, and what to take where it was not asked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.comparison.judgement import Flags, Numbers
from engine.model import ActionId


@dataclass(frozen=True, slots=True)
class Averages:
    """The average of the propensities recorded for each action, and that of all of them."""

    by_action: Mapping[ActionId, float]
    overall: float

    def of(self, action: ActionId) -> float:
        """What an action is taken to have where the model was not asked about it."""
        return self.by_action.get(action, self.overall)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The propensities recorded with some decisions.

    Attributes:
        by_action: one for each decision, NaN where none is recorded.
        averages: what stands in for it.
        version: of the book that made the decisions. Of an action it let through, none is recorded if
            and only if the threshold kept it out.
    """

    by_action: Mapping[ActionId, Numbers]
    averages: Averages
    version: str

    def of(self, action: ActionId, kept_out: Flags) -> Numbers:
        """The propensity for each decision; NaN, which reaches no threshold, where it is `kept_out`."""
        known = self.by_action.get(action)
        if known is None:
            known = np.full(len(kept_out), np.nan)
        stand_in = np.where(kept_out, np.nan, self.averages.of(action))
        return np.where(np.isnan(known), stand_in, known)

    def only(self, rows: Flags) -> "Recorded":
        """Of some of the decisions."""
        kept = {action: known[rows] for action, known in self.by_action.items()}
        return Recorded(kept, self.averages, self.version)
