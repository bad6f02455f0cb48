"""Learn: the experts' weights, what they look at and whom to believe, held together."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from engine.experts.binning.loops import BinningLoops
from engine.experts.details import Details, DetailView
from engine.experts.loops import ExpertLoops, Indexes, Numbers
from engine.experts.mixture import Mixture
from engine.experts.panel import NAMES, RULES, Panel
from engine.features import FeatureSchema
from engine.learning.table import WeightTable
from engine.native import native

RIVER: Final = "river's AdaGrad"


@native.quick
class Seen(NamedTuple):
    """A customer as experts see them: columns with their values, and details, all of one value."""

    columns: Indexes
    values: Numbers
    details: Indexes
    value: float


class Council:
    """River's logistic regression and the experts beside it, and what becomes of their opinions."""

    def __init__(self, guess: float, loops: ExpertLoops, binning: BinningLoops) -> None:
        """`guess` is the logit from which all of them start."""
        self.panel = Panel()
        self.details = Details(self.panel, binning)
        self.mixture = Mixture(1 + len(NAMES), guess)
        self._guess = guess
        self._loops = loops

    def view(self, schema: FeatureSchema) -> DetailView:
        """What the experts see in detail of this schema's features."""
        return self.details.of(schema)

    def hear(self, seen: Seen, table: WeightTable, rows: Indexes) -> Numbers:
        """What each of them says, and all together; `rows` are everybody's in the table, then any others.

        Shape (3 + E,), see `engine.experts.loops.Hear`: the last is the logit of the offer.
        """
        columns, values, details, value = seen
        panel, opinions = self.panel, np.empty(3 + len(NAMES))
        self._loops.hear(
            columns,
            values,
            rows,
            table.matrix,
            details,
            value,
            panel.coarse,
            panel.fine,
            self.mixture.mix,
            opinions,
        )
        return opinions

    def learn_one(
        self,
        seen: Seen,
        table: WeightTable,
        rows: Indexes,
        opinions: Numbers,
        kind: int,
        target: float,
    ) -> None:
        """The table, every expert, and who trusts them, learn a lesson after these opinions.

        `kind` and `target` are those of `engine.experts.loops.Learn`.
        """
        columns, values, details, value = seen
        panel, mixture = self.panel, self.mixture
        self._loops.learn(
            columns,
            values,
            rows,
            table.matrix,
            details,
            value,
            panel.coarse,
            panel.fine,
            mixture.mix,
            opinions,
            kind,
            target,
            self._guess,
            table.squares,
            RULES,
            mixture.counts,
            mixture.trust,
            mixture.start,
            mixture.stacks,
            mixture.spreads,
        )

    def loosen(self, keep: float) -> None:
        """Forgets how sure everybody was, to this share: what comes now counts for more."""
        self.panel.loosen(keep)
        self.mixture.loosen()

    def trusted(self) -> dict[str, float]:
        """How much each is trusted, from 0 to 1, the most trusted first."""
        return self.mixture.trusted((RIVER, *NAMES))

    def state(self) -> dict[str, Any]:
        """Everything but the weights, as JSON, for `restore`."""
        return {"details": self.details.state(), "mixture": self.mixture.state()}

    def restore(self, state: Mapping[str, Any], coarse: Numbers, fine: Numbers) -> None:
        """Takes up where the council stood that wrote `state` and had these weights."""
        self.panel.fill(coarse, fine)
        self.details.restore(state["details"])
        self.mixture.restore(state["mixture"])
