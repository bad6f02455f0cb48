"""Learn: the experts' weights, what they look at and whom to believe, held together."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from engine.experts.details import Details, DetailView
from engine.experts.loops import Indexes, Numbers
from engine.experts.mixture import Mixture
from engine.experts.panel import NAMES, Panel
from engine.features import FeatureSchema
from engine.learning.odds import sigmoid
from engine.learning.weights import WeightTable

RIVER: Final = "river's AdaGrad"


class Seen(NamedTuple):
    """A customer as experts see them: columns with their values, and details, all of one value."""

    columns: Indexes
    values: Numbers
    details: Indexes
    value: float


class Opinions(NamedTuple):
    """What is made of an offer to a customer, as logits.

    `own` is what river's row of everybody and each expert make of the customer, `common` what the rows
    of the offer's group and action add for all of them.
    """

    own: list[float]
    common: float


class Council:
    """River's logistic regression and the experts beside it, and what becomes of their opinions."""

    def __init__(self, guess: float) -> None:
        """`guess` is the logit from which all of them start."""
        self.panel = Panel()
        self.details = Details(self.panel)
        self.mixture = Mixture(1 + len(NAMES), guess)
        self._guess = guess

    def view(self, schema: FeatureSchema) -> DetailView:
        """What the experts see in detail of this schema's features."""
        return self.details.of(schema)

    def hear(self, seen: Seen, table: WeightTable, rows: Indexes) -> Opinions:
        """What each of them says; `rows` are everybody's in the table, then any others that count."""
        columns, values, details, value = seen
        logits = self.panel.logits(columns, values, rows, table.matrix, details, value).tolist()
        return Opinions(logits[:-1], logits[-1])

    def logit(self, opinions: Opinions) -> float:
        """What they say together."""
        return self.mixture.logit(opinions.own, opinions.common)

    def learn_one(self, seen: Seen, opinions: Opinions, label: float) -> None:
        """Every expert, and who trusts them, learns a label in [0, 1] after these opinions."""
        self.panel.learn_one(*seen, self._expected(opinions), label)
        self.mixture.learn_one(*opinions, label)

    def unlearn(self, seen: Seen, opinions: Opinions, label: float) -> None:
        """Takes the step that a label would ask for now, the other way."""
        self.panel.unlearn(*seen, self._expected(opinions), label)
        self.mixture.unlearn(*opinions, label)

    def correct(self, seen: Seen, opinions: Opinions, missed: float) -> None:
        """Makes up for a label taught too low by `missed`."""
        self.panel.correct(*seen, missed)
        self.mixture.correct(*opinions, missed)

    def _expected(self, opinions: Opinions) -> list[float]:
        base = self._guess + opinions.common
        return [sigmoid(base + own) for own in opinions.own[1:]]

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
