"""contact_policies of policies.yaml: how often is too often, and when nobody wants to hear from us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.model import DAY, MINUTE, Micros
from engine.respond import MAX_TOUCHES
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Placement
from engine.rulebook.contact import (
    ASSUME_SHOWN,
    FOREVER,
    OUTBOUND,
    Contact,
    ContactPolicy,
    Pause,
    QuietHours,
    Quota,
    Rest,
    Rule,
    Scope,
)
from engine.rulebook.fields import Fields, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar, described
from engine.rulebook.placements import channel_reader
from engine.rulebook.readers import (
    Reader,
    allowing,
    duration,
    flag,
    identifier,
    list_of,
    one_of,
    reference,
    time_of_day,
    whole,
    words,
    zone,
)
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.times import duration_of


@dataclass(frozen=True, slots=True)
class Known:
    """What a contact policy may refer to; `timezone` is the book's, None if it names none."""

    attributes: Attributes
    placements: Mapping[str, Placement]
    outcomes: Names
    timezone: ZoneInfo | None


def read_contact(policies: Fields, known: Known) -> Contact:
    """The keys contact_policies, assume_shown and outbound_channels of policies.yaml."""
    report = policies.report
    channels = list_of(channel_reader(known.attributes, known.placements))
    outbound = policies.take("outbound_channels", channels, None)
    return Contact(
        policies=tuple(
            _policy(name, key, value, known, report)
            for name, key, value in named(
                policies.node("contact_policies"), report, "contact policies"
            )
        ),
        assume_shown=policies.take("assume_shown", _assume_shown, ASSUME_SHOWN),
        outbound=OUTBOUND if outbound is None else frozenset(outbound),
    )


def _policy(name: str, key: Scalar, value: Node, known: Known, report: Report) -> ContactPolicy:
    fields = Fields(value, report, f"contact policy '{name}'", key.place)
    title = fields.take("title", words, "")
    kind = _kind(fields)
    scopes = one_of("scope", tuple(Scope))
    scope = fields.need("scope", scopes, "all") if kind == "count" else _any_scope(fields, scopes)
    channels = list_of(channel_reader(known.attributes, known.placements), least=1)
    on = fields.take("channels", channels, ())
    if scope == "attribute":
        fields.require("attribute")
    elif "attribute" in fields:
        report.error(fields.key_place("attribute"), "'attribute' needs 'scope: attribute'")
    attribute = fields.take("attribute", identifier, "")
    rule = _rule(kind, fields, known.outcomes)
    household = kind != "between" and _household(fields, known.attributes, report)
    transactional = fields.take("transactional", flag, False)
    own_zone = fields.take("timezone", zone, None)
    if kind == "between" and known.timezone is None:
        fields.require("timezone")
    fields.close()
    return ContactPolicy(
        name=name,
        title=title,
        rule=rule,
        scope=Scope(scope),
        timezone=(own_zone or known.timezone or ZoneInfo("UTC")).key,
        attribute=attribute,
        household=household,
        channels=frozenset(on),
        place=str(key.place),
        transactional=transactional,
    )


def _kind(fields: Fields) -> str:
    """Which of the three kinds of policy this is, by the key only that kind has."""
    for kind in ("between", "limit"):
        if kind in fields or fields.misspelt(kind):
            return kind
    return "count"


def _any_scope(fields: Fields, scopes: Reader[str]) -> str:
    return fields.take("scope", scopes, "all")


def _rule(kind: str, fields: Fields, outcomes: Names) -> Rule:
    match kind:
        case "between":
            start, end = fields.take("between", _hours, (0, 0))
            return QuietHours(start, end)
        case "limit":
            return _quota(fields, outcomes)
        case _:
            return _rest(fields, outcomes)


def _rest(fields: Fields, outcomes: Names) -> Rest:
    """A pause after so many outcomes within a time."""
    outcome: Reader[str] = reference(outcomes)
    return Rest(
        count=fields.need("count", outcome, ""),
        without=fields.take("without", outcome, ""),
        at_least=fields.need("at_least", whole(1, MAX_TOUCHES), 1),
        within=fields.need("within", duration, DAY),
        pause=_pause(fields, outcomes),
    )


