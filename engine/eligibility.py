"""Filter: why a candidate is out, every reason in the order of the funnel.

The serving path does not come here: `RuleBook.select_for` answers yes or no. This module tells the
story of each no, for explanations, from the same truths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.model import UNKNOWN, Micros, PlacementId, Reason, Stage, Value
from engine.rulebook.book import Action, Attribute, Condition, Kind, RuleBook, Treatment, Truth

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reasons(
    book: RuleBook,
    action: Action,
    placement: PlacementId,
    truths: Sequence[Truth],
    values: Sequence[Value],
    now: Micros,
) -> tuple[Treatment | None, tuple[Reason, ...]]:
    """The treatment that would be shown, or came nearest, and all that keeps `action` out."""
    treatments = [
        book.treatments[t] for t in action.treatments if book.treatments[t].placement == placement
    ]
    told = _availability(action, now)
    nearest: Treatment | None = None
    if not treatments:
        text = f"{action.action_id} has no treatment for {placement}"
        told.append(_plain(Stage.AVAILABILITY, "availability.no_treatment", text, action.place))
    else:
        attempts = [(t, _treatment(book, t, truths, values, now)) for t in treatments]
        nearest, missing = min(attempts, key=lambda attempt: len(attempt[1]))
        told += missing
    told += _failed(book, action.conditions, truths, values)
    return nearest, tuple(sorted(told, key=lambda reason: reason.stage))


def _availability(action: Action, now: Micros) -> list[Reason]:
    start, end = action.valid
    if start is not None and now < start:
        text = f"not valid before {show_moment(start)}"
    elif end is not None and now >= end:
        text = f"not valid since {show_moment(end)}"
    else:
        return []
    place = action.valid_place or action.place
    return [_plain(Stage.AVAILABILITY, "availability.valid", text, place)]


def _treatment(
    book: RuleBook,
    treatment: Treatment,
    truths: Sequence[Truth],
    values: Sequence[Value],
    now: Micros,
) -> list[Reason]:
    unwritten = (book.actions[treatment.action].place,) * len(treatment.needs)
    told = [
        _plain(Stage.AVAILABILITY, "availability.stopped", f"stopped: {stop}", stop.place)
        for stop in (book.stops[index] for index in treatment.stops)
        if stop.holds(now)
    ]
    told += _failed(book, treatment.conditions, truths, values)
    complete = True
    for index, place in zip(treatment.needs, treatment.need_places or unwritten, strict=True):
        if values[index] is UNKNOWN or values[index] is None:
            name = book.attributes[index].name
            text = f"the text of {treatment.treatment_id} names {name}, which is missing"
            reason = _plain(Stage.AVAILABILITY, "availability.text", text, place, unknown=True)
            told.append(replace(reason, saw=saw(book, [name], values)))
            complete = False
    if complete and treatment.fits and (problem := treatment.fits.misfit(values)):
        text = f"the text of {treatment.treatment_id} cannot be shown: {problem.message}"
        told.append(_plain(Stage.AVAILABILITY, "availability.text", text, problem.place))
    return told


def _failed(
    book: RuleBook, conditions: Sequence[int], truths: Sequence[Truth], values: Sequence[Value]
) -> list[Reason]:
    return [
        failed(book, book.conditions[index], truths[index], values)
        for index in conditions
        if truths[index] is not True
    ]


def failed(book: RuleBook, condition: Condition, truth: Truth, values: Sequence[Value]) -> Reason:
    """The reason a condition gives when it is false, or unknown."""
    return Reason(
        condition.stage,
        condition.code,
        truth is None,
        condition.text,
        condition.place,
        saw(book, condition.reads, values),
    )


def saw(book: RuleBook, names: Sequence[str], values: Sequence[Value]) -> Mapping[str, str]:
    """The named attributes with the values a rule saw, as people write them."""
    return {
        name: show(book.attributes[book.index[name]], values[book.index[name]]) for name in names
    }


def _plain(stage: Stage, code: str, detail: str, place: str, *, unknown: bool = False) -> Reason:
    return Reason(stage, code, unknown, detail, place, {})


def show(attribute: Attribute, value: Value) -> str:
    """A value as people write it: moments as ISO 8601 in UTC, lengths of time as `3d 4h`.

    >>> from engine.rulebook.book import Type
    >>> show(Attribute(0, "x", Type(Kind.DURATION)), 90_000_000_000)
    '1d 1h'
    >>> show(Attribute(0, "x", Type(Kind.BOOL)), UNKNOWN)
    'unknown'
    """
    if value is UNKNOWN:
        return "unknown"
    if value is None:
        return "null"
    if attribute.type.kind is Kind.TIMESTAMP and isinstance(value, int):
        return show_moment(value)
    if attribute.type.kind is Kind.DURATION and isinstance(value, int):
        return show_length(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return str(value)


def show_moment(moment: Micros) -> str:
    """A moment as ISO 8601 in UTC.

    >>> show_moment(0)
    '1970-01-01T00:00:00Z'
    """
    try:
        return (_EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{moment} µs"


def show_length(micros: Micros) -> str:
    """A length of time as people write it, seconds the smallest.

    >>> show_length(90_000_000)
    '1m 30s'
    """
    seconds = abs(micros) // 1_000_000
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if micros < 0 else "") + (" ".join(parts) or "0s")
