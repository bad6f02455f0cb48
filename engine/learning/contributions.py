"""Why this propensity: what each feature added to its logit, at each level of the hierarchy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.features import FeatureSchema
from engine.learn import levels
from engine.learning.encoding import BIAS, column_names
from engine.learning.mind import Mind
from engine.learning.odds import sigmoid
from engine.model import Value


class Contribution(NamedTuple):
    """What one feature added to the logit, level by level: everybody's part, the group's, the action's.

    `feature` is empty for what is the same for everybody who is shown this: the base rate.
    """

    feature: str
    value: Value
    by_level: tuple[float, ...]

    @property
    def logit(self) -> float:
        """The sum over the levels."""
        return sum(self.by_level)


@dataclass(frozen=True, slots=True)
class Contributions:
    """The parts of one logit; their sum and `intercept` are the logit, and that is exact.

    Attributes:
        intercept: what is the same for every offer to anybody.
        levels: what `Contribution.by_level` speaks of: (), (group,) or (action, channel).
        parts: the base rate, then the features in the order of their schema.
        version: the model they explain, as `Learner.model_version` names it.
    """

    intercept: float
    levels: tuple[tuple[str, ...], ...]
    parts: tuple[Contribution, ...]
    version: str

    @property
    def logit(self) -> float:
        """ln(P / (1 − P))."""
        return self.intercept + sum(part.logit for part in self.parts)

    @property
    def propensity(self) -> float:
        """P in [0, 1]."""
        return sigmoid(self.logit)

    def strongest(self, most: int) -> tuple[Contribution, ...]:
        """The parts that moved the logit furthest, without those that did not move it at all."""
        told = [part for part in self.parts if part.logit]
        return tuple(sorted(told, key=lambda part: -abs(part.logit))[:most])


class ScoreExplainer:
    """Takes the default model's propensities apart. It may go on learning meanwhile."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self._learner = mind.learner
        self._owners: dict[str, npt.NDArray[np.intp]] = {}

    def contributions(
        self, digest: str, features: Sequence[Value], action: str, group: str, channel: str
    ) -> Contributions:
        """What made the propensity that an action has now, for these raw feature values.

        They are those of a decision, `digest` says in which order; told are those the model sees.

        Raises:
            KeyError: if what the digest stands for was never registered.
        """
        digest, features = self._mind.seen_by_default(digest, features)
        learner = self._learner
        schema = learner.encoding(digest).schema
        known = [row for row in levels(action, group, channel) if row in learner.table.rows]
        terms = learner.terms(digest, features, known)
        sums = np.zeros((1 + len(schema.features), len(known)))
        np.add.at(sums, self._owners_of(digest)[terms.columns], terms.logits)
        for place, logit in terms.details:
            sums[1 + place, 0] += logit
        named = zip(("", *schema.names), (None, *features), sums.tolist(), strict=True)
        parts = tuple(Contribution(name, value, tuple(logit)) for name, value, logit in named)
        return Contributions(terms.offset, tuple(known), parts, learner.model_version)

    def _owners_of(self, digest: str) -> npt.NDArray[np.intp]:
        """For each column of the table the place of its feature in the schema, from 1; else 0."""
        table = self._learner.table
        if digest not in self._owners:
            schema = self._learner.encoding(digest).schema
            owners = np.zeros(len(table.columns), dtype=np.intp)
            for place, feature in enumerate(schema.features, 1):
                own = (n for n in column_names(FeatureSchema((feature,))) if n != BIAS)
                owners[[table.columns[name] for name in own]] = place
            self._owners[digest] = owners
        return self._owners[digest]
