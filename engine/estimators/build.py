"""Build: a classifier of river from the name and the parameters that a rule book gives."""

from collections.abc import Mapping
from typing import Any, Final

from river import base

from engine.estimators.catalogue import (
    Json,
    Shelf,
    estimators,
    named_part,
    parameters_of,
    shelf_of,
)

SEED: Final = 1
"""What river's chance begins with where a rule book names no seed: the log must teach the same again."""


_USUAL: Final[Mapping[str, dict[str, Json]]] = {
    "neighbors.KNNClassifier": {"engine": {"LazySearch": {"window_size": 1_000}}},
    "forest.AMFClassifier": {"max_nodes": 1_000},
}
"""What stands where a rule book says nothing: river's own search is drawn by lot, its trees grow for ever."""


def build(estimator: str, parameters: Mapping[str, Json]) -> base.Classifier:
    """A fresh classifier.

    A part stands as its name, or as a mapping of its name to its own parameters.

    Raises:
        KeyError: there is no estimator, or part, of such a name.
        Exception: whatever river raises for parameters that make no sense.

    >>> build("linear_model.LogisticRegression", {"optimizer": {"AdaGrad": {"lr": 0.1}}})
    LogisticRegression (...)
    """
    made: base.Classifier = _made(estimators(), estimator, parameters)
    return made


def _made(shelf: Shelf, name: str, parameters: Mapping[str, Json]) -> Any:
    kind = shelf.classes[name]
    said = {**_USUAL.get(name, {}), **parameters}
    given = {key: _argument(key, value) for key, value in said.items()}
    if "seed" in parameters_of(kind):
        given.setdefault("seed", SEED)
    return kind(**given)


def _argument(key: str, value: Json) -> Any:
    shelf = shelf_of(key)
    return value if shelf is None or value is None else _made(shelf, *named_part(value))
