"""JSON Schemas for editors, read off the checker: the keys it asks for and what it allows under each.

Nothing is declared twice. A sample book, in which every mapping there can be stands once, is checked,
and a watch notes what is asked of each mapping. What refers to names (groups, placements, actions, …)
is then filled in from the book the schemas are for, as far as that can be read.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from engine.history import sources
from engine.rulebook.actions import ActionFile, action_ids
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Attribute, Kind, Placement, Type
from engine.rulebook.declarations import read_attributes
from engine.rulebook.estimators import estimator_names
from engine.rulebook.load import load
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar
from engine.rulebook.parse import parse
from engine.rulebook.policies import Policies, channels_of, read_policies
from engine.rulebook.readers import SCALAR, allowed
from engine.rulebook.report import Mistake, Report, TooManyMistakes
from engine.rulebook.sample import SAMPLE
from engine.rulebook.snapshot import snapshot

Schema: TypeAlias = dict[str, Any]

FILES: Final = {
    "attributes": "attributes.yaml",
    "policies": "policies.yaml",
    "actions": "actions/all.yaml",
    "stop": "stop.yaml",
    "tests": "tests/all.yaml",
}
"""The kinds of files, each with the file of the sample that shows it."""

_DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_WORDS: Final[Mapping[str, Schema]] = {
    "conditions": {"type": SCALAR},
    "attributes of the action": {"type": SCALAR},
    "attributes of the event": {"type": SCALAR},
    "outcomes and their rewards": {"type": ("number", "null"), "minimum": 0, "maximum": 1},
    "texts and their longest length": {"type": "integer", "minimum": 1},
    "actions and reasons": {"type": "string"},
    "actions and propensities": {"type": "number", "minimum": 0, "maximum": 1},
}
"""What stands under names of somebody's choosing, where it is a single value."""
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}


def schemas(directory: Path | Mapping[str, bytes]) -> dict[str, Schema]:
    """The schema of each kind of file, by its name in `FILES`, for the book in this directory.

    A schema refuses nothing the checker accepts but a key with nothing under it, which is as good as
    absent and hardly ever meant. Where the book has mistakes, names that cannot
    be told are left open.
    """
    known = _known(directory)
    return {kind: _for(kind, known) for kind in FILES}


def _for(kind: str, known: "_Known") -> Schema:
    schema = known.filled(_sample()[kind])
    if kind == "actions":
        treatments = schema["properties"]["actions"]["items"]["properties"]["treatments"]
        treatments["minItems"] = 1
        treatments["items"]["allOf"] = [_with_texts(p) for p in known.placements.values()]
    return {"$schema": _DIALECT, "title": f"Attune: {kind}", **schema}


def _with_texts(placement: Placement) -> Schema:
    """A treatment for this placement has these texts."""
    names = {
        name: {"type": "string", "pattern": r"\S", "description": f"at most {longest} characters"}
        for name, longest in placement.texts.items()
    }
    texts = {"properties": names, "required": list(names), "additionalProperties": False}
    return {
        "if": {
            "properties": {"placement": {"const": placement.placement_id}},
            "required": ["placement"],
        },
        "then": {"properties": {"texts": texts}},
    }


