"""Lengths of time and dates as rule files write them: `7d`, `2026-11-01`, `2026-11-01T08:00:00Z`."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.model import DAY, HOUR, MINUTE, SECOND, Micros

UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
LONGEST: Final = 100 * 365 * DAY
_DURATION = re.compile(r"([0-9]{1,10})([smhdw])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"( ?[Zz]|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", re.ASCII)


def duration_of(text: str) -> Micros | None:
    """Microseconds of a positive length of time like `90s 30m 12h 7d 2w`; None if it is none.

    >>> duration_of("2w") == 14 * DAY, duration_of("0d"), duration_of("7 days")
    (True, None, None)
    """
    match = _DURATION.fullmatch(text)
    length = int(match[1]) * UNITS[match[2]] if match else 0
    return length if 0 < length <= LONGEST else None


def is_date(text: str) -> bool:
    """Whether a text looks like a date without a time of day."""
    return _DATE.fullmatch(text) is not None


def zone_of(name: str) -> ZoneInfo | None:
    """The IANA time zone of this name; None if there is none.

    >>> zone_of("Africa/Lagos"), zone_of("Africa/Lagoss")
    (zoneinfo.ZoneInfo(key='Africa/Lagos'), None)
    """
    if not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None


def moment_of(text: str, zone: ZoneInfo | None = None, *, day_end: bool = False) -> Micros | None:
    """The moment a date or timestamp names; None if it names none.

    A timestamp without an offset, and a date, are read in `zone` (UTC if None). A date is its first
    instant, or with `day_end` the first instant after it (of the last day there is, its last).

    >>> moment_of("1970-01-02") == DAY, moment_of("1970-01-01", day_end=True) == DAY
    (True, True)
    >>> moment_of("1970-01-01T01:00:00+01:00"), moment_of("2026-02-30")
    (0, None)
    """
    try:
        if is_date(text):
            day = date.fromisoformat(text)
            if day_end and day == date.max:
                return (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
            day += timedelta(days=day_end)
            moment = datetime(day.year, day.month, day.day, tzinfo=zone or UTC)
        elif _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(text.upper().replace(" Z", "Z"))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone or UTC)
        else:
            return None
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
