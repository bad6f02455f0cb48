"""Estimators in rule files: a classifier of river by name, and its parameters, checked against its constructor."""

import io
import json
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any, Final

from engine.errors import InvalidInput, Violation
from engine.rulebook.fields import Fields, is_nothing
from engine.rulebook.model_spec import HIERARCHICAL
from engine.rulebook.names import did_you_mean
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar, described, shortened
from engine.rulebook.parse import parse
from engine.rulebook.readers import allowing, text
from engine.rulebook.report import Mistake, Place, Report

_MOST_MODELS: Final = 100
"""The most estimators an ensemble may be made of: each of them learns and is asked on the event loop."""

_SIZES: Final = frozenset({"n_models", "n_estimators"})
_SMALLEST_STEP: Final = 1e-9
_LARGEST: Final = 1e9
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
}
_CALLED: Final = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "None": "null",
}


def estimator_names() -> list[str]:
    """What may stand under `estimator`."""
    from engine.estimators.catalogue import estimators

    return [HIERARCHICAL, *sorted(estimators().classes)]


@allowing(names="estimator")
def estimator(node: Node) -> str:
    """The name of an estimator."""
    found = text(node)
    if found == HIERARCHICAL:
        return found
    names = estimator_names()
    if found in names:
        return found
    hint = did_you_mean(found.removeprefix("river."), names)
    raise Mistake((node.place, f"'{shortened(found)}' is no estimator.{hint}"))


def read_parameters(fields: Fields, name: str) -> dict[str, Any]:
    """The key parameters of an estimator, as plain JSON; with what is wrong reported, also if river refuses.

    `name` is an estimator of river's.
    """
    from engine.estimators.catalogue import estimators

    node = fields.take("parameters", _whatever, None)
    place = fields.place_of("estimator")
    found: list[tuple[Place, str]] = []
    parameters = _parameters(node, name, estimators().classes[name], place, found)
    if not found and (refusal := _refusal(name, parameters)):
        found.append(
            (node.place if node else place, f"river cannot make a {name} of this: {refusal}")
        )
    fields.report.mistake(Mistake(*found))
    return parameters


@allowing(type="object")
def _whatever(node: Node) -> Node:
    return node


def asked_for(estimator_: str, parameters: str) -> tuple[str, dict[str, Any]]:
    """The estimator and parameters that a command names, the latter as they are written in a rule file.

    Raises:
        InvalidInput: with every mistake in them, each with its column.
    """
    report = Report()
    name = json.dumps(estimator_, ensure_ascii=False)
    written = f"estimator: {name}\nparameters: {parameters}\n"
    root = parse("", written.encode(), report)
    read: dict[str, Any] = {}
    if isinstance(root, MapNode) and not report.errors:
        fields = Fields(root, report, "an estimator")
        found = fields.take("estimator", estimator, HIERARCHICAL)
        if found != HIERARCHICAL:
            read = read_parameters(fields, found)
        else:
            fields.node("parameters")
            if not report.errors:
                report.error(root.place, "the default model is judged without --estimator")
        fields.close()
    if report.errors:
        options = ("--estimator", "--parameters")
        raise InvalidInput(
            [Violation(options[min(one.line, 2) - 1], one.message) for one in report.diagnostics()]
        )
    return estimator_, read


def _parameters(
    node: Node | None, name: str, kind: type, place: Place, found: list[tuple[Place, str]]
) -> dict[str, Any]:
    """The parameters of one class, and of the parts it is made of; mistakes are added to `found`."""
    from engine.estimators.catalogue import parameters_of

    known = parameters_of(kind)
    read: dict[str, Any] = {}
    entries = node.entries if isinstance(node, MapNode) else {}
    if node is not None and not isinstance(node, MapNode):
        found.append((node.place, f"expected the parameters of {name}, found {described(node)}"))
    for key, (written, value) in entries.items():
        parameter = known.get(key)
        if parameter is None:
            listed = f" Known: {', '.join(sorted(known))}." if known else " It has none."
            hint = did_you_mean(key, known) or listed
            said = f"{name} has no parameter '{shortened(key)}'.{hint}"
            found.append((written.place, said))
        elif is_nothing(value):
            continue
        elif parameter.shelf is not None and not _is_plain(value, parameter.types):
            read[key] = _part(value, parameter.shelf, found)
        else:
            try:
                read[key] = _plain(value, parameter.types, key)
                _check_size(read[key], parameter.least, key, value)
            except Mistake as mistake:
                found += mistake.found
    for parameter in known.values():
        if parameter.required and parameter.name not in entries:
            said = f"{name} needs the parameter '{parameter.name}'"
            example = ": {parameters: {model: tree.HoeffdingTreeClassifier}}"
            found.append((place, said + (example if parameter.name == "model" else "")))
    return read


def _is_plain(node: Node, types: frozenset[str]) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, int | float) and "float" in types


def _part(node: Node, shelf: Any, found: list[tuple[Place, str]]) -> Any:
    """A part of river: its name, or a mapping of its name to its parameters."""
    name: Scalar | None = None
    inner: Node | None = None
    if isinstance(node, Scalar) and isinstance(node.value, str):
        name = node
    elif isinstance(node, MapNode) and len(node.entries) == 1:
        ((name, inner),) = node.entries.values()
    if name is None:
        said = f"expected the name of {_a(shelf.kind)}, or {{name: {{its parameters}}}}"
        found.append((node.place, f"{said}, found {described(node)}"))
        return None
    kind = shelf.classes.get(name.text)
    if kind is None:
        names = list(shelf.classes)
        hint = did_you_mean(name.text, names)
        listed = "" if hint or len(names) > 20 else f" Known: {', '.join(sorted(names))}."
        said = f"'{shortened(name.text)}' is no {shelf.kind} of river's.{hint}{listed}"
        found.append((name.place, said))
        return None
    if inner is None or is_nothing(inner):
        return name.text
    return {name.text: _parameters(inner, name.text, kind, name.place, found)}


def _plain(node: Node, types: frozenset[str], key: str) -> Any:
    """A value of one of these types."""
    if isinstance(node, ListNode) and "list" in types:
        return [text(item) for item in node.items]
    value = node.value if isinstance(node, Scalar) else None
    fits = any(
        isinstance(value, kinds) and (isinstance(value, bool) == (name == "bool"))
        for name, kinds in _TYPES.items()
        if name in types
    )
    if not fits:
        wanted = " or ".join(_CALLED[name] for name in _CALLED if name in types)
        raise Mistake((node.place, f"'{key}' is {wanted}, found {described(node)}"))
    return value


def _check_size(value: Any, least: float | None, key: str, node: Node) -> None:
    """A number that river would take, and learn nothing by."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    least = _SMALLEST_STEP if key == "lr" else least
    if least is not None and not value >= least:
        raise Mistake((node.place, f"'{key}' is at least {least:g}, found {described(node)}"))
    most = _MOST_MODELS if key in _SIZES else _LARGEST
    if not value <= most:
        raise Mistake((node.place, f"'{key}' is at most {most:g}, found {described(node)}"))


def _refusal(name: str, parameters: Mapping[str, Any]) -> str | None:
    """What river says against these parameters when it is to learn and answer by them; None if nothing."""
    from engine.estimators.trial import tried

    said = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(said):
        warnings.simplefilter("ignore")
        try:
            tried(name, parameters)
        except Exception as error:  # noqa: BLE001  # river raises whatever comes up
            return f"{type(error).__name__}: {error}"
    return said.getvalue().strip().partition("\n")[0] or None


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
