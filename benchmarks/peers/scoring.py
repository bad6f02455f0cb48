"""The work: 500 candidates scored for one customer, 15 features (28 numbers at a time), the best 10 told.

All get the same weights, and the customer's numbers ready to multiply: that is the identical work. In one
contest Attune starts from the features as they are stored, so that seeing, scaling and asking its
experts is part of its time alone.
"""

import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks import workloads
from benchmarks.peers.rules import NOW, customers, question
from engine.customer import Knowledge
from engine.exploration.chance import Chance
from engine.exploration.choice import choose
from engine.features import FeatureSchema
from engine.kernels.loops import loops
from engine.learn import Learner
from engine.model import DecisionId, TrainingExample, Value
from engine.propensity import Propensities
from engine.rulebook.book import Exploration, RuleBook
from engine.rulebook.load import load

CANDIDATES: Final = 500
SHOWN: Final = 10
WORK: Final = f"{CANDIDATES} candidates scored, the best {SHOWN}"
WHOLE: Final = "Attune's whole path, from stored features"
_NUMBERS: Final = 12
_LESSONS: Final = 1_000
_GREEDY: Final = Exploration("greedy")

Best = list[tuple[int, float]]
"""The best candidates by index, each with its propensity, best first."""


class Scoring(NamedTuple):
    """A model with weights of its own for each action, and customers as it sees them.

    Attributes:
        raw: features as stored, one list a customer.
        numbers: by customer, what each column of `names` is multiplied with, shape (customers, columns).
        shared: by customer, the logit before any action.
        weights: shape (candidates, columns).
        rows: where each action's weights stand in the learner's table, and `columns` each name's.
        ready: by customer, places in the table, what is multiplied, and the logit: what the loop reads.
    """

    book: RuleBook
    model: Propensities
    learner: Learner
    raw: list[Sequence[Value]]
    names: list[str]
    numbers: npt.NDArray[np.float64]
    shared: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    rows: npt.NDArray[np.intp]
    columns: list[int]
    ready: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], float]]

    def ours(self, customer: int) -> Best:
        """What Attune says, by the whole path of a decision."""
        return _best(self.model.predict(self.raw[customer], "web", _EVERY))

    def kernel(self, customer: int) -> Best:
        """The same by the loop that scores, from numbers made ready."""
        columns, numbers, logit = self.ready[customer]
        propensities = np.empty(CANDIDATES)
        _SCORE(
            columns, numbers, self.learner.table.matrix, len(self.learner.table.rows), _NOBODY, _NO_GROUP,
            self.rows, _EVERY, logit, propensities,
        )  # fmt: skip
        return _best(propensities)

    def another(self, weights: npt.NDArray[np.float64]) -> "Scoring":
        """The same with other weights of actions, shape (candidates, columns)."""
        learner = Learner.restore(self.learner.snapshot())
        table = learner.table
        table.matrix[:, self.rows] = 0.0
        table.matrix[np.ix_(np.array(self.columns), self.rows)] = weights.T
        model = Propensities.bind(learner, self.book, self.model.features)
        return self._replace(model=model, learner=learner, weights=weights)


_EVERY: Final = np.arange(CANDIDATES)
_NO_GROUP: Final = np.zeros(CANDIDATES, np.intp)
_NOBODY: Final = np.zeros(1, np.intp)
_SCORE: Final = loops().score


def _best(propensities: npt.NDArray[np.float64]) -> Best:
    best = choose(propensities, SHOWN, _GREEDY, chance=Chance(7))
    return [(place, float(propensities[place])) for place, _ in best]


@cache
def scoring() -> Scoring:
    """The model, after a thousand lessons, with drawn weights in place of the actions' learned ones."""
    with tempfile.TemporaryDirectory() as scratch:
        book = load(workloads.write_book(Path(scratch), CANDIDATES)).book
    if book is None:
        raise ValueError("the benchmarks' rule book has mistakes")
    wanted = {f"usage.n{n}" for n in range(_NUMBERS)}
    wanted |= {"customer.segment", "telco.plan", "customer.complaint_open"}
    every = FeatureSchema.for_book(book)
    schema = FeatureSchema(
        tuple(f for f in every.features if f.name in wanted),
        tuple(a for a in every.attributes if a.name in wanted),
    )
    learner = Learner()
    model = Propensities.bind(learner, book, schema)
    people, knowledge = customers(), Knowledge(book)
    raw: list[Sequence[Value]] = [
        schema.read(knowledge.values(p, question(p), NOW), p, NOW) for p in people
    ]
    for number in range(_LESSONS):
        action, features = book.actions[number % CANDIDATES], raw[number % len(raw)]
        reward = float(number % 5 == 0)
        learner.learn_one(
            TrainingExample(
                DecisionId(""),
                action.action_id,
                action.group,
                "web",
                schema.digest,
                features,
                reward,
                None,
            )
        )
    for group in {action.group for action in book.actions}:
        learner.table.matrix[:, learner.table.rows[(group,)]] = 0.0
    rows = [learner.table.rows[(action.action_id, "web")] for action in book.actions]
    made = _seen(book, model, learner, raw, rows)
    return made.another(np.random.default_rng(4).normal(0, 0.3, made.weights.shape))


def _seen(
    book: RuleBook,
    model: Propensities,
    learner: Learner,
    raw: list[Sequence[Value]],
    rows: list[int],
) -> Scoring:
    every = [learner.see(model.features.digest, features) for features in raw]
    columns = sorted(set(chain.from_iterable(seen.columns.tolist() for seen in every)))
    place = {column: at for at, column in enumerate(columns)}
    numbers, shared, ready = np.zeros((len(raw), len(columns))), np.zeros(len(raw)), []
    for customer, seen in enumerate(every):
        shared[customer], slope = learner.shared(seen)
        numbers[customer, [place[c] for c in seen.columns.tolist()]] = seen.values * slope
        ready.append((seen.columns, seen.values * slope, float(shared[customer])))
    names = list(learner.table.columns)
    weights = learner.table.matrix[np.ix_(np.array(columns), np.array(rows))].T
    known = [names[column] for column in columns]
    return Scoring(
        book, model, learner, raw, known, numbers, shared, weights, np.array(rows), columns, ready
    )


def close(ours: object, theirs: object) -> bool:
    """Whether the same candidates are best, in the same order, to nine digits of their propensities."""
    return _close(ours, theirs, 1e-9)


def about(ours: object, theirs: object) -> bool:
    """As `close`, for peers that reckon in single precision: equals may change places."""
    return _close(ours, theirs, 2e-5)


def _close(ours: object, theirs: object, tolerance: float) -> bool:
    if not (isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs)):
        return False
    return all(
        abs(p - q) <= tolerance and (a == b or tolerance > 1e-6)
        for (a, p), (b, q) in zip(ours, theirs, strict=True)
    )
