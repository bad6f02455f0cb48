"""Catalogue: which classifiers of river a rule book may name, and what may be said to each of them.

Nothing else can be reached from a rule file: names are looked up in what a few public modules of
river export, and never imported by what is written there.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""What a parameter is in a rule file: a flag, a number, a text, null, a list, or a part by name."""

_CLASSIFIERS: Final = (
    "linear_model",
    "naive_bayes",
    "tree",
    "forest",
    "ensemble",
    "neighbors",
    "facto",
)
_UNFIT: Final = frozenset(
    {
        "ensemble.StackingClassifier",
        "facto.FFMClassifier",
        "facto.FwFMClassifier",
        "tree.SGTClassifier",
    }
)
"""They need a list of estimators, or features in fields, or divide by zero where a number is constant."""

SUMS: Final = frozenset(
    {
        "linear_model.LogisticRegression",
        "linear_model.Perceptron",
        "linear_model.PAClassifier",
        "linear_model.ALMAClassifier",
        "linear_model.SoftmaxRegression",
        "naive_bayes.BernoulliNB",
        "naive_bayes.MultinomialNB",
        "naive_bayes.ComplementNB",
    }
)
"""Those whose log-odds are a sum over features: they answer for all their actions in one step."""

_PARTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "optimizer": ("optim", "optimizer"),
        "weight_optimizer": ("optim", "optimizer"),
        "latent_optimizer": ("optim", "optimizer"),
        "loss": ("optim.losses", "loss"),
        "initializer": ("optim.initializers", "initializer"),
        "weight_initializer": ("optim.initializers", "initializer"),
        "latent_initializer": ("optim.initializers", "initializer"),
        "drift_detector": ("drift", "drift detector"),
        "warning_detector": ("drift", "drift detector"),
        "change_detector": ("drift", "drift detector"),
        "engine": ("neighbors", "search engine"),
        "splitter": ("tree.splitter", "splitter"),
    }
)
"""Parameters that are built from a part of river: the module it comes from, and what it is called."""

_NUMBER: Final = frozenset({"float"})
_PLAIN: Final = frozenset({"bool", "int", "float", "str", "list", "None"})


@dataclass(frozen=True, slots=True)
class Shelf:
    """Classes of river of one kind, by the names a rule file calls them by."""

    kind: str
    classes: Mapping[str, type[Any]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may stand under one parameter: values of the plain types named, or a part of `shelf`.

    Types are those of Python's annotations: bool, int, float (any number), str, list, None. `least` is
    the smallest number that makes sense, told by river's own default: counts are 1 or more.
    """

    name: str
    types: frozenset[str]
    shelf: Shelf | None
    required: bool
    least: float | None = None


def river_version() -> str:
    """The version of river that learns here: what one version has kept, another may not understand."""
    return version("river")


@cache
def estimators() -> Shelf:
    """Every classifier that gives a probability and can be made from plain parameters.

    >>> "tree.HoeffdingTreeClassifier" in estimators().classes
    True
    """
    from river import base

    found = {}
    for module in _CLASSIFIERS:
        for name, kept in _exported(module).items():
            gives_probability = (
                issubclass(kept, base.Classifier)
                and kept.predict_proba_one is not base.Classifier.predict_proba_one
            )
            if gives_probability and f"{module}.{name}" not in _UNFIT:
                found[f"{module}.{name}"] = kept
    return Shelf("estimator", MappingProxyType(found))


def shelf_of(parameter: str) -> Shelf | None:
    """The parts a parameter of this name is chosen from; None if it is a plain value."""
    if parameter == "model":
        return estimators()
    return _parts(parameter) if parameter in _PARTS else None


def parameters_of(kind: type[Any]) -> Mapping[str, Parameter]:
    """What a class of river takes, by name; what no rule file can say is left out.

    >>> sorted(parameters_of(estimators().classes["naive_bayes.BernoulliNB"]))
    ['alpha', 'true_threshold']
    """
    declared = inspect.signature(kind).parameters.values()
    found = (_parameter(one) for one in declared)
    return MappingProxyType({one.name: one for one in found if one is not None})


def named_part(value: Json) -> tuple[str, Mapping[str, Json]]:
    """The name of a part and its parameters.

    >>> named_part("AdaGrad"), named_part({"AdaGrad": {"lr": 0.1}})
    (('AdaGrad', {}), ('AdaGrad', {'lr': 0.1}))
    """
    if isinstance(value, str):
        return value, {}
    ((name, parameters),) = value.items()
    return name, parameters or {}


def innermost(estimator: str, parameters: Mapping[str, Json]) -> str:
    """The estimator that learns in the end: that of an ensemble is the one it is made of.

    >>> innermost("ensemble.BaggingClassifier", {"model": "naive_bayes.GaussianNB"})
    'naive_bayes.GaussianNB'
    """
    inner = parameters.get("model")
    return estimator if inner is None else innermost(*named_part(inner))


@cache
def _parts(parameter: str) -> Shelf:
    module, kind = _PARTS[parameter]
    return Shelf(kind, MappingProxyType(_exported(module)))


def _exported(module: str) -> dict[str, type[Any]]:
    """The public classes of one of river's modules, by name."""
    imported = import_module(f"river.{module}")
    named = ((name, getattr(imported, name, None)) for name in imported.__all__)
    return {
        name: found
        for name, found in named
        if inspect.isclass(found) and not inspect.isabstract(found)
    }


def _parameter(declared: inspect.Parameter) -> Parameter | None:
    if declared.kind in (declared.VAR_KEYWORD, declared.VAR_POSITIONAL):
        return None
    required = declared.default is declared.empty
    shelf = shelf_of(declared.name)
    types = _types(declared)
    if shelf is None and not types - {"None"}:
        return None
    return Parameter(declared.name, types, shelf, required, _least(declared))


def _least(declared: inspect.Parameter) -> float | None:
    default = declared.default
    if declared.name == "seed" or isinstance(default, bool) or not isinstance(default, int | float):
        return None
    if default <= 0:
        return None
    return 1.0 if isinstance(default, int) else 0.0


def _types(declared: inspect.Parameter) -> frozenset[str]:
    """The plain types of an annotation; where there is none, those that the default suggests."""
    if declared.annotation is not declared.empty:
        words = str(declared.annotation).replace("Optional[", "None|").replace("]", "").split("|")
        return frozenset(word.strip() for word in words) & _PLAIN
    default = declared.default
    if isinstance(default, bool | str):
        return frozenset({type(default).__name__})
    return _NUMBER if isinstance(default, int | float) else frozenset()
