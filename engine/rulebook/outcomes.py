"""Outcomes and models: what a response is worth, and what learns from it."""

import re
from fnmatch import translate
from typing import Final

from engine.model import DAY
from engine.respond import NOT_DELIVERED
from engine.rulebook.attributes import Attributes, protected_problem
from engine.rulebook.book import ModelSpec
from engine.rulebook.fields import Fields, named
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names, did_you_mean
from engine.rulebook.nodes import MapNode, Node, Scalar, described, shortened
from engine.rulebook.readers import Reader, allowing, duration, list_of, number, reference, text
from engine.rulebook.report import Mistake, Report

USUAL: Final = {
    "impression": 0.0,
    "click": 0.2,
    "accept": 1.0,
    "reject": 0.0,
    "dismiss": 0.0,
    NOT_DELIVERED: None,
}
"""The outcomes of a book that declares none."""

DEFAULT_MODEL: Final = ModelSpec("hierarchical_logistic", ("*",), 7 * DAY)
_ESTIMATOR = "hierarchical_logistic"


def read_outcomes(node: Node | None, report: Report) -> dict[str, float | None]:
    """The key outcomes: a reward from 0 to 1 for each, or null for one that teaches nothing."""
    if node is None:
        return dict(USUAL)
    outcomes: dict[str, float | None] = {}
    for name, _, value in named(node, report, "outcomes and their rewards"):
        outcomes[name] = 0.0
        try:
            outcomes[name] = _reward(value)
            if name == NOT_DELIVERED and outcomes[name] is not None:
                message = f"'{name}' teaches nothing, whatever it is worth: write null"
                report.notice(f"outcomes.{name}", value.place, message)
        except Mistake as mistake:
            report.mistake(mistake)
    return outcomes


def _reward(node: Node) -> float | None:
    if isinstance(node, Scalar) and node.value is None and node.text:
        return None
    return number(0, 1)(node)


def read_models(
    node: Node | None, attributes: Attributes, hierarchy: Hierarchy, actions: Names, report: Report
) -> ModelSpec:
    """The key models: the default model, and those of single issues, groups or actions."""
    specs = {}
    for name, key, value in named(node, report, "models"):
        fields = Fields(value, report, f"model '{name}'", key.place)
        specs[name] = ModelSpec(
            fields.take("estimator", _estimator(report), _ESTIMATOR),
            fields.take("features", list_of(_feature(attributes), least=1), ("*",)),
            fields.take("response_window", duration, 7 * DAY),
        )
        if name != "default":
            report.notice("models", key.place, "not enforced yet: models other than 'default'")
            for names in (hierarchy.issue_names, hierarchy.group_names, actions):
                fields.take(names.kind, reference(names), "")
        fields.close()
    whole = isinstance(node, MapNode) and node.whole and "default" not in node.emptied
    if node is not None and whole and "default" not in specs:
        report.error(node.place, "models needs the key 'default'")
    return specs.get("default", DEFAULT_MODEL)


def _estimator(report: Report) -> Reader[str]:
    def read(node: Node) -> str:
        found = text(node)
        if found.startswith("river."):
            report.notice(
                "estimator",
                node.place,
                f"not enforced yet: estimators of river; '{_ESTIMATOR}' learns instead",
            )
            return _ESTIMATOR
        if found != _ESTIMATOR:
            raise Mistake(
                (
                    node.place,
                    f"'{shortened(found)}' is no estimator ({_ESTIMATOR}, river.…)."
                    f"{did_you_mean(found, [_ESTIMATOR])}",
                )
            )
        return found

    return allowing(type="string")(read)


def _feature(attributes: Attributes) -> Reader[str]:
    """A pattern of names, which must match an attribute or the interaction history.

    What it matches of attributes that nothing may be decided by is passed over; that must not be all.
    """

    def read(node: Node) -> str:
        pattern = text(node)
        known = [*attributes.index, "history.*"]
        if not attributes.complete or pattern.startswith("history."):
            return pattern
        matches = re.compile(translate(pattern)).match
        matched = [name for name in known if matches(name)]
        if matched and attributes.protected.issuperset(matched):
            attribute = attributes.declared[attributes.index[matched[0]]]
            raise Mistake((node.place, protected_problem(attribute)))
        if matched:
            return pattern
        families = {f"{name.rpartition('.')[0]}.*" for name in attributes.index if "." in name}
        hint = did_you_mean(pattern, [*known, *families])
        raise Mistake((node.place, f"no attribute is named {described(node)}.{hint}"))

    return allowing(type="string")(read)
