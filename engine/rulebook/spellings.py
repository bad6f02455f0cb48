"""Times, days and zones as people write them elsewhere, and how a rule file writes them.

Each function ends a message: with what to write instead, or with nothing where that cannot be told.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from engine.rulebook.names import did_you_mean

_CLOCK: Final = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:[:.h](?P<minute>[0-9]{2})?)?\s*(?P<half>[ap]\.?m\.?)?", re.IGNORECASE
)
_LENGTH: Final = re.compile(r"(?P<count>[0-9]{1,4})\s*(?P<unit>[a-z]+)", re.IGNORECASE)
_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), (1, "s")),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), (1, "m")),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), (1, "h")),
    **dict.fromkeys(("d", "day", "days"), (1, "d")),
    **dict.fromkeys(("w", "week", "weeks"), (1, "w")),
    **dict.fromkeys(("mo", "month", "months"), (30, "d")),
    **dict.fromkeys(("y", "year", "years"), (365, "d")),
}
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})")
_SLASHED: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def clock_meant(written: str) -> str:
    """How to write a time of day.

    >>> clock_meant("9pm"), clock_meant("8:00"), clock_meant("24:00"), clock_meant("soon")
    (': write "21:00"', ': write "08:00"', ': write "00:00"', '')
    """
    match = _CLOCK.fullmatch(written.strip())
    if match is None:
        return ""
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            return ""
        hour = hour % 12 + (12 if match["half"].lower().startswith("p") else 0)
    if minute > 59 or hour * 60 + minute > 24 * 60:
        return ""
    return f': write "{hour % 24:02d}:{minute:02d}"'


def length_meant(written: str) -> str:
    """How to write a length of time; a bare number is taken for days.

    >>> length_meant("7 days"), length_meant("2 months"), length_meant("14"), length_meant("0d")
    (': write 7d', ': write 60d', ': write 14d if days are meant', '')
    """
    if re.fullmatch(r"[1-9][0-9]{0,3}", written):
        return f": write {written}d if days are meant"
    match = _LENGTH.fullmatch(written.strip())
    if match is None or int(match["count"]) == 0 or match["unit"].lower() not in _UNITS:
        return ""
    times, unit = _UNITS[match["unit"].lower()]
    return f": write {int(match['count']) * times}{unit}"


def day_meant(written: str) -> str:
    """How to write a day. Between slashes it is told only where day and month cannot be confused.

    >>> day_meant("01.12.2026"), day_meant("31/12/2026"), day_meant("01/12/2026")
    (': write 2026-12-01', ': write 2026-12-31', ': write the year first, then the month')
    >>> day_meant("2027-06-31"), day_meant("tomorrow")
    (': there is no such day', '')
    """
    if _ISO_DAY.fullmatch(written):
        return ": there is no such day"
    if match := _DAY_FIRST.fullmatch(written.strip()):
        days = [_day(match[3], match[2], match[1])]
    elif match := _SLASHED.fullmatch(written.strip()):
        days = [_day(match[3], match[2], match[1]), _day(match[3], match[1], match[2])]
    else:
        return ""
    told = {day for day in days if day is not None}
    if len(told) > 1:
        return ": write the year first, then the month"
    return f": write {told.pop()}" if told else ": there is no such day"


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def zone_meant(written: str, known: Iterable[str]) -> str:
    """Which time zone was probably meant: that of the city, or one spelt almost alike.

    A short name such as CEST is never taken for another one, which would be hours off.

    >>> zone_meant("lisbon", ["Europe/Lisbon"]), zone_meant("CEST", ["EST", "Europe/Vienna"])
    (" Did you mean 'Europe/Lisbon'?", ' Name a city, as in Europe/Dublin.')
    """
    zones = tuple(known)
    city = written.strip().lower().replace(" ", "_")
    for zone in sorted(zones):
        if zone.lower().rpartition("/")[2] == city:
            return f" Did you mean '{zone}'?"
    cities = (zone for zone in zones if "/" in zone)
    return did_you_mean(written, cities) or " Name a city, as in Europe/Dublin."
