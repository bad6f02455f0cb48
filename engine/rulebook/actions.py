"""actions/*.yaml: what the firm can offer or say, and how it appears in each placement."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.model import Micros
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import ActionClass
from engine.rulebook.caps import WrittenCap, read_caps
from engine.rulebook.conditions import (
    WrittenCondition,
    WrittenNumber,
    number_or_expression,
    policy_tests,
    treatment_conditions,
)
from engine.rulebook.doubts import remark_fraction
from engine.rulebook.fields import Fields, named
from engine.rulebook.hierarchy import check_shadowing
from engine.rulebook.measured import WrittenMeasure, read_measured
from engine.rulebook.names import IDENTIFIER, Names, did_you_mean
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar, described
from engine.rulebook.policies import Policies
from engine.rulebook.readers import (
    Reader,
    allowed,
    allowing,
    as_written,
    identifier,
    list_of,
    number,
    one_of,
    reference,
    text,
    words,
)
from engine.rulebook.rendering import Part
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.sparing import remark_spared
from engine.rulebook.texts import read_texts
from engine.rulebook.validity import read_validity


@dataclass(frozen=True, slots=True)
class WrittenTreatment:
    """A treatment as it is written: `texts` taken apart, `sources` as they stand in the file, `places`."""

    treatment_id: str
    placement: str
    conditions: tuple[WrittenCondition, ...]
    texts: Mapping[str, tuple[Part, ...]]
    sources: Mapping[str, str]
    places: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WrittenAction:
    """An action as it is written. `lever` is in percent, its own only.

    `contact_policies` are all it obeys, inherited ones included; `purpose` is what it needs consent for.

    `complete` is False if one of its conditions may have been lost by a mistake.
    """

    action_id: str
    title: str
    group: str
    action_class: ActionClass
    valid: tuple[Micros | None, Micros | None]
    conditions: tuple[WrittenCondition, ...]
    opt_out: tuple[str, ...]
    contact_policies: tuple[str, ...]
    purpose: str
    value: WrittenNumber
    lever: float
    attributes: Mapping[str, str]
    treatments: tuple[WrittenTreatment, ...]
    caps: WrittenCap | None
    measured: WrittenMeasure | None
    place: Place
    valid_place: Place | None
    complete: bool


@dataclass(frozen=True, slots=True)
class ActionFile:
    """One file of actions: its path and what YAML made of it (None if nothing)."""

    path: str
    root: Node | None


def action_ids(files: Sequence[ActionFile], report: Report) -> Names:
    """The ids of all actions, so that policies.yaml may refer to them; says nothing about mistakes."""
    known: set[str] = set()
    lost = set(report.lost_words())
    for file in files:
        lost.update(() if _written(file.root) else _texts(file.root))
        for node in _written(file.root):
            found = _id_of(node)
            if found and found not in known:
                known.add(found)
            else:
                lost |= _likely_ids(node)
    return Names.of("action", known, complete=bool(files), lost=frozenset(lost))


def _id_of(node: Node) -> str | None:
    """The id of an action as it is written; None if it has none that could be one."""
    entry = node.entries.get("id") if isinstance(node, MapNode) else None
    written = entry[1] if entry else None
    if not isinstance(written, Scalar) or not isinstance(written.value, str):
        return None
    return written.text if IDENTIFIER.fullmatch(written.text) else None


def _likely_ids(node: Node) -> set[str]:
    """What may have been meant to be the id of an action that has none, or somebody else's."""
    texts = set(_texts(node))
    meant = {re.sub(r"[^A-Za-z0-9_.-]+", "_", text.strip()) for text in texts}
    return texts | meant | {text.rpartition(".")[0] for text in texts if "." in text}


def _texts(node: Node | None) -> Iterator[str]:
    """Every single value under a node."""
    match node:
        case Scalar():
            yield node.text
        case ListNode():
            for item in node.items:
                yield from _texts(item)
        case MapNode():
            for _, value in node.entries.values():
                yield from _texts(value)


def _written(root: Node | None) -> tuple[Node, ...]:
    entry = root.entries.get("actions") if isinstance(root, MapNode) else None
    return entry[1].items if entry and isinstance(entry[1], ListNode) else ()


