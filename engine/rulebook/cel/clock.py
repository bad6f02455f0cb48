"""Time in the rule language: its literals, time zones and calendar, on whole microseconds.

Timestamps lie in the years 1 to 9999 of UTC, durations within 64 bits of nanoseconds (292 years):
beyond that implementations of CEL differ, and here there is no value (None). What needs nanoseconds
is refused as well: it cannot be told apart in microseconds.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from engine.model import DAY, HOUR, MINUTE, SECOND, Micros

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
FIRST_TIMESTAMP: Final = -62_135_596_800 * SECOND
LAST_TIMESTAMP: Final = 253_402_300_800 * SECOND - 1
LONGEST_DURATION: Final = (2**63 - 1) // 1000
"""Durations are plus or minus so many microseconds, some 292 years: 64 bits of nanoseconds."""

_TIMESTAMP: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_DURATION: Final = re.compile(
    r"[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|ns))+)", re.ASCII
)
_DURATION_PART: Final = re.compile(r"(\d*)(?:\.(\d*))?(h|ms|m|s|us|ns)", re.ASCII)
_OFFSET: Final = re.compile(r"([+-]?)(\d\d?):(\d\d)", re.ASCII)
_NANOSECONDS: Final = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}


def timestamp_of_text(text: str) -> Micros | None:
    """RFC 3339, e.g. `2026-12-01T09:00:00+01:00`; None if it is not that, or out of range.

    >>> timestamp_of_text("1970-01-02T00:00:00.5Z")
    86400500000
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    micros = _micros_of_fraction(match[7] or "")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    if micros is None:
        return None
    offset = 0
    if match[8]:
        if int(match[9]) > 23 or int(match[10]) > 59:
            return None
        offset = (int(match[9]) * HOUR + int(match[10]) * MINUTE) * (-1 if match[8] == "-" else 1)
    return timestamp_in_range((moment - EPOCH) // MICROSECOND + micros - offset)


def _micros_of_fraction(digits: str) -> int | None:
    """The digits behind a decimal point of seconds, in µs; None if they say nanoseconds."""
    padded = digits.ljust(9, "0")
    return None if padded[6:] != "000" else int(padded[:6])


def timestamp_in_range(value: int) -> Micros | None:
    """The timestamp itself, or None if it lies outside the years 1 to 9999."""
    return value if FIRST_TIMESTAMP <= value <= LAST_TIMESTAMP else None


def timestamp_of_date(text: str) -> Micros | None:
    """Midnight UTC of a date written `2026-12-01`; None if there is no such date.

    >>> timestamp_of_date("1970-01-03") == 2 * DAY
    True
    """
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        return (date.fromisoformat(text) - EPOCH.date()) // MICROSECOND
    except ValueError:
        return None


def duration_of_text(text: str) -> Micros | None:
    """A duration as CEL writes it, `1h30m` or `-1.5s` (units `h m s ms us ns`); None if it is not.

    >>> duration_of_text("1h30m") == 90 * MINUTE
    True
    >>> duration_of_text("60d")
    """
    if not _DURATION.fullmatch(text):
        return None
    nanoseconds = 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        scale = _NANOSECONDS[unit]
        nanoseconds += int(whole or 0) * scale
        part, remainder = divmod(int(fraction or 0) * scale, 10 ** len(fraction))
        if remainder:
            return None
        nanoseconds += part
    micros, rest = divmod(nanoseconds, 1000)
    if rest or micros > LONGEST_DURATION:
        return None
    return -micros if text[0] == "-" else micros


def span(count: int, unit: Micros) -> Micros | None:
    """`count` times `unit`, None if that is longer than a duration may be."""
    length = count * unit
    return length if -LONGEST_DURATION <= length <= LONGEST_DURATION else None


@lru_cache(maxsize=512)
def zone(name: str) -> tzinfo | None:
    """A time zone by IANA name (`Europe/Vienna`) or fixed offset (`+01:00`), "" for UTC; else None."""
    if not name:
        return UTC
    if match := _OFFSET.fullmatch(name):
        hours, minutes = int(match[2]), int(match[3])
        if hours > 23 or minutes > 59:
            return None
        sign = -1 if match[1] == "-" else 1
        return timezone(sign * timedelta(hours=hours, minutes=minutes))
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+\-/]*", name, re.ASCII) or name == "localtime":
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None


def local(moment: Micros, place: tzinfo | None = None) -> datetime | None:
    """The calendar's reading of a timestamp in a time zone, UTC if none; None outside years 1-9999."""
    try:
        utc = EPOCH + moment * MICROSECOND
        return utc if place is None else utc.astimezone(place)
    except OverflowError:
        return None


def full_year(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The year, e.g. 2026."""
    return None if (at := local(moment, place)) is None else at.year


def month(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The month, 0 for January to 11 for December."""
    return None if (at := local(moment, place)) is None else at.month - 1


def date_of_month(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The day of the month, 1 to 31."""
    return None if (at := local(moment, place)) is None else at.day


def day_of_month(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The day of the month counted from 0: 0 to 30."""
    return None if (at := local(moment, place)) is None else at.day - 1


def day_of_week(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The day of the week, 0 for Sunday to 6 for Saturday."""
    return None if (at := local(moment, place)) is None else at.isoweekday() % 7


def day_of_year(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The day of the year counted from 0: 0 to 365."""
    return None if (at := local(moment, place)) is None else at.timetuple().tm_yday - 1


def hours(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The hour of the day, 0 to 23."""
    return None if (at := local(moment, place)) is None else at.hour


def minutes(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The minute of the hour, 0 to 59."""
    return None if (at := local(moment, place)) is None else at.minute


def seconds(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The second of the minute, 0 to 59."""
    return None if (at := local(moment, place)) is None else at.second


def milliseconds(moment: Micros, place: tzinfo | None = None) -> int | None:
    """The millisecond of the second, 0 to 999."""
    return None if (at := local(moment, place)) is None else at.microsecond // 1000


def whole(length: Micros, unit: Micros) -> int:
    """How many whole units a duration lasts, towards zero.

    >>> whole(-90 * SECOND, MINUTE)
    -1
    """
    return length // unit if length >= 0 else -(-length // unit)


def milliseconds_of_duration(length: Micros) -> int:
    """The milliseconds beyond whole seconds, with the duration's sign: -999 to 999."""
    return whole(length - whole(length, SECOND) * SECOND, 1000)


def text_of_timestamp(moment: Micros) -> str | None:
    """RFC 3339 in UTC, the fraction in 3 or 6 digits or none.

    >>> text_of_timestamp(1_500_000)
    '1970-01-01T00:00:01.500Z'
    """
    at = local(moment)
    if at is None:
        return None
    return f"{at.year:04}{at:-%m-%dT%H:%M:%S}{_fraction(at.microsecond)}Z"


def text_of_duration(length: Micros) -> str:
    """Seconds with the fraction in 3 or 6 digits or none.

    >>> text_of_duration(-1_500_000)
    '-1.500s'
    """
    whole_seconds, micros = divmod(abs(length), SECOND)
    return f"{'-' if length < 0 else ''}{whole_seconds}{_fraction(micros)}s"


def _fraction(micros: int) -> str:
    if not micros:
        return ""
    return f".{micros // 1000:03}" if micros % 1000 == 0 else f".{micros:06}"


UNITS: Final = {"days": DAY, "hours": HOUR, "minutes": MINUTE}
"""What the functions `days(n) hours(n) minutes(n)` count, in microseconds."""