# --- what the checker asks for -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """What readers asked of each mapping."""

    keys: defaultdict[object, dict[str, object | None]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    required_keys: defaultdict[object, list[str]] = field(default_factory=lambda: defaultdict(list))
    names: dict[object, str] = field(default_factory=dict)

    def asked(self, mapping: object, key: str, reader: object | None) -> None:
        known = self.keys[mapping]
        known[key] = known.get(key) or reader

    def required(self, mapping: object, key: str) -> None:
        self.required_keys[mapping].append(key)

    def named(self, mapping: object, what: str) -> None:
        self.names[mapping] = what

    def schema(self, node: Node, of_names: str = "") -> Schema:
        match node:
            case MapNode() if node in self.names:
                what = self.names[node]
                inner = merged(self.schema(child, what) for _, child in node.entries.values())
                return {"type": "object", "additionalProperties": inner}
            case MapNode() if node in self.keys:
                return {
                    "type": "object",
                    "properties": {key: self._under(node, key) for key in self.keys[node]},
                    "required": sorted(set(self.required_keys[node])),
                    "additionalProperties": False,
                }
            case MapNode():
                return {"attributes": True}
            case ListNode():
                return {"type": "array", "items": merged(map(self.schema, node.items))}
            case Scalar(value=None) if not of_names:
                return {"type": "null"}
            case Scalar():
                return dict(_WORDS.get(of_names, {"type": SCALAR}))

    def _under(self, node: MapNode, key: str) -> Schema:
        """What stands under a key: what its reader allows, or what was asked of the mapping there."""
        reader, (_, child) = self.keys[node][key], node.entries.get(key, (None, None))
        if isinstance(child, MapNode) and key in {"fallback", "texts"} and child not in self.names:
            return dict(_TEXTS)
        if reader is not None:
            return dict(allowed(reader))
        return {} if child is None else self.schema(child)


def _sample() -> dict[str, Schema]:
    """The schema of each kind of file, with placeholders for names."""
    asked = _Asked()
    loaded = load(SAMPLE, watch=asked)
    if loaded.book is None:
        raise AssertionError(f"the sample book has mistakes: {loaded.diagnostics}")
    top = {next(iter(mapping.entries), ""): mapping for mapping in _outermost(asked)}
    return {kind: asked.schema(top[_first_key(path)]) for kind, path in FILES.items()}


def _outermost(asked: _Asked) -> list[MapNode]:
    """The mappings that are whole files."""
    return [m for m in asked.keys if isinstance(m, MapNode) and m.place[1:] == (1, 1)]


def _first_key(path: str) -> str:
    return SAMPLE[path].decode().partition(":")[0]


def merged(variants: Iterable[Schema]) -> Schema:
    """One schema for what is written in several ways: properties united, required what all require."""
    found: list[Schema] = []
    for variant in variants:
        at = next((i for i, known in enumerate(found) if _alike(known, variant)), None)
        if at is None:
            found.append(variant)
        else:
            found[at] = _union(found[at], variant)
    found = [one for one in found if one] or [{}]
    return found[0] if len(found) == 1 else {"anyOf": found}


def _alike(one: Schema, other: Schema) -> bool:
    return one == other or any(key in one and key in other for key in ("properties", "items"))


def _union(one: Schema, other: Schema) -> Schema:
    if "items" in one:
        return {**one, "items": merged([one["items"], other["items"]])}
    if "properties" not in one:
        return one
    mine, others = one["properties"], other["properties"]
    return {
        **one,
        "properties": {
            key: merged([mine.get(key, {}), others.get(key, {})]) for key in {**mine, **others}
        },
        "required": sorted({*one["required"]} & {*other["required"]}),
    }


# --- what is declared in the book ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """The names of a book, as far as it can be read."""

    names: Mapping[str, Names]
    attributes: Attributes
    placements: Mapping[str, Placement]

    def filled(self, schema: Any) -> Any:
        """The schema with the names put in."""
        match schema:
            case {"names": str() as kind}:
                return self._one_of(kind)
            case {"attributes": True}:
                return self._values()
            case dict():
                return {key: self.filled(value) for key, value in schema.items()}
            case list() | tuple():
                return [self.filled(value) for value in schema]
            case _:
                return schema

    def _one_of(self, kind: str) -> Schema:
        names = self.names[kind]
        if not names.complete or names.lost or not names.known:
            return {"type": "string"}
        return {"enum": sorted(names.known)}

    def _values(self) -> Schema:
        """Attributes by name, each with a value of its type."""
        declared = self.attributes
        plain = [a for a in declared.declared if declared.named(a.name)]
        certain = declared.complete and not declared.lost and len(plain) == len(declared.declared)
        return {
            "type": "object",
            "properties": {a.name: _value(a) for a in plain},
            "additionalProperties": not certain,
        }


_JSON: Final = {
    Kind.BOOL: "boolean",
    Kind.INT: "integer",
    Kind.DOUBLE: "number",
    Kind.LIST: "array",
    Kind.MAP: "object",
}


def _value(attribute: Attribute) -> Schema:
    schema = _of_type(attribute.type, attribute)
    if attribute.description:
        schema["description"] = attribute.description
    if not attribute.nullable:
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _of_type(type_: Type, attribute: Attribute) -> Schema:
    schema: Schema = {"type": _JSON.get(type_.kind, "string")}
    if type_.kind is Kind.STRING and attribute.values:
        return {"enum": list(attribute.values)}
    if type_.kind is Kind.LIST and type_.element:
        schema["items"] = _of_type(type_.element, attribute)
    if attribute.range and type_.kind in {Kind.INT, Kind.DOUBLE}:
        schema["minimum"], schema["maximum"] = attribute.range
    return schema


def _known(directory: Path | Mapping[str, bytes]) -> _Known:
    report = Report()
    try:
        files = snapshot(directory, report)
        roots = {p: parse(p, c, report) for p, c in files.files.items() if p.endswith(".yaml")}
        attributes = read_attributes(roots.get("attributes.yaml"), report)
        actions = [ActionFile(p, root) for p, root in roots.items() if p.startswith("actions/")]
        ids = action_ids(actions, report)
        policies = read_policies(roots.get("policies.yaml"), attributes, ids, report)
    except (Mistake, TooManyMistakes):
        attributes, ids = Attributes(), Names("action", complete=False)
        policies = read_policies(None, attributes, ids, Report())
    return _Known(_names(attributes, ids, policies), attributes, policies.placements)


def _names(attributes: Attributes, actions: Names, policies: Policies) -> dict[str, Names]:
    channels = Names.of(
        "channel",
        channels_of(attributes, policies.placements),
        complete=attributes.complete and policies.placement_names.complete,
        lost=attributes.lost | policies.placement_names.lost,
    )
    found = (
        actions,
        channels,
        policies.hierarchy.issue_names,
        policies.hierarchy.group_names,
        policies.placement_names,
        policies.contact_policies,
        policies.consents.names,
        policies.outcome_names,
        Names("treatment", complete=False),
        policies.stages.names,
        policies.trial_names,
        attributes.names,
        Names.of("estimator", estimator_names()),
        Names.of("feature", _features(attributes, policies)),
    )
    return {names.kind: names for names in found}


def _features(attributes: Attributes, policies: Policies) -> list[str]:
    """What a model may see, by name."""
    channels = channels_of(attributes, policies.placements)
    history = sources(channels, tuple(policies.hierarchy.groups))
    return [*(a.name for a in attributes.declared if not a.protected), *history]
