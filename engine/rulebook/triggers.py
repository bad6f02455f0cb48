"""The key triggers of policies.yaml: decisions that something a customer did asks for, or the clock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from engine.model import DAY, HOUR, Micros, PlacementId
from engine.rulebook.book import Placement
from engine.rulebook.cel import Expect
from engine.rulebook.conditions import expression
from engine.rulebook.daily import read_daily
from engine.rulebook.expressions import Expressions
from engine.rulebook.fields import Fields, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, Node, Scalar
from engine.rulebook.readers import (
    allowed,
    allowing,
    duration_up_to,
    identifier,
    list_of,
    reference,
    words,
)
from engine.rulebook.report import Place, Report
from engine.rulebook.trigger import Daily, Trigger

if TYPE_CHECKING:
    from engine.rulebook.cel import Expression

USUAL_AGE: Final = DAY
"""How old an interaction may be that sets a trigger off, where the book does not say."""

USUAL_DELAY: Final = 12 * HOUR
"""How long after its time of the day a daily trigger is made up for, where the book does not say."""

LONGEST_REST: Final = 366 * DAY
"""The longest a trigger may be silent for a customer."""

OLDEST: Final = 7 * DAY
"""How old an interaction may at most be that sets a trigger off: older ones are refused when they come."""

_REST: Final = duration_up_to(LONGEST_REST, "a trigger can rest for 366d at most")
_AGE: Final = duration_up_to(OLDEST, "at most 7d: what is older is refused when it is reported")
_TYPES: Final = list_of(identifier, least=1)


@dataclass(frozen=True, slots=True)
class WrittenTrigger:
    """A trigger before its condition is compiled."""

    name: str
    title: str
    on: tuple[str, ...]
    when: Scalar | None
    placements: tuple[str, ...]
    channel: str
    rest: Micros
    max_age: Micros
    place: Place
    daily: Daily | None


class Triggered(NamedTuple):
    """The triggers of a book, and the conditions they ask, in the order of `Trigger.condition`."""

    triggers: tuple[Trigger, ...] = ()
    conditions: "tuple[Expression, ...]" = ()


@allowing(anyOf=(allowed(identifier), allowed(_TYPES)))
def interaction_types(node: Node) -> tuple[str, ...]:
    """One type of interaction, or a list of several."""
    return _TYPES(node) if isinstance(node, ListNode) else (identifier(node),)


def read_triggers(
    node: Node | None,
    placements: Mapping[str, Placement],
    placement_names: Names,
    book_zone: ZoneInfo | None,
    report: Report,
) -> tuple[WrittenTrigger, ...]:
    """The key triggers: by name, what sets each off and the placements it decides for."""
    return tuple(_read(node, placements, placement_names, book_zone, report))


def _read(
    node: Node | None,
    placements: Mapping[str, Placement],
    placement_names: Names,
    book_zone: ZoneInfo | None,
    report: Report,
) -> Iterator[WrittenTrigger]:
    for name, key, value in named(node, report, "triggers"):
        fields = Fields(value, report, f"trigger '{name}'", key.place)
        title = fields.take("title", words, "")
        on = fields.take("on", interaction_types, ())
        when = fields.take("when", expression, None)
        fields.refuse_nothing("when", "a condition")
        asked = fields.need("placements", list_of(reference(placement_names), least=1), ())
        rest = fields.take("rest", _REST, 0)
        max_age = fields.take("max_age", _AGE, None)
        daily = read_daily(fields, book_zone)
        channels = dict.fromkeys(placements[at].channel for at in asked if at in placements)
        if len(channels) > 1:
            message = f"these placements are of several channels ({', '.join(channels)}): a trigger decides for one"
            report.error(fields.place_of("placements"), message)
        fields.close()
        channel = next(iter(channels), "")
        age = max_age or (USUAL_DELAY if daily else USUAL_AGE)
        yield WrittenTrigger(name, title, on, when, asked, channel, rest, age, key.place, daily)


def triggers_of(written: Sequence[WrittenTrigger], expressions: Expressions) -> Triggered:
    """The triggers with their conditions; mistakes in these are reported."""
    counted = {a.name: a.source.events for a in expressions.attributes.declared if a.source}
    triggers: list[Trigger] = []
    conditions: list[Expression] = []
    for one in written:
        condition, counts, reads = None, frozenset[str](), tuple[str, ...]()
        if one.when is not None:
            asked = expressions.check(one.when, Expect.BOOL)
            if asked is None:
                continue
            condition, reads = len(conditions), asked.reads
            counts = frozenset(one.on).intersection(
                kind for name in asked.reads for kind in counted.get(name, ())
            )
            conditions.append(asked)
        triggers.append(
            Trigger(
                one.name,
                one.title,
                one.on,
                condition,
                counts,
                tuple(map(PlacementId, one.placements)),
                one.channel,
                one.rest,
                one.max_age,
                str(one.place),
                one.daily,
                one.when.text.strip() if one.when else "",
                reads,
            )
        )
    return Triggered(tuple(triggers), tuple(conditions))
