"""What an attribute is kept from, in words, and how that differs between two books."""

from typing import Final

from engine.eligibility import show_length
from engine.model import Value
from engine.rulebook.book import Attribute
from engine.rulebook.window import Reckoning, Window

_MADE: Final = {
    Reckoning.COUNT: "counts {events}",
    Reckoning.SUM: "adds up {of} of {events}",
    Reckoning.DISTINCT: "counts different {of} of {events}",
    Reckoning.LAST: "goes by the last {events}",
}


def told_source(window: Window) -> str:
    """What is kept, with the length of time.

    >>> from engine.model import DAY
    >>> told_source(Window(("call", "visit"), Reckoning.COUNT, DAY, "", ("web",), (("n", (1, 2)),)))
    'counts call or visit on web where n is 1 or 2, of 1d'
    """
    subject = _subject(window)
    return f"{subject}{',' if window.where else ''} of {show_length(window.within)}"


def changed_source(was: Attribute, now: Attribute) -> str:
    """What an attribute is kept from now and was before; empty if that is the same.

    >>> from dataclasses import replace
    >>> from engine.model import DAY
    >>> from engine.rulebook.book import Kind, Type
    >>> day = Attribute(0, "calls", Type(Kind.INT), source=Window(("call",), Reckoning.COUNT, DAY))
    >>> changed_source(day, replace(day, source=replace(day.source, within=300 * DAY)))
    'counts call of 300d instead of 1d'
    """
    before, after = was.source, now.source
    if before == after:
        return ""
    if after is None or before is None:
        if after is not None:
            return f"is kept from events now: it {told_source(after)}"
        return f"is no longer kept from events; it was, and {told_source(before)}" if before else ""
    if _subject(before) == _subject(after):
        return f"{told_source(after)} instead of {show_length(before.within)}"
    return f"{told_source(after)}; before, it {told_source(before)}"


def _subject(window: Window) -> str:
    """What is kept, without the length of time."""
    said = _MADE[window.what].format(events=_either(window.events), of=window.of)
    if window.channels:
        said += f" on {_either(window.channels)}"
    if window.where:
        said += f" where {' and '.join(f'{name} is {_either(v)}' for name, v in window.where)}"
    return said


def _either(values: tuple[Value, ...] | tuple[str, ...]) -> str:
    return " or ".join(
        str(value).lower() if isinstance(value, bool) else str(value) for value in values
    )
