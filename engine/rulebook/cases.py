"""tests/*.yaml: the tests that marketing writes beside the rules. Checked here, run later."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.rulebook.attributes import FILLED_BY_ENGINE, Attributes, written_value
from engine.rulebook.fields import Fields, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar, described, shortened
from engine.rulebook.placements import channel_reader
from engine.rulebook.policies import Policies
from engine.rulebook.readers import (
    as_written,
    duration,
    flag,
    identifier,
    list_of,
    number,
    reference,
    whole,
    words,
)
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.validity import moment

ENGINE_CODES: Final = (
    "availability.valid",
    "availability.text",
    "availability.no_treatment",
    "arbitration.value_unknown",
    "arbitration.outranked",
    "placement.taken",
    "propensity_threshold",
)
_LATER: Final = (
    "contact_policies.",
    "contact_policy.",
    "caps.",
    "cap.",
    "budget.",
    "holdout",
    "experiment",
)


@dataclass(frozen=True, slots=True)
class Cast:
    """What tests may refer to; `codes` are the reason codes of each action."""

    attributes: Attributes
    policies: Policies
    actions: Names
    codes: Mapping[str, frozenset[str]]


def check_cases(root: Node, cast: Cast, report: Report) -> None:
    """Reports what is wrong in one file of tests."""
    fields = Fields(root, report, "a file of tests")
    fields.require("tests")
    section = fields.node("tests")
    fields.close()
    if section is None:
        return
    report.notice("tests", section.place, "not enforced yet: tests are checked, but not run")
    if not isinstance(section, ListNode):
        report.error(section.place, f"expected a list of tests, found {described(section)}")
        return
    seen: dict[str, Place] = {}
    for node in section.items:
        _case(node, cast, report, seen)


def _case(node: Node, cast: Cast, report: Report, seen: dict[str, Place]) -> None:
    fields = Fields(node, report, "a test")
    name = fields.need("name", words, "")
    if name in seen:
        report.error(fields.place_of("name"), f"line {seen[name].line} has a test of this name")
    elif name:
        seen[name] = fields.place_of("name")
    for key in ("customer", "household"):
        _values(fields.node(key), cast, report)
    for key, item in (("history", _touch), ("events", _event)):
        for entry in _list(fields.node(key), report):
            item(entry, cast, report)
    fields.require("request")
    request = fields.node("request")
    if request is not None:
        _request(request, cast, report)
    fields.take("now", moment(), None)
    fields.require("expect")
    expect = fields.node("expect")
    if expect is not None:
        _expect(expect, cast, report)
    fields.close()


def _list(node: Node | None, report: Report) -> tuple[Node, ...]:
    if node is None or isinstance(node, ListNode):
        return node.items if node else ()
    report.error(node.place, f"expected a list, found {described(node)}")
    return ()


def _values(node: Node | None, cast: Cast, report: Report) -> None:
    """Attributes by name, each with a value it can have."""
    if node is None:
        return
    if not isinstance(node, MapNode):
        report.error(node.place, f"expected attributes and values, found {described(node)}")
        return
    for name, (key, value) in node.entries.items():
        problem = cast.attributes.names.problem(name)
        if name in FILLED_BY_ENGINE:
            problem = f"'{name}' is filled by the engine: it cannot be set here"
        if problem:
            report.error(key.place, problem)
            continue
        attribute = cast.attributes.named(name)
        if attribute:
            try:
                written_value(value, attribute)
            except Mistake as mistake:
                report.mistake(mistake)


def _touch(node: Node, cast: Cast, report: Report) -> None:
    fields = Fields(node, report, "a line of history")
    fields.need("action", reference(cast.actions), "")
    fields.need("outcome", reference(cast.policies.outcome_names), "")
    fields.need("ago", duration, 0)
    fields.take("channel", channel_reader(cast.attributes, dict(cast.policies.placements)), "")
    fields.take("placement", reference(cast.policies.placement_names), "")
    fields.take("treatment", identifier, "")
    fields.take("value", number(), 0.0)
    fields.take("times", whole(1, 10_000), 1)
    fields.close()


def _event(node: Node, cast: Cast, report: Report) -> None:
    fields = Fields(node, report, "an event")
    fields.need("type", identifier, "")
    fields.need("ago", duration, 0)
    fields.take("channel", channel_reader(cast.attributes, dict(cast.policies.placements)), "")
    fields.take("times", whole(1, 10_000), 1)
    for _ in named(fields.node("attributes"), report, "attributes of the event"):
        pass  # any attribute, as long as it has a name
    fields.close()


def _request(node: Node, cast: Cast, report: Report) -> None:
    fields = Fields(node, report, "a request")
    placement = reference(cast.policies.placement_names)
    if "placements" not in fields:
        fields.require("placement")
    fields.take("placement", placement, "")
    fields.take("placements", list_of(placement, least=1), ())
    fields.take("channel", channel_reader(cast.attributes, dict(cast.policies.placements)), "")
    fields.take("max_offers", whole(1, 1000), 1)
    _values(fields.node("context"), cast, report)
    fields.close()


def _expect(node: Node, cast: Cast, report: Report) -> None:
    fields = Fields(node, report, "an expectation")
    action = reference(cast.actions)
    first = fields.node("first")
    if isinstance(first, Scalar) and first.value is not None:
        fields.take("first", action, "")
    for key in ("offers", "any_of", "includes"):
        fields.take(key, list_of(action), ())
    fields.take("fallback", flag, filler=False)
    excluded = fields.node("not")
    if isinstance(excluded, ListNode):
        fields.take("not", list_of(action), ())
    else:
        for name, at, value in named(excluded, report, "actions and reasons"):
            problem = cast.actions.problem(name)
            if problem:
                report.error(at.place, problem)
            else:
                _reason(name, value, cast, report)
    fields.close()


def _reason(action: str, node: Node, cast: Cast, report: Report) -> None:
    """A reason code the action can have."""
    try:
        code = as_written(node)
    except Mistake as mistake:
        report.mistake(mistake)
        return
    own = cast.codes.get(action)
    if own is None or code.startswith(_LATER):
        return
    known = Names.of("reason", [*own, *ENGINE_CODES], lost=report.lost_words())
    problem = known.problem(shortened(code))
    if problem:
        report.error(node.place, f"{problem} ({action} can be out for none of that name)")
