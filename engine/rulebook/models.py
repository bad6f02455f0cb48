"""The key models: what learns, from which features, of which actions, and by which rewards."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase, translate
from typing import Any, Final

from engine.history import sources
from engine.model import DAY
from engine.rulebook.attributes import Attributes, protected_problem
from engine.rulebook.book import Action
from engine.rulebook.estimators import estimator, read_parameters
from engine.rulebook.fields import Fields, named
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.model_spec import ACTION_FEATURES, HIERARCHICAL, Models, ModelSpec, Reward
from engine.rulebook.names import Names, did_you_mean
from engine.rulebook.nodes import ListNode, MapNode, Node, described
from engine.rulebook.outcomes import read_rewards
from engine.rulebook.readers import (
    Reader,
    allowing,
    duration,
    list_of,
    reference,
    text,
    whole,
)
from engine.rulebook.report import Mistake, Place, Report

DEFAULT_MODEL: Final = ModelSpec(HIERARCHICAL, ("*",), 7 * DAY)
MOST_MODELS: Final = 32
"""Models beside the default one."""

_ANSWERS_AFTER: Final = 200


@dataclass(frozen=True, slots=True)
class Known:
    """What models may refer to; `channels` are those there are."""

    attributes: Attributes
    hierarchy: Hierarchy
    actions: Names
    outcomes: Names
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrittenModel:
    """A model beside the default one, before the actions are known.

    `for_` are the names it is set over by kind (action, group, issue), each with its place; `seen` are
    its patterns of attributes of actions, with their places.
    """

    spec: ModelSpec
    place: Place
    for_: Mapping[str, Mapping[str, Place]]
    seen: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class WrittenModels:
    """The key models as it is written."""

    default: ModelSpec = DEFAULT_MODEL
    others: tuple[WrittenModel, ...] = field(default=())


def read_models(node: Node | None, known: Known, report: Report) -> WrittenModels:
    """The default model, and those of single issues, groups or actions."""
    default, others = DEFAULT_MODEL, []
    for name, key, value in named(node, report, "models"):
        fields = Fields(value, report, f"model '{name}'", key.place)
        if name == "default":
            default = _default(fields, known)
        else:
            others.append(_other(name, fields, known))
        fields.close()
    if len(others) > MOST_MODELS:
        said = f"more than {MOST_MODELS} models beside the default one"
        report.error(others[MOST_MODELS].place, said)
    has_default = isinstance(node, MapNode) and "default" in node.entries
    whole_ = isinstance(node, MapNode) and node.whole and "default" not in node.emptied
    if node is not None and whole_ and not has_default:
        report.error(node.place, "models needs the key 'default'")
    return WrittenModels(default, tuple(_with_window(one, default) for one in others))


def _with_window(model: WrittenModel, default: ModelSpec) -> WrittenModel:
    """The model with the default's response window, if it has none of its own."""
    window = model.spec.response_window or default.response_window
    return replace(model, spec=replace(model.spec, response_window=window))


def models_of(
    written: WrittenModels, actions: Sequence[Action], hierarchy: Hierarchy, report: Report
) -> Models:
    """Which model is set over which action: the most specific; two at one level are an error."""
    placed: dict[str, dict[str, int]] = {"action": {}, "group": {}, "issue": {}}
    for at, model in enumerate(written.others):
        for kind, names in model.for_.items():
            for name, place in names.items():
                other = placed[kind].setdefault(name, at)
                if other != at:
                    first = written.others[other].spec.name
                    said = f"{kind} '{name}' has a model already: '{first}'"
                    report.error(place, f"{said}. Name it in one of the two")
    by_issue = {
        group: placed["issue"][level.issue]
        for group, level in hierarchy.groups.items()
        if level.issue in placed["issue"]
    }
    models = Models(
        tuple(model.spec for model in written.others), placed["action"], by_issue | placed["group"]
    )
    _check_seen(written, models, actions, report)
    return models


def _check_seen(
    written: WrittenModels, models: Models, actions: Sequence[Action], report: Report
) -> None:
    """Every pattern of attributes of actions must match one of the model's own actions."""
    for model in written.others:
        own = [a for a in actions if models.of(a.action_id, a.group) is model.spec]
        names = {f"{ACTION_FEATURES}{name}" for action in own for name in action.attributes}
        for pattern, place in model.seen.items():
            if own and not any(fnmatchcase(name, pattern) for name in names):
                hint = did_you_mean(pattern, names)
                said = f"no action of model '{model.spec.name}' has such an attribute: '{pattern}'"
                report.error(place, f"{said}.{hint}")


