"""Assign: which customers a trial sets apart, by salted hash; nothing is stored.

A customer's lot is the number that BLAKE2b with 64 bits makes of the customer's id (UTF-8), with the
key `blake2b("SALT␟NAME␟FIRST DAY", 32 bytes)`, read as a fraction of 2⁶⁴, the most significant byte
first. ␟ is U+001F; the first day of the period is written 2026-11-01, and is empty for `forever`. Who
has a lot below the share is in. So anybody can work out again who was in, the same customer is in as
long as the period lasts, and trials of another name, salt or period draw independently.
"""

from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from engine.model import CustomerId, Micros

ENDLESS: Final = 1 << 62
"""The end of a period that has none."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_WHOLE: Final = 1 << 64


class Term(NamedTuple):
    """One period of a trial, [start, end); `name` is its first day, empty for one without an end."""

    start: Micros
    end: Micros
    name: str


def term_of(period: str, now: Micros, timezone: str) -> Term:
    """The period (one of `PERIODS`) around a moment. It begins at midnight there; a week on Monday.

    >>> [term_of(period, 0, "UTC").name for period in ("week", "quarter", "forever")]
    ['1969-12-29', '1970-01-01', '']
    """
    if period == "forever":
        return Term(-ENDLESS, ENDLESS, "")
    zone = ZoneInfo(timezone)
    first, after = _days(period, (_EPOCH + timedelta(microseconds=now)).astimezone(zone).date())
    return Term(_midnight(first, zone), _midnight(after, zone), first.isoformat())


def key_of(salt: str, name: str, term: str) -> bytes:
    """The key of a trial's lots in one period."""
    return blake2b(f"{salt}\x1f{name}\x1f{term}".encode(), digest_size=32).digest()


def lot(customer_id: CustomerId, key: bytes) -> float:
    """A customer's lot in [0, 1), the same whenever it is asked for."""
    drawn = blake2b(customer_id.encode(), digest_size=8, key=key).digest()
    return int.from_bytes(drawn, "big") / _WHOLE


def below(share: float) -> bytes:
    """What a drawn digest has to be below, byte by byte, for its lot to be below `share`.

    >>> below(0.5).hex(), below(1.0) > bytes.fromhex("ff" * 8)
    ('8000000000000000', True)
    """
    least = round(share * _WHOLE)
    return b"\xff" * 9 if least >= _WHOLE else least.to_bytes(8, "big")


def _days(period: str, day: date) -> tuple[date, date]:
    """The first day of a period, and that of the one after."""
    match period:
        case "day":
            return day, day + timedelta(days=1)
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=7)
        case "month":
            months = 1
        case "quarter":
            months = 3
        case _:
            months = 12
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return first, _later(first, months)


def _later(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> Micros:
    begins = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (begins.astimezone(UTC) - _EPOCH) // _MICRO
