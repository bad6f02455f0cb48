"""bundles of policies.yaml: actions that are shown together, all of them or as many as fit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.model import ActionId, PlacementId
from engine.rulebook.book import Action, ActionClass, Placement, Treatment
from engine.rulebook.bundle import Bundle
from engine.rulebook.fields import Fields, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node
from engine.rulebook.readers import list_of, one_of, reference, whole, words
from engine.rulebook.report import Place, Report


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """A bundle before the actions are known: the first of `actions` leads."""

    name: str
    title: str
    actions: tuple[str, ...]
    at_most: int | None
    summed: bool
    placements: tuple[str, ...]
    place: Place


def read_bundles(
    node: Node | None, actions: Names, placements: Names, report: Report
) -> tuple[WrittenBundle, ...]:
    """The bundles by name."""
    found = []
    for name, key, value in named(node, report, "bundles"):
        fields = Fields(value, report, f"bundle '{name}'", key.place)
        is_flexible = "lead" in fields or "companions" in fields
        members = _flexible(fields, actions) if is_flexible else _fixed(fields, actions)
        at_most = fields.take("at_most", whole(1, 1000), 1) if is_flexible else None
        bundle = WrittenBundle(
            name=name,
            title=fields.take("title", words, ""),
            actions=members,
            at_most=at_most,
            summed=fields.take("priority", one_of("priority", ("lead", "sum")), "lead") == "sum",
            placements=fields.take("placements", list_of(reference(placements), least=1), ()),
            place=key.place,
        )
        if at_most is not None and at_most >= len(members) > 1:
            message = f"{at_most} is more than all its companions: {len(members) - 1}"
            report.error(fields.place_of("at_most"), message)
        fields.close()
        found.append(bundle)
    return tuple(found)


def _fixed(fields: Fields, actions: Names) -> tuple[str, ...]:
    members: tuple[str, ...] = fields.need("actions", list_of(reference(actions)), ())
    if len(members) == 1:
        fields.report.error(fields.place_of("actions"), "a bundle is of two actions or more")
    return members


def _flexible(fields: Fields, actions: Names) -> tuple[str, ...]:
    if "actions" in fields:
        message = "give 'actions', all shown together, or 'lead' and 'companions', not both"
        fields.report.error(fields.key_place("actions"), message)
        fields.node("actions")
    lead = fields.need("lead", reference(actions), "")
    others = fields.need("companions", list_of(reference(actions), least=1), ())
    fields.require("at_most")
    if lead and lead in others:
        message = f"'{lead}' leads: it is no companion of its own"
        fields.report.error(fields.place_of("companions"), message)
    return (lead, *others)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What bundles are made of, and where it can be shown."""

    actions: Sequence[Action]
    treatments: Sequence[Treatment]
    placements: Mapping[str, Placement]

    def shows(self, action: Action, placement: str) -> bool:
        """Whether an action has a treatment for a placement."""
        return any(self.treatments[t].placement == placement for t in action.treatments)


def bundles_of(written: Sequence[WrittenBundle], shelf: Shelf, report: Report) -> Iterator[Bundle]:
    """The bundles, each with the placements it holds in; what cannot be shown together is reported."""
    by_id = {action.action_id: action for action in shelf.actions}
    seen: dict[str, WrittenBundle] = {}
    for bundle in written:
        members = [by_id[ActionId(name)] for name in bundle.actions if name in by_id]
        if len(members) < len(bundle.actions) or len(members) < 2:
            continue
        for problem in (*_of_class(members), *_elsewhere(bundle, seen)):
            report.error(bundle.place, problem)
        placements = _placements(bundle, members, shelf, report)
        yield Bundle(
            name=bundle.name,
            title=bundle.title,
            actions=tuple(member.index for member in members),
            at_most=bundle.at_most,
            summed=bundle.summed,
            placements=placements,
            place=str(bundle.place),
        )


def _of_class(members: Sequence[Action]) -> Iterator[str]:
    for member in members:
        if member.action_class is ActionClass.MANDATORY:
            yield f"{member.action_id} is mandatory: it always leads, and by itself"


def _elsewhere(bundle: WrittenBundle, seen: dict[str, WrittenBundle]) -> Iterator[str]:
    """Actions that another bundle claims: those of a fixed bundle are in no other, and lead one at most."""
    for name in dict.fromkeys(bundle.actions):
        other = seen.get(name)
        if other is None:
            seen[name] = bundle
            continue
        leads = name in (bundle.actions[0], other.actions[0])
        if bundle.at_most is None or other.at_most is None or leads:
            yield f"{name} is in bundle '{other.name}' already"


def _placements(
    bundle: WrittenBundle, members: Sequence[Action], shelf: Shelf, report: Report
) -> frozenset[PlacementId]:
    """Where it holds: where it is said to, else wherever it can be shown."""
    fitting = {name for name in shelf.placements if _room(bundle, members, name, shelf) == ""}
    for name in bundle.placements:
        if name in shelf.placements and name not in fitting:
            report.error(bundle.place, _room(bundle, members, name, shelf))
    if not bundle.placements and not fitting and shelf.placements:
        what = "all of it" if bundle.at_most is None else "its lead and a companion"
        report.error(bundle.place, f"no placement has room and treatments for {what}")
    chosen = set(bundle.placements) or fitting
    return frozenset(map(PlacementId, chosen & fitting))


def _room(bundle: WrittenBundle, members: Sequence[Action], placement: str, shelf: Shelf) -> str:
    """Why it cannot be shown in a placement; empty if it can."""
    needed = len(members) if bundle.at_most is None else 2
    slots = shelf.placements[placement].slots
    if slots < needed:
        return f"the bundle takes {needed} slots of {placement}, which has {slots}"
    lacking = [one.action_id for one in members if not shelf.shows(one, placement)]
    is_lacking = lacking if bundle.at_most is None else bundle.actions[0] in lacking
    if is_lacking or len(members) - len(lacking) < 2:
        return f"{lacking[0]} has no treatment for {placement}"
    return ""