def _default(fields: Fields, known: Known) -> ModelSpec:
    spec = replace(
        DEFAULT_MODEL,
        features=fields.take("features", list_of(_feature(known), least=1), ("*",)),
        response_window=fields.take("response_window", duration, 7 * DAY),
    )
    written = fields.take("estimator", estimator, HIERARCHICAL)
    if written != HIERARCHICAL:
        said = f"the default model is {HIERARCHICAL}: it answers for all that have no other"
        fields.report.error(
            fields.place_of("estimator"),
            f"{said}. Set {written} over some of them by a model of its own, with `for`",
        )
    return spec


def _other(name: str, fields: Fields, known: Known) -> WrittenModel:
    for_ = _for(fields, known)
    learner = fields.take("estimator", estimator, HIERARCHICAL)
    seen: dict[str, Place] = {}
    parameters: dict[str, Any] = {}
    features: tuple[str, ...] = ()
    after = 0
    if learner != HIERARCHICAL:
        parameters = read_parameters(fields, learner)
        patterns = list_of(_feature(known, seen), least=1)
        features = fields.take("features", patterns, ("*",))
        after = fields.take("answers_after", whole(0), _ANSWERS_AFTER)
    spec = ModelSpec(
        estimator=learner,
        features=tuple(one for one in features if one not in seen),
        response_window=fields.take("response_window", duration, 0),
        name=name,
        parameters=parameters,
        outcomes=_outcomes(fields, known),
        answers_after=after,
        action_features=tuple(seen),
    )
    return WrittenModel(spec, fields.place, for_, seen)


def _for(fields: Fields, known: Known) -> dict[str, dict[str, Place]]:
    """The key for: the actions, groups and issues a model is set over, each with its place."""
    fields.require("for")
    node = fields.node("for")
    if node is None:
        return {}
    inner = Fields(node, fields.report, "'for'")
    kinds = (known.actions, known.hierarchy.group_names, known.hierarchy.issue_names)
    found: dict[str, dict[str, Place]] = {}
    for names in kinds:
        key = f"{names.kind}s"
        chosen = inner.take(key, list_of(reference(names), least=1), ())
        written = inner.node(key)
        places = written.items if isinstance(written, ListNode) else ()
        if chosen:
            found[names.kind] = dict(zip(chosen, (item.place for item in places), strict=True))
    if not (found or inner.report.errors):
        fields.report.error(node.place, "'for' names no action, group or issue")
    inner.close()
    return found


def _outcomes(fields: Fields, known: Known) -> Mapping[str, Reward]:
    """The key outcomes of a model: rewards that differ from the book's."""
    node = fields.node("outcomes")
    if node is None:
        return {}
    if isinstance(node, MapNode):
        for name, (key, _) in node.entries.items():
            if problem := known.outcomes.problem(name):
                fields.report.error(key.place, problem)
    return read_rewards(node, fields.report)


def _feature(known: Known, seen: dict[str, Place] | None = None) -> Reader[str]:
    """A pattern of names, which must match an attribute or something of the interaction history.

    What it matches of attributes that nothing may be decided by is passed over; that must not be all.
    Patterns of attributes of actions are noted in `seen`, with their places; None if there is no such.
    """
    attributes = known.attributes
    history = sources(known.channels, tuple(known.hierarchy.groups))

    def read(node: Node) -> str:
        pattern = text(node)
        if not attributes.complete:
            return pattern
        matches = re.compile(translate(pattern)).match
        matched = [name for name in (*attributes.index, *history) if matches(name)]
        if matched and attributes.protected.issuperset(matched):
            attribute = attributes.declared[attributes.index[matched[0]]]
            raise Mistake((node.place, protected_problem(attribute)))
        if matched:
            return pattern
        if pattern.startswith(ACTION_FEATURES):
            if seen is None:
                said = "the default model knows actions by their names: their attributes are seen by models with `for`"
                raise Mistake((node.place, said))
            seen[pattern] = node.place
            return pattern
        if pattern.startswith("history.") and not known.hierarchy.complete_groups:
            return pattern
        families = {f"{name.rpartition('.')[0]}.*" for name in attributes.index if "." in name}
        hint = did_you_mean(pattern, [*attributes.index, *families, "history.*", *history])
        what = (
            "in the interaction history is called" if pattern.startswith("history.") else "is named"
        )
        subject = "nothing" if pattern.startswith("history.") else "no attribute"
        raise Mistake((node.place, f"{subject} {what} {described(node)}.{hint}"))

    return allowing(anyOf=({"names": "feature"}, {"type": "string"}))(read)
