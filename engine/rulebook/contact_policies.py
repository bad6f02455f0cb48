"""contact_policies of policies.yaml: how often is too often. Checked here, enforced later."""

import re

from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Placement
from engine.rulebook.fields import Fields, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, Node, Scalar, described
from engine.rulebook.placements import channel_reader
from engine.rulebook.readers import (
    Reader,
    allowing,
    duration,
    identifier,
    list_of,
    one_of,
    reference,
    whole,
    words,
    zone,
)
from engine.rulebook.report import Mistake, Place, Report

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_SCOPES = ("action", "group", "issue", "attribute", "all")


def read_contact_policies(
    node: Node | None,
    attributes: Attributes,
    placements: dict[str, Placement],
    outcomes: Names,
    report: Report,
) -> frozenset[str]:
    """The names of the contact policies."""
    if node is None:
        return frozenset()
    names = set()
    channels = list_of(channel_reader(attributes, placements), least=1)
    for name, key, value in named(node, report, "contact policies"):
        names.add(name)
        report.notice("contact_policies", key.place, "not enforced yet: contact_policies")
        fields = Fields(value, report, f"contact policy '{name}'", key.place)
        fields.take("title", words, "")
        scope = fields.need("scope", one_of("scope", _SCOPES), "all")
        fields.take("channels", channels, ())
        if scope == "attribute":
            fields.require("attribute")
        elif "attribute" in fields:
            report.error(fields.key_place("attribute"), "'attribute' needs 'scope: attribute'")
        fields.take("attribute", identifier, "")
        if "between" in fields or fields.misspelt("between"):
            _quiet_hours(fields)
        else:
            _counted(fields, outcomes)
            _check_household(fields, attributes, report)
        fields.close()
    return frozenset(names)


def _quiet_hours(fields: Fields) -> None:
    """No contact between two times of the day."""
    fields.take("between", _hours, ())
    fields.need("timezone", zone, None)


def _counted(fields: Fields, outcomes: Names) -> None:
    """A pause after so many outcomes within a time."""
    outcome: Reader[str] = reference(outcomes)
    fields.take("subject", one_of("subject", ("customer", "household")), "customer")
    fields.need("count", outcome, "")
    fields.take("without", outcome, "")
    fields.need("at_least", whole(1, 1_000_000), 1)
    fields.need("within", duration, 0)
    fields.need("pause", _pause, 0)
    fields.take("timezone", zone, None)


def _check_household(fields: Fields, attributes: Attributes, report: Report) -> None:
    place = fields.place_of("subject")
    if fields.take("subject", _as_is, "") == "household" and (
        problem := attributes.names.problem("household.id")
    ):
        report.error(place, f"a household is told by household.id: {problem}")


def _as_is(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


@allowing(type="string", pattern="^([0-9]+[smhdw]|until_midnight)$")
def _pause(node: Node) -> int:
    if isinstance(node, Scalar) and node.text == "until_midnight":
        return 0
    try:
        return duration(node)
    except Mistake as mistake:
        raise Mistake(*((p, f"{m}; or 'until_midnight'") for p, m in mistake.found)) from None


@allowing(type="array", items={"type": "string"}, minItems=2, maxItems=2)
def _hours(node: Node) -> tuple[str, ...]:
    ends = node.items if isinstance(node, ListNode) else ()
    if len(ends) != 2:
        message = f'expected two times like ["21:00", "08:00"], found {described(node)}'
        raise Mistake((node.place, message))
    wrong: list[tuple[Place, str]] = [
        (end.place, f"expected a time of day like 21:00, found {described(end)}")
        for end in ends
        if not (isinstance(end, Scalar) and _CLOCK.fullmatch(end.text))
    ]
    if wrong:
        raise Mistake(*wrong)
    times = tuple(end.text for end in ends if isinstance(end, Scalar))
    if times[0] == times[1]:
        raise Mistake((ends[1].place, "the two times are the same"))
    return times
