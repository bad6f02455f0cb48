"""The clause `from:` of an attribute: the events it is kept from, checked against its type."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from engine.interactions import LONGEST_TEXT, MOST, MOST_DETAILS, is_kept
from engine.model import DAY, UNKNOWN, Value
from engine.rulebook.attributes import Attributes, protected_problem, written_value
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.fields import Fields, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, MapNode, Node
from engine.rulebook.placements import channel_reader
from engine.rulebook.readers import (
    Reader,
    allowed,
    allowing,
    duration_up_to,
    identifier,
    list_of,
    scalar,
)
from engine.rulebook.report import Mistake, Report
from engine.rulebook.window import LONGEST, Reckoning, Window

T = TypeVar("T")
_CHOICES: Final = "'count', 'sum', 'distinct' or 'last'"
_NUMBERS: Final = frozenset({Kind.INT, Kind.DOUBLE, Kind.DURATION})
_FITTING: Final = {
    Reckoning.COUNT: (frozenset({Kind.INT}), "a count of events is an int"),
    Reckoning.DISTINCT: (frozenset({Kind.INT}), "a number of different values is an int"),
    Reckoning.SUM: (_NUMBERS, "a sum is an int, a double or a duration"),
    Reckoning.LAST: (
        frozenset({Kind.TIMESTAMP, Kind.DURATION}),
        "when an event last happened is a timestamp, or a duration since then",
    ),
}
_NOT_BESIDE: Final = {
    "max_age": "never gets old",
    "range": "has no range but what happens",
}
_within: Final = duration_up_to(LONGEST, f"at most {LONGEST // DAY}d can be looked back")
_COUNTABLE: Final = (0.0, MOST + 1.0)
"""What a count can be: all that is kept, and the interaction that comes with a question."""


class Clause(NamedTuple):
    """A `from:` as it is written, among the keys of the attribute at this place."""

    place: int
    keys: Fields
    node: Node


def with_windows(attributes: Attributes, clauses: Iterable[Clause]) -> Attributes:
    """The attributes with what is kept from events; what is wrong with the clauses is reported.

    Where there are no events, a count or a sum is 0, which is known. Counts have the range they can
    have, so that conditions no count can meet are found.
    """
    declared = list(attributes.declared)
    for clause in clauses:
        window = _window(clause.node, attributes, clause.keys.report)
        attribute = declared[clause.place]
        if window is not None and attributes.named(attribute.name) is not None:
            declared[clause.place] = _kept(attribute, window, clause, attributes)
    return replace(attributes, declared=tuple(declared))


def remark_outcomes(attributes: Attributes, outcomes: Names, report: Report) -> None:
    """Remarks events that have the name of an outcome: answers to offers are no events of a window."""
    for attribute in attributes.declared:
        for event in attribute.source.events if attribute.source else ():
            if event in outcomes.known:
                message = (
                    f"'{event}' is also an outcome: interactions of this type are counted here, and no"
                    " answers to offers"
                )
                report.notice(
                    f"window {attribute.name}", attributes.places[attribute.name], message
                )


def _window(node: Node, attributes: Attributes, report: Report) -> Window | None:
    """The clause itself; None if it has mistakes, which are reported."""
    before = report.errors
    fields = Fields(node, report, "'from'")
    events = fields.need("event", _one_or_more(identifier), ())
    asked = [
        (what, length)
        for what in Reckoning
        if (length := fields.take(what, _within, None)) is not None
    ]
    of = fields.take("of", identifier, "")
    channels = fields.take("channel", _one_or_more(channel_reader(attributes)), ())
    where = tuple(_where(fields, attributes, report))
    fields.close()
    if report.errors > before:
        return None
    if len(asked) != 1:
        said = "takes only one of" if asked else "needs the key"
        report.error(fields.place, f"'from' {said} {_CHOICES}, as in count: 7d")
        return None
    what, within = asked[0]
    if bool(of) is not what.of_attribute:
        report.error(fields.key_place("of" if of else what), _about_of(what))
        return None
    return Window(events, what, within, of, channels, where)


def _about_of(what: Reckoning) -> str:
    match what:
        case Reckoning.SUM:
            return "'sum' needs 'of': the attribute of the events that is added up"
        case Reckoning.DISTINCT:
            return "'distinct' needs 'of': the attribute of the events whose values are told apart"
        case Reckoning.COUNT | Reckoning.LAST:
            return f"'{what}' is made of the events themselves: it has no 'of'"


def _kept(
    attribute: Attribute, window: Window, clause: Clause, attributes: Attributes
) -> Attribute:
    """The attribute as its window keeps it; as it was where its type does not fit."""
    keys, report, what, type_ = clause.keys, clause.keys.report, window.what, attribute.type
    kinds, said = _FITTING[what]
    if type_.kind not in kinds:
        report.error(keys.key_place("from"), f"{said}, not a {type_}")
        return attribute
    if window.of and (problem := _of_problem(window, type_, attributes.named(window.of))):
        report.error(Fields(clause.node, Report(), "").place_of("of"), problem)
    for key, said in _NOT_BESIDE.items():
        if key in keys:
            report.error(keys.key_place(key), f"what is kept from events {said}")
    if what is Reckoning.LAST:
        return replace(attribute, source=window)
    if attribute.nullable:
        said = "without events this is 0, never null: leave 'nullable' out"
        report.error(keys.key_place("nullable"), said)
    nothing = 0.0 if type_.kind is Kind.DOUBLE else 0
    if attribute.default not in (UNKNOWN, None, nothing):
        report.error(keys.place_of("default"), "without events this is 0: leave the default out")
    span = None if what is Reckoning.SUM else _COUNTABLE
    return replace(attribute, source=window, default=nothing, range=span)


def _of_problem(window: Window, type_: Type, declared: Attribute | None) -> str:
    """Why an attribute declared like this cannot be what is summed or told apart; empty if it can."""
    if declared is None:
        return ""
    found = declared.type
    if declared.protected:
        return protected_problem(declared)
    if found.element is not None:
        return f"'{window.of}' is a {found}: only single values are kept of events"
    if window.what is not Reckoning.SUM or found == type_:
        return ""
    if found.kind not in _NUMBERS:
        return f"'{window.of}' is a {found}: only numbers can be summed"
    whole_in_double = (found.kind, type_.kind) == (Kind.INT, Kind.DOUBLE)
    return (
        "" if whole_in_double else f"'{window.of}' is a {found}, and so is its sum, not a {type_}"
    )


def _where(
    fields: Fields, attributes: Attributes, report: Report
) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """The attributes the events must have, each with the values that will do."""
    node = fields.node("where")
    fields.refuse_nothing("where", "what the events must have")
    if isinstance(node, MapNode) and not node.entries and node.whole:
        said = "'where' says nothing: write what the events must have or leave the key out"
        report.error(node.place, said)
    if isinstance(node, MapNode) and len(node.entries) > MOST_DETAILS:
        said = (
            f"of an event only {MOST_DETAILS} attributes are kept: none has all {len(node.entries)}"
        )
        report.error(node.place, said)
    for name, key, value in named(node, report, "attributes and the values they must have"):
        declared = attributes.named(name)
        if declared is not None and declared.protected:
            report.error(key.place, protected_problem(declared))
            continue
        try:
            yield name, _one_or_more(_value(name, declared))(value)
        except Mistake as mistake:
            report.mistake(mistake)


def _value(name: str, declared: Attribute | None) -> Reader[Value]:
    """A value an event can have: of the declared type where that is declared, and small enough to be kept."""

    def read(node: Node) -> Value:
        found = scalar(node).value if declared is None else written_value(node, declared)
        if isinstance(found, str) and len(found) > LONGEST_TEXT:
            message = f"of events only texts of up to {LONGEST_TEXT} characters are kept"
            raise Mistake((node.place, message))
        if declared is not None and declared.type.kind is Kind.TIMESTAMP:
            raise Mistake((node.place, f"'{name}' is a timestamp: of events no times are kept"))
        if not is_kept(name, found):
            message = "no event has this: only truths, numbers up to 10^15 and short texts are kept"
            raise Mistake((node.place, message))
        return found

    return read


def _one_or_more(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """One value, or a list of several."""
    several = list_of(reader, least=1)

    def read(node: Node) -> tuple[T, ...]:
        return several(node) if isinstance(node, ListNode) else (reader(node),)

    return allowing(anyOf=(allowed(reader), allowed(several)))(read)
