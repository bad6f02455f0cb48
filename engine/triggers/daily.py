"""Daily: when the clock sets off a trigger with `every`, and what stands for the day then.

A day is one of the trigger's timezone. It has one round, through all customers, from its time of the
day on; for a while, and never on the next day, a round may still be made up for.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from engine.contact.localtime import day_of
from engine.model import CustomerId, Event, EventId, Micros
from engine.rulebook.trigger import Daily, Trigger
from engine.triggers.triggers import DAY_ITSELF

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


class Round(NamedTuple):
    """What a daily trigger asks for on one day: it is to be made within [begins, ends)."""

    day: date
    begins: Micros
    ends: Micros

    def day_for(self, customer_id: CustomerId) -> Event:
        """The day as what happens to this customer, at its time of the day; in no log."""
        return Event(
            EventId(f"{self.day.isoformat()}:{customer_id}"), customer_id, self.begins, DAY_ITSELF
        )


class Walked(NamedTuple):
    """How far a daily trigger has come: all before `day` is over, of `day` all up to `behind`; None for all."""

    day: date
    behind: str | None


def turn_at(
    trigger: Trigger, daily: Daily, walked: Walked, now: Micros
) -> tuple[Round, str] | None:
    """The round to be made now, and how far it has come, "" for nowhere; None if there is none to be made."""
    due = round_at(trigger, daily, now)
    if due is None or due.day < walked.day:
        return None
    if due.day > walked.day:
        return due, ""
    return None if walked.behind is None else (due, walked.behind)


def round_at(trigger: Trigger, daily: Daily, now: Micros) -> Round | None:
    """The round that may be made now; None if it is too early for today's, or too late."""
    within = (one for one in _rounds(trigger, daily, now) if one.begins <= now < one.ends)
    return next(within, None)


def last_begun(trigger: Trigger, daily: Daily, now: Micros) -> date:
    """The last day whose time has come, however long ago."""
    return next(one.day for one in _rounds(trigger, daily, now) if one.begins <= now)


def _rounds(trigger: Trigger, daily: Daily, now: Micros) -> Iterator[Round]:
    """Today's, and those of the days before, of which the clocks may have been changed past midnight."""
    zone = ZoneInfo(daily.timezone)
    today = (_EPOCH + now * _MICRO).astimezone(zone).date()
    for back in range(3):
        day = today - back * _DAY
        begins = begin_of(day, daily.at, zone)
        _, midnight = day_of(begins, zone)
        yield Round(day, begins, min(begins + trigger.max_age, midnight))


def begin_of(day: date, minute: int, zone: ZoneInfo) -> Micros:
    """When a clock first shows this minute of the day; if none does, the next moment one shows.

    >>> dublin = ZoneInfo("Europe/Dublin")  # 01:30 was not on 29 March 2026, and is twice on 25 October
    >>> [str((_EPOCH + begin_of(day, 90, dublin) * _MICRO).time())
    ...  for day in (date(2026, 3, 29), date(2026, 10, 25))]
    ['01:00:00', '00:30:00']
    """
    wall = datetime.combine(day, time(*divmod(minute, 60)), tzinfo=zone)
    while wall.astimezone(UTC).astimezone(zone) != wall:
        wall += _MINUTE
    return (wall.astimezone(UTC) - _EPOCH) // _MICRO
