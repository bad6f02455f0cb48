"""The day, week or month a moment lies in, by the calendar of a time zone."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from engine.model import Micros
from engine.rulebook.cap import Period

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)


class Span(NamedTuple):
    """The half-open span [start, end) of time; `end` is None if there is none."""

    start: Micros
    end: Micros | None


ALWAYS: Final = Span(0, None)
"""The one period of a total."""


def span_of(period: Period, now: Micros, timezone: str) -> Span:
    """The period around `now`. It begins at midnight there; a week on Monday.

    >>> DAY = 86_400_000_000
    >>> span_of(Period.DAY, 0, "UTC") == (0, DAY), span_of(Period.WEEK, 0, "UTC") == (-3 * DAY, 4 * DAY)
    (True, True)
    >>> span_of(Period.MONTH, 40 * DAY, "UTC") == (31 * DAY, 59 * DAY)
    True
    """
    if period is Period.TOTAL:
        return ALWAYS
    local = (_EPOCH + timedelta(microseconds=now)).astimezone(ZoneInfo(timezone)).date()
    return _span(period, local, timezone)


def over(span: Span, now: Micros) -> float:
    """The share of a span that is over, in [0, 1]; 1 for one without an end.

    >>> over(Span(100, 200), 150), over(Span(100, None), 150)
    (0.5, 1.0)
    """
    start, end = span
    if end is None or end <= start:
        return 1.0
    return min(max((now - start) / (end - start), 0.0), 1.0)


@lru_cache(maxsize=256)
def _span(period: Period, day: date, timezone: str) -> Span:
    match period:
        case Period.WEEK:
            first = day - timedelta(days=day.weekday())
            after = first + timedelta(days=7)
        case Period.MONTH:
            first = day.replace(day=1)
            after = (first + timedelta(days=31)).replace(day=1)
        case _:
            first, after = day, day + timedelta(days=1)
    return Span(_midnight(first, timezone), _midnight(after, timezone))


def _midnight(day: date, timezone: str) -> Micros:
    """When a day begins; where midnight is skipped, the instant that is skipped to."""
    begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return (begins.astimezone(UTC) - _EPOCH) // _MICRO