def read_actions(
    files: Iterable[ActionFile], policies: Policies, attributes: Attributes, report: Report
) -> tuple[WrittenAction, ...]:
    """The actions of all files, in the order of the files' names and then of the files."""
    seen = _Seen({}, {})
    reading = _Reading(policies, attributes, report, seen)
    return tuple(
        action for file in files if file.root is not None for action in reading.file(file.root)
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """The ids met so far and where."""

    actions: dict[str, Place]
    treatments: dict[str, Place]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What reading an action refers to."""

    policies: Policies
    attributes: Attributes
    report: Report
    seen: _Seen

    def file(self, root: Node) -> list[WrittenAction]:
        fields = Fields(root, self.report, "a file of actions")
        if not fields.stands("actions"):
            fields.require("actions")
        section = fields.node("actions")
        fields.close()
        if section is None:
            return []
        if not isinstance(section, ListNode):
            message = f"expected a list of actions, found {described(section)}"
            self.report.error(section.place, message)
            return []
        return [self.action(node) for node in section.items]

    def action(self, node: Node) -> WrittenAction:
        fields = Fields(node, self.report, "an action")
        action_id = fields.need("id", self._new(self.seen.actions, "action"), "")
        groups = self.policies.hierarchy.group_names
        group = fields.need("group", reference(groups), "")
        treatments = fields.node("treatments")
        fields.require("treatments")
        again = bool(fields.stands("id") and not action_id)
        own = policy_tests(fields, "action", action_id, self.policies.stages)
        known = own.complete and self.policies.hierarchy.is_complete(group)
        title = fields.need("title", words, "")
        action_class = fields.take("class", one_of("class", list(ActionClass)), "promotional")
        before = self.report.errors
        contact_policies = self._contact_policies(fields, group)
        known = known and self.report.errors == before
        action = WrittenAction(
            action_id=action_id,
            title=title,
            group=group,
            action_class=ActionClass(action_class),
            valid=read_validity(fields.node("valid"), self.policies.zone, self.report),
            conditions=own.conditions,
            opt_out=self._opt_out(fields, group, own.conditions),
            contact_policies=contact_policies,
            purpose=self._purpose(fields, group),
            value=fields.take("value", number_or_expression(0), 1.0),
            lever=self._lever(fields, group),
            attributes=self._attributes(fields.node("attributes")),
            treatments=self._treatments(treatments, again=again),
            caps=read_caps(fields.node("caps"), action_id, self.policies.timezone, self.report),
            measured=read_measured(
                fields.node("measured"), action_class, self.policies.outcome_names, self.report
            ),
            place=fields.place,
            valid_place=fields.key_place("valid") if "valid" in fields else None,
            complete=known and not any(map(fields.lost, ("opt_out", "contact_policies"))),
        )
        self._check_related(action, fields)
        remark_spared(fields, action.action_class, self._channels(action), self.policies.contact)
        fields.close()
        return action

    def _check_related(self, action: WrittenAction, fields: Fields) -> None:
        """A policy about related actions needs to know what this one is related to."""
        for policy in self.policies.contact.policies:
            needed = policy.attribute
            if policy.name in action.contact_policies and needed not in {"", *action.attributes}:
                self.report.error(
                    fields.key_place("contact_policies"),
                    f"contact policy '{policy.name}' counts actions with the same '{needed}': "
                    "this action needs it under 'attributes'",
                )

    def _channels(self, action: WrittenAction) -> list[str]:
        """The channels of the action's treatments, each once, in their order."""
        found = [self.policies.placements.get(t.placement) for t in action.treatments]
        return list(dict.fromkeys(placement.channel for placement in found if placement))

    def _new(self, seen: dict[str, Place], kind: str) -> Reader[str]:
        def read(node: Node) -> str:
            found = identifier(node)
            if found in seen:
                first = seen[found]
                raise Mistake(
                    (
                        node.place,
                        f"there is already {kind} '{found}' in {first.file}, line {first.line}",
                    )
                )
            seen[found] = node.place
            return found

        return allowing(**allowed(identifier))(read)

    def _contact_policies(self, fields: Fields, group: str) -> tuple[str, ...]:
        """All that the action obeys: inherited and its own, without those it opts out of."""
        known = self.policies.contact_policies
        own = fields.take("contact_policies", list_of(reference(known)), ())
        opted_out = fields.take("opt_out", list_of(text), ())
        inherited = self.policies.hierarchy.contact_policies(group)
        kept = (name for name in inherited if name not in opted_out)
        return tuple(dict.fromkeys((*kept, *own)))

    def _purpose(self, fields: Fields, group: str) -> str:
        """What the action needs consent for; "" where the book has no `consents`."""
        consents = self.policies.consents
        own = fields.take("purpose", reference(consents.names), "")
        purpose = own or self.policies.hierarchy.purpose(group) or consents.default
        if not purpose and consents.purposes and self.policies.hierarchy.is_complete(group):
            self.report.error(
                fields.place,
                "it is not said what this action needs consent for: give it, its group or its issue "
                f"a 'purpose' ({', '.join(consents.purposes)}), or 'consents' a 'default'",
            )
        return purpose

    def _lever(self, fields: Fields, group: str) -> float:
        lever = fields.take("lever", number(-100, 10_000), 0.0)
        remark_fraction(lever, fields.place_of("lever"), self.report)
        inherited = self.policies.hierarchy.percent(group)
        if inherited + lever < -100:
            self.report.error(
                fields.place_of("lever"),
                f"the levers of issue, group and action add up to {inherited + lever:g} %: "
                "less than -100 % would turn the priority negative",
            )
        return lever

    def _opt_out(
        self, fields: Fields, group: str, own: tuple[WrittenCondition, ...]
    ) -> tuple[str, ...]:
        """The inherited conditions an action does without; also checks that it hides no other."""
        hierarchy = self.policies.hierarchy
        inherited = [c for level in hierarchy.above(group) for c in level.conditions]
        consents = self.policies.consents.conditions
        known = {condition.name for condition in (*inherited, *consents)}
        known.update(hierarchy.contact_policies(group))
        node = fields.node("opt_out")
        if isinstance(node, ListNode) and hierarchy.is_complete(group):
            for item in node.items:
                self._check_opt_out(item, known)
        names = fields.take("opt_out", list_of(text), ())
        kept = [condition for condition in inherited if condition.name not in names]
        check_shadowing(own, kept, self.report)
        return names

    def _check_opt_out(self, item: Node, inherited: set[str]) -> None:
        name = item.text if isinstance(item, Scalar) else ""
        if not name or name in inherited:
            return
        if name in {condition.name for condition in self.policies.hierarchy.conditions}:
            self.report.notice(
                f"opt_out {item.place}",
                item.place,
                f"'{name}' is not inherited here: opting out of it changes nothing",
            )
            return
        hint = did_you_mean(name, inherited)
        self.report.error(item.place, f"no condition '{name}' is inherited.{hint}")

    def _attributes(self, node: Node | None) -> dict[str, str]:
        attributes = {}
        for name, _, value in named(node, self.report, "attributes of the action"):
            try:
                attributes[name] = as_written(value)
            except Mistake as mistake:
                self.report.mistake(mistake)
        return attributes

    def _treatments(self, node: Node | None, *, again: bool) -> tuple[WrittenTreatment, ...]:
        if node is None:
            return ()
        if isinstance(node, ListNode) and not node.items:
            self.report.error(node.place, "an action needs at least one treatment")
            return ()
        if not isinstance(node, ListNode):
            message = f"expected a list of treatments, found {described(node)}"
            self.report.error(node.place, message)
            return ()
        return tuple(self._treatment(item, again=again) for item in node.items)

    def _treatment(self, node: Node, *, again: bool) -> WrittenTreatment:
        """A treatment; with `again` its action has a mistaken id, and nothing is said of this one."""
        fields = Fields(node, self.report, "a treatment")
        ids = identifier if again else self._new(self.seen.treatments, "treatment")
        treatment_id = fields.need("id", ids, "")
        placement = fields.need("placement", reference(self.policies.placement_names), "")
        conditions = treatment_conditions(fields.node("when"), self.report, treatment_id)
        fields.require("texts")
        texts = fields.node("texts")
        known = self.policies.placements.get(placement)
        parts = (
            read_texts(texts, known.texts if known else {}, self.attributes, fields)
            if texts is not None
            else {}
        )
        fields.close()
        entries = texts.entries if isinstance(texts, MapNode) else {}
        written = {name: node for name, (_, node) in entries.items() if isinstance(node, Scalar)}
        return WrittenTreatment(
            treatment_id,
            placement,
            conditions,
            parts,
            sources={name: node.text for name, node in written.items()},
            places={name: str(node.place) for name, node in written.items()},
        )
