"""tests/*.yaml: the tests that marketing writes beside the rules. Read and checked here, run by `engine.rehearsal`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engine.model import ActionId, PlacementId, Value
from engine.rulebook.attributes import FILLED_BY_ENGINE, Attributes, written_value
from engine.rulebook.book import Placement, RuleBook
from engine.rulebook.cap import KEYS, keys_of
from engine.rulebook.case import Case, Expectation, Expects, PastEvent, PastOffer, Used
from engine.rulebook.fields import Fields, is_nothing, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar, described, shortened
from engine.rulebook.placements import channel_reader
from engine.rulebook.readers import (
    Reader,
    allowed,
    allowing,
    as_written,
    duration,
    flag,
    identifier,
    list_of,
    number,
    one_of,
    reference,
    scalar,
    whole,
    words,
)
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.trial import TRIAL, Arm
from engine.rulebook.validity import moment

ENGINE_CODES: Final = (
    "availability.valid",
    "availability.stopped",
    "availability.text",
    "availability.no_treatment",
    "arbitration.value_unknown",
    "arbitration.outranked",
    "placement.taken",
    "propensity_threshold",
    "priority_threshold",
    "exploration.untrained",
    "uplift.none",
)
MEASURED: Final = "measured action"
_RECIPIENTS: Final = ("customer", "household")
_LISTS: Final = (
    Expects.OFFERS, Expects.ONLY, Expects.IN_ORDER, Expects.INCLUDES, Expects.ANY_OF,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cast:
    """What tests may refer to; `codes` are the reason codes of each action, `caps` the keys of each cap."""

    attributes: Attributes
    placements: Mapping[str, Placement]
    placement_names: Names
    outcomes: Names
    actions: Names
    codes: Mapping[str, frozenset[str]]
    caps: Mapping[str, frozenset[str]] = field(default_factory=dict)
    trials: Names = field(default_factory=lambda: Names(TRIAL, complete=False))
    measured: Names = field(default_factory=lambda: Names(MEASURED, complete=False))

    @classmethod
    def of_book(cls, book: RuleBook) -> "Cast":
        """What a finished book declares."""
        nowhere = Place("attributes.yaml", 1, 1)
        return cls(
            attributes=Attributes(
                declared=book.attributes,
                places=dict.fromkeys(book.index, nowhere),
                complete=True,
            ),
            placements={str(name): placement for name, placement in book.placements.items()},
            placement_names=Names.of("placement", book.placements),
            outcomes=Names.of("outcome", book.outcomes),
            actions=Names.of("action", (action.action_id for action in book.actions)),
            codes={},
            caps=keys_of(book.caps),
            trials=Names.of(TRIAL, (*(h.name for h in book.trials.holdouts), *Arm)),
            measured=Names.of(MEASURED, book.measured),
        )


class Known(NamedTuple):
    """What a test, or a file about one customer, tells of a customer."""

    customer: Mapping[str, Value]
    history: tuple[PastOffer, ...]
    events: tuple[PastEvent, ...]


def read_customer(root: Node, cast: Cast, report: Report) -> Known:
    """One customer: the keys `customer household history events` of a test, or attributes alone."""
    keys = root.entries.keys() if isinstance(root, MapNode) else frozenset()
    if not keys & {"customer", "household", "history", "events"}:
        return Known(_stored(root, cast, report), (), ())
    fields = Fields(root, report, "a customer")
    known = _known(fields, cast, report)
    fields.close()
    return known


def read_context(root: Node, cast: Cast, report: Report) -> dict[str, Value]:
    """Attributes by name, as a request's context gives them."""
    return _values(root, cast, report)


def _known(fields: Fields, cast: Cast, report: Report) -> Known:
    values: dict[str, Value] = {}
    for key in ("household", "customer"):
        values |= _stored(fields.node(key), cast, report)
    history = [_touch(entry, cast, report) for entry in _list(fields.node("history"), report)]
    events = [_event(entry, cast, report) for entry in _list(fields.node("events"), report)]
    return Known(values, tuple(history), tuple(events))


def read_cases(root: Node, cast: Cast, report: Report) -> tuple[Case, ...]:
    """The tests of one file; what is wrong with them is reported.

    Those of a file with errors are not fit to be run.
    """
    fields = Fields(root, report, "a file of tests")
    fields.require("tests")
    section = fields.node("tests")
    fields.close()
    if section is None:
        return ()
    if not isinstance(section, ListNode):
        report.error(section.place, f"expected a list of tests, found {described(section)}")
        return ()
    seen: dict[str, Place] = {}
    return tuple(_case(node, cast, report, seen) for node in section.items)


