"""Additive: linear models and naive Bayes as one array of weights, to score every action in one step.

Their log-odds of success are a constant and a sum over what is in x. So what belongs to the customer is
added up once, and what belongs to each action is read for all actions at a time. River goes on learning
in its own memory; of it only what lessons have touched is copied, when somebody asks next.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from river import base, linear_model, naive_bayes

from engine.estimators.inputs import Input

Vector = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

_TINY: Final = 10e-10
"""What river's Bernoulli naive Bayes adds to each probability before it takes the logarithm."""

_NEVER_SEEN, _NOTHING, _FIRST = 0, 1, 2
"""The first places among the weights: names never learned about, no name at all, and the first name."""


class Sum(NamedTuple):
    """Log-odds as a sum: the constant, and what each name in x is worth, by its place."""

    constant: float
    weights: Vector


class Family(NamedTuple):
    """How the numbers of a kind of classifier become a sum.

    `names` are those a classifier has learned about, `read` gives what it knows of one; `weigh` makes the
    sum of all that, shape (places, `width`), being zeros for the places before the first name's.
    """

    width: int
    names: Callable[[Any], Iterable[str]]
    read: Callable[[Any, str], tuple[float, ...]]
    weigh: Callable[[Any, Vector], Sum]


@dataclass(slots=True)
class Own:
    """What belongs to each of some actions: names in x, and where they stand among the weights.

    `places` is of shape (actions, names), those in `columns` when so many names were `known` there.
    """

    names: Sequence[Sequence[str]]
    places: Indexes
    columns: Mapping[str, int] = field(default_factory=dict)
    known: int = 0

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Self:
        """Of the x of each action, in which everything is 1."""
        most = max(map(len, inputs), default=0)
        names = [[*x, *[""] * (most - len(x))] for x in inputs]
        return cls(names, np.zeros((len(names), most), np.intp))


class Additive:
    """A classifier of river's, seen as a sum. `touch` must hear of every x it learns."""

    def __init__(self, model: base.Classifier, family: Family) -> None:
        self._model = model
        self._family = family
        self._columns: dict[str, int] = {"?": _NEVER_SEEN, "": _NOTHING}
        self._numbers: Vector = np.zeros((_FIRST, family.width))
        self._stale: dict[str, None] = dict.fromkeys(family.names(model))
        self._sum: Sum | None = None

    def touch(self, x: Iterable[str]) -> None:
        """Notes that what is known of these names may have changed, and so may the sum."""
        self._stale.update(dict.fromkeys(x))
        self._sum = None

    def shared(self, x: Input) -> float:
        """The constant, and what everything in x is worth together."""
        constant, weights = self._fresh()
        places = self._columns
        worth = map(weights.item, [places.get(name, _NEVER_SEEN) for name in x])
        return constant + math.fsum(map(mul, worth, x.values()))

    def of_each(self, own: Own) -> Vector:
        """What the names of each action are worth together, shape (actions,)."""
        weights = self._fresh().weights
        if own.columns is not self._columns or own.known != len(self._columns):
            own.columns, own.known = self._columns, len(self._columns)
            find = self._columns.get
            own.places[:] = [[find(name, _NEVER_SEEN) for name in names] for names in own.names]
        total: Vector = weights[own.places].sum(axis=1)
        return total

    def _fresh(self) -> Sum:
        if self._sum is None:
            for name in self._stale:
                self._columns.setdefault(name, len(self._columns))
            self._make_room()
            self._read(self._stale)
            self._stale.clear()
            self._sum = self._family.weigh(self._model, self._numbers[: len(self._columns)])
            self._sum.weights[_NOTHING] = 0.0
        return self._sum

    def _read(self, names: Iterable[str]) -> None:
        read, model = self._family.read, self._model
        for name in names:
            self._numbers[self._columns[name]] = read(model, name)

    def _make_room(self) -> None:
        if len(self._columns) > len(self._numbers):
            before = self._numbers
            self._numbers = np.zeros((2 * len(self._columns), self._family.width))
            self._numbers[: len(before)] = before


def additive(model: base.Classifier) -> Additive | None:
    """The classifier as a sum; None if it is none."""
    family = _FAMILIES.get(type(model))
    return None if family is None else Additive(model, family)


def _linear(model: Any, numbers: Vector) -> Sum:
    return Sum(float(getattr(model, "intercept", 0.0)), numbers[:, 0].copy())


def _of_both(model: Any, name: str) -> tuple[float, ...]:
    counts = model.feature_counts.get(name, {})
    return float(counts.get(True, 0.0)), float(counts.get(False, 0.0))


def _both(counter: Any) -> Vector:
    return np.array([counter[True], counter[False]], np.float64)


def _prior(model: Any) -> float:
    yes, no = _both(model.class_counts)
    return float(np.log(yes / no))


def _yes_less_no(both: Vector) -> Vector:
    difference: Vector = both[:, 0] - both[:, 1]
    return difference


def _bernoulli(model: Any, numbers: Vector) -> Sum:
    p = (numbers + model.alpha) / (_both(model.class_counts) + 2 * model.alpha)
    absent = _yes_less_no(np.log(_TINY + 1.0 - p))
    weights = _yes_less_no(np.log(_TINY + p)) - absent
    weights[_NEVER_SEEN] = 0.0
    if model.true_threshold >= 1.0:
        weights[:] = 0.0
    return Sum(_prior(model) + math.fsum(absent[_FIRST:].tolist()), weights)


def _multinomial(model: Any, numbers: Vector) -> Sum:
    totals = _both(model.class_totals) + model.alpha * model.n_terms
    return Sum(_prior(model), _yes_less_no(np.log((numbers + model.alpha) / totals)))


def _complement(model: Any, numbers: Vector) -> Sum:
    others = numbers[:, ::-1] + model.alpha
    totals = [math.fsum(column) for column in others[_FIRST:].T.tolist()]
    return Sum(0.0, -_yes_less_no(np.log(others / totals)))


def _softmax_weight(model: Any, name: str) -> tuple[float, ...]:
    yes, no = (model.weights[label].get(name, 0.0) for label in (True, False))
    return (float(yes - no),)


_GLM: Final = Family(
    1,
    lambda model: model.weights,
    lambda model, name: (model._weights.get(name, 0.0),),  # `weights` copies them all
    _linear,
)


def _counted(weigh: Callable[[Any, Vector], Sum]) -> Family:
    return Family(2, lambda model: model.feature_counts, _of_both, weigh)


_FAMILIES: Final[dict[type[Any], Family]] = {
    linear_model.LogisticRegression: _GLM,
    linear_model.Perceptron: _GLM,
    linear_model.PAClassifier: Family(
        1,
        lambda model: model.weights,
        lambda model, name: (model.weights.get(name, 0.0),),
        _linear,
    ),
    linear_model.ALMAClassifier: Family(
        1, lambda model: model.w, lambda model, name: (model.w.get(name, 0.0),), _linear
    ),
    linear_model.SoftmaxRegression: Family(
        1,
        lambda model: {name for weights in model.weights.values() for name in weights},
        _softmax_weight,
        _linear,
    ),
    naive_bayes.BernoulliNB: _counted(_bernoulli),
    naive_bayes.MultinomialNB: _counted(_multinomial),
    naive_bayes.ComplementNB: _counted(_complement),
}
