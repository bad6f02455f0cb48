"""Local time: when a customer's day and week begin, and what their clock shows."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.model import MINUTE, Micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def day_of(moment: Micros, zone: ZoneInfo) -> tuple[Micros, Micros]:
    """The local day a moment is in, [from, to): 23 or 25 hours long where the clocks are changed.

    >>> [edge / 3_600_000_000 for edge in day_of(0, ZoneInfo("Africa/Lagos"))]
    [-1.0, 23.0]
    """
    return _span(moment, zone, 0, 1)


def week_of(moment: Micros, zone: ZoneInfo) -> tuple[Micros, Micros]:
    """The local week a moment is in, from Monday to before the next Monday: [from, to)."""
    back = _local(moment, zone).weekday()
    return _span(moment, zone, -back, 7 - back)


def minute_of_day(moment: Micros, zone: ZoneInfo) -> int:
    """What the clock on the wall shows, in minutes after midnight, [0, 1440)."""
    local = _local(moment, zone)
    return local.hour * 60 + local.minute


def next_minute(moment: Micros) -> Micros:
    """The next full minute; wherever clocks are changed, they are changed at one."""
    return (moment // MINUTE + 1) * MINUTE


def _local(moment: Micros, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=moment)).astimezone(zone)


def _span(moment: Micros, zone: ZoneInfo, first: int, after: int) -> tuple[Micros, Micros]:
    """From the beginning of the day `first` days on to that of the day `after` days on."""
    today = _local(moment, zone).date()
    begins = (
        datetime.combine(today + timedelta(days=days), time(), tzinfo=zone)
        for days in (first, after)
    )
    start, end = ((begin - _EPOCH) // _MICRO for begin in begins)
    return start, end