def _case(node: Node, cast: Cast, report: Report, seen: dict[str, Place]) -> Case:
    fields = Fields(node, report, "a test")
    name = fields.need("name", words, "")
    if name in seen:
        report.error(fields.place_of("name"), f"line {seen[name].line} has a test of this name")
    elif name:
        seen[name] = fields.place_of("name")
    known = _known(fields, cast, report)
    propensities = _of_actions(fields.node("propensities"), number(0, 1), cast.actions, report)
    _check_unmeasured(fields.node("propensities"), cast, report)
    positives = _of_actions(fields.node("positives"), number(0), cast.actions, report)
    uplift = _of_actions(fields.node("uplift"), number(-1, 1), cast.measured, report)
    used = tuple(_used(fields.node("used"), cast, report))
    holdout = fields.take("holdout", reference(cast.trials), "")
    fields.require("request")
    request = fields.node("request")
    asked = _request(request, cast, report) if request is not None else _Asked()
    now = fields.take("now", moment(), None)
    fields.require("expect")
    expect = fields.node("expect")
    expected = _expected(expect, cast, report) if expect is not None else ()
    fields.close()
    return Case(
        name=name,
        file=node.place.file,
        line=node.place.line,
        customer=known.customer,
        history=known.history,
        events=known.events,
        placements=asked.placements,
        channel=asked.channel,
        context=asked.context,
        max_offers=asked.max_offers,
        now=now,
        expected=expected,
        propensities=propensities,
        positives=positives,
        uplift=uplift,
        used=used,
        holdout=holdout,
    )


def _list(node: Node | None, report: Report) -> tuple[Node, ...]:
    if node is None or isinstance(node, ListNode):
        return node.items if node else ()
    report.error(node.place, f"expected a list, found {described(node)}")
    return ()


def _values(node: Node | None, cast: Cast, report: Report) -> dict[str, Value]:
    """Attributes by name, each with a value it can have."""
    values: dict[str, Value] = {}
    if node is None:
        return values
    if not isinstance(node, MapNode):
        report.error(node.place, f"expected attributes and values, found {described(node)}")
        return values
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
                values[name] = written_value(value, attribute)
            except Mistake as mistake:
                report.mistake(mistake)
    return values


def _stored(node: Node | None, cast: Cast, report: Report) -> dict[str, Value]:
    """Attributes of a profile: what is kept from events is none of them."""
    values = _values(node, cast, report)
    for name, (key, _) in node.entries.items() if isinstance(node, MapNode) else ():
        attribute = cast.attributes.named(name)
        if attribute is not None and attribute.source is not None:
            said = "say what happened under 'events', or set it under the request's context"
            report.error(key.place, f"'{name}' is kept from events: {said}")
    return values


def _touch(node: Node, cast: Cast, report: Report) -> PastOffer:
    fields = Fields(node, report, "a line of history")
    channel = channel_reader(cast.attributes, cast.placements)
    touch = PastOffer(
        action_id=ActionId(fields.need("action", reference(cast.actions), "")),
        outcome=fields.need("outcome", reference(cast.outcomes), ""),
        ago=fields.need("ago", duration, 0),
        channel=fields.take("channel", channel, ""),
        placement=PlacementId(fields.take("placement", reference(cast.placement_names), "")),
        value=fields.take("value", number(), 0.0),
        times=fields.take("times", whole(1, 10_000), 1),
        to_household=fields.take("to", one_of("recipient", _RECIPIENTS), "customer") != "customer",
    )
    fields.take("treatment", identifier, "")
    fields.close()
    return touch


def _event(node: Node, cast: Cast, report: Report) -> PastEvent:
    fields = Fields(node, report, "an event")
    channel = channel_reader(cast.attributes, cast.placements)
    event = PastEvent(
        type=fields.need("type", identifier, ""),
        ago=fields.need("ago", duration, 0),
        channel=fields.take("channel", channel, ""),
        times=fields.take("times", whole(1, 10_000), 1),
        attributes=dict(_details(fields.node("attributes"), cast, report)),
    )
    fields.close()
    return event


def _details(node: Node | None, cast: Cast, report: Report) -> Iterator[tuple[str, Value]]:
    """Attributes of an event, single values: of the declared type where they are declared."""
    for name, _, value in named(node, report, "attributes of the event"):
        attribute = cast.attributes.named(name)
        try:
            single = scalar(value)
            yield name, written_value(single, attribute) if attribute else single.value
        except Mistake as mistake:
            report.mistake(mistake)


def _of_actions(
    node: Node | None, reader: Reader[float], actions: Names, report: Report
) -> dict[ActionId, float]:
    """A number for each of the actions it names: what the model says, or has seen, in this test."""
    found = {}
    for name, key, value in named(node, report, "actions and numbers"):
        problem = actions.problem(name)
        if problem:
            report.error(key.place, problem)
        try:
            found[ActionId(name)] = reader(value)
        except Mistake as mistake:
            report.mistake(mistake)
    return found


def _check_unmeasured(node: Node | None, cast: Cast, report: Report) -> None:
    """A measured action is not ranked by its propensity."""
    for name, (key, _) in node.entries.items() if isinstance(node, MapNode) else ():
        if name in cast.measured.known:
            message = f"'{name}' is measured, and ranked by what it changes: say so under 'uplift'"
            report.error(key.place, message)