def _quota(fields: Fields, outcomes: Names) -> Quota:
    """At most so many a day or week."""
    fields.require("limit")
    node = fields.node("limit")
    count = fields.take("count", reference(outcomes), "impression")
    if node is None:
        return Quota(count, 1)
    limits = Fields(node, fields.report, "limit", fields.key_place("limit"))
    often = whole(1, MAX_TOUCHES)
    quota = Quota(count, limits.take("per_day", often, None), limits.take("per_week", often, None))
    if isinstance(node, MapNode) and not node.entries:
        fields.report.error(node.place, "say how often: per_day, per_week or both")
    if quota.per_day and quota.per_week and quota.per_week < quota.per_day:
        message = f"{quota.per_week} a week are fewer than {quota.per_day} a day"
        fields.report.error(limits.place_of("per_week"), message)
    limits.close()
    return quota


def _household(fields: Fields, attributes: Attributes, report: Report) -> bool:
    """Whether a whole household is counted, which takes an attribute that tells the household."""
    subject = fields.take("subject", one_of("subject", ("customer", "household")), "customer")
    if subject != "household":
        return False
    if problem := attributes.names.problem("household.id"):
        place = fields.place_of("subject")
        report.error(place, f"a household is told by household.id: {problem}")
    return True


def _pause(fields: Fields, outcomes: Names) -> Pause:
    """`7d`, `until_midnight`, or `{until: accept, at_most: 90d}`."""
    fields.require("pause")
    node = fields.node("pause")
    if isinstance(node, MapNode):
        return _until(node, fields, outcomes)
    return fields.take("pause", _length, Pause(DAY))


def _until(node: MapNode, fields: Fields, outcomes: Names) -> Pause:
    report = fields.report
    pause = Fields(node, report, "pause", fields.key_place("pause"))
    until = pause.need("until", reference(outcomes), "")
    at_most = pause.take("at_most", _at_most, FOREVER)
    if "at_most" not in pause and not pause.misspelt("at_most"):
        report.notice(
            f"pause {node.place}",
            node.place,
            f"without an outcome '{until}' this pause never ends: add 'at_most: 90d', "
            "or 'at_most: forever' if that is meant",
        )
    pause.close()
    return Pause(at_most, until=until)


@allowing(type="string", pattern="^([0-9]+[smhdw]|until_midnight)$")
def _length(node: Node) -> Pause:
    if isinstance(node, Scalar) and node.text == "until_midnight":
        return Pause(2 * DAY, midnight=True)
    try:
        return Pause(duration(node))
    except Mistake as mistake:
        hint = "; or 'until_midnight', or {until: accept, at_most: 90d}"
        raise Mistake(*((place, f"{said}{hint}") for place, said in mistake.found)) from None


@allowing(type="string", pattern="^([0-9]+[smhdw]|forever)$")
def _at_most(node: Node) -> Micros:
    if isinstance(node, Scalar) and node.text == "forever":
        return FOREVER
    return duration(node)


@allowing(type="string", pattern="^[0-9]+[smhdw]$")
def _assume_shown(node: Node) -> Micros:
    length = duration_of(node.text) if isinstance(node, Scalar) else None
    if length is None or not MINUTE <= length <= DAY:
        message = f"expected a length of time from 1m to 1d, found {described(node)}"
        raise Mistake((node.place, message))
    return length


@allowing(type="array", items={"type": "string"}, minItems=2, maxItems=2)
def _hours(node: Node) -> tuple[int, int]:
    """Two times of the day, in minutes."""
    ends = node.items if isinstance(node, ListNode) else ()
    if len(ends) != 2:
        message = f'expected two times like ["21:00", "08:00"], found {described(node)}'
        raise Mistake((node.place, message))
    start, end = _both(ends)
    if start == end:
        raise Mistake((ends[1].place, "the two times are the same"))
    return start, end


def _both(ends: Sequence[Node]) -> tuple[int, int]:
    """The two times; the mistakes of both are told."""
    times: list[int] = []
    wrong: list[tuple[Place, str]] = []
    for one in ends:
        try:
            times.append(time_of_day(one))
        except Mistake as mistake:
            wrong += mistake.found
    if wrong:
        raise Mistake(*wrong)
    start, end = times
    return start, end