def _used(node: Node | None, cast: Cast, report: Report) -> Iterator[Used]:
    """What is used of caps before the test begins: `used: {save_discount: {per_day: 800}}`."""
    caps = Names.of("cap", cast.caps, lost=report.lost_words())
    for name, key, value in named(node, report, "caps and what is used of them"):
        if problem := caps.problem(name):
            report.error(key.place, problem)
        fields = Fields(value, report, f"what is used of '{name}'", key.place)
        for period in KEYS:
            amount = fields.take(period, number(0), None)
            if amount is None:
                continue
            if name in cast.caps and period not in cast.caps[name]:
                report.error(fields.key_place(period), f"the cap '{name}' has no '{period}'")
            yield Used(name, period, amount)
        fields.close()


class _Asked(NamedTuple):
    """The question of a test."""

    placements: tuple[PlacementId, ...] = ()
    channel: str = ""
    context: Mapping[str, Value] = {}
    max_offers: int = 0


def _request(node: Node, cast: Cast, report: Report) -> _Asked:
    fields = Fields(node, report, "a request")
    placement = reference(cast.placement_names)
    if "placements" not in fields:
        fields.require("placement")
    one = fields.take("placement", placement, "")
    several = fields.take("placements", list_of(placement, least=1), ())
    if one and several:
        report.error(fields.key_place("placement"), "give 'placement' or 'placements', not both")
    names = tuple(map(PlacementId, several or ((one,) if one else ())))
    channel_of = channel_reader(cast.attributes, cast.placements)
    channel = fields.take("channel", channel_of, "")
    max_offers = fields.take("max_offers", whole(1, 1000), 0)
    context = _values(fields.node("context"), cast, report)
    fields.close()
    for name in names:
        declared = cast.placements.get(name)
        if declared is None:
            continue
        channel = channel or declared.channel
        if channel != declared.channel:
            message = (
                f"'{name}' belongs to the channel {declared.channel}, not {channel}: "
                "a request is of one channel"
            )
            report.error(fields.place, message)
    return _Asked(names, channel, context, max_offers)


def _expected(node: Node, cast: Cast, report: Report) -> tuple[Expectation, ...]:
    before = report.errors
    fields = Fields(node, report, "an expectation")
    expected = (*_offered(fields, cast), *_excluded(fields, cast, report))
    fields.close()
    if not expected and report.errors == before and isinstance(node, MapNode) and node.whole:
        report.error(node.place, "nothing is expected: this test would always pass")
    return expected


def _offered(fields: Fields, cast: Cast) -> Iterator[Expectation]:
    """What is to be offered. `first: null` says that nothing is."""
    action = reference(cast.actions)
    nobody_or_action = allowing(anyOf=({"type": "null"}, allowed(action)))(
        lambda one: "" if is_nothing(one) else action(one)
    )
    first = fields.take_null("first", nobody_or_action, None)
    if first is not None:
        kind, expected = (Expects.FIRST, (ActionId(first),)) if first else (Expects.FALLBACK, ())
        yield Expectation(kind, expected, fields.key_place("first").line)
    for kind in _LISTS:
        least = 0 if kind in {Expects.OFFERS, Expects.ONLY} else 1
        actions = fields.take(kind, list_of(action, least=least), None)
        if actions is not None:
            line = fields.place_of(kind).line
            yield Expectation(kind, tuple(map(ActionId, actions)), line)
    wanted = fields.take("fallback", flag, None)
    if wanted is not None:
        line = fields.place_of("fallback").line
        yield Expectation(Expects.FALLBACK, (), line, wanted=wanted)


def _excluded(fields: Fields, cast: Cast, report: Report) -> Iterator[Expectation]:
    """What is not to be offered: a list of actions, or actions each with the reason why not."""
    excluded = fields.node("not")
    if isinstance(excluded, ListNode):
        fields.take("not", list_of(reference(cast.actions)), ())
        for item in excluded.items:
            if isinstance(item, Scalar):
                yield Expectation(Expects.NOT, (ActionId(item.text),), item.place.line)
        return
    for name, at, value in named(excluded, report, "actions and reasons"):
        problem = cast.actions.problem(name)
        if problem:
            report.error(at.place, problem)
        elif reason := _reason(name, value, cast, report):
            yield Expectation(Expects.NOT, (ActionId(name),), at.place.line, reason)


def _reason(action: str, node: Node, cast: Cast, report: Report) -> str:
    """A reason code the action can have; empty if it is none, which is reported."""
    try:
        code = as_written(node)
    except Mistake as mistake:
        report.mistake(mistake)
        return ""
    own = cast.codes.get(action)
    if own is None:
        return code
    known = Names.of("reason", [*own, *ENGINE_CODES], lost=report.lost_words())
    problem = known.problem(shortened(code))
    if problem:
        report.error(node.place, f"{problem} ({action} can be out for none of that name)")
    return code
