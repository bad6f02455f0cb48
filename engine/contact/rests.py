"""Rests: what contact policies say, as pure functions of the times things happened."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from engine.contact.localtime import day_of, minute_of_day, next_minute, week_of
from engine.model import DAY, Micros
from engine.rulebook.contact import FOREVER, QuietHours, Quota, Rest

NEVER: Final[Micros] = -(2**62)
"""Earlier than any moment there has been: the end of a rest that did not begin."""

_DAYS_AHEAD: Final = 2


def rest_ends(
    times: Sequence[Micros],
    rest: Rest,
    zone: ZoneInfo,
    *,
    lifting: Sequence[Micros] = (),
    ended: Micros = NEVER,
) -> Micros:
    """When the last rest ends that these counted outcomes began; `NEVER` if there is none.

    `times` and `lifting` ascend: the latter are when the outcome `without` came in the same scope.
    `ended` is when `pause.until` last came there, `NEVER` if it did not.

    A rest begins with an outcome that is, together with those before it, one of `at_least` within
    `within`, with none of `lifting` among them; neither that time rolls on nor a later one of
    `lifting` undoes it. It ends after the pause's length, or with the local day it began on, or with
    an outcome `until` at or after its beginning, whichever is first.

    >>> from engine.rulebook.contact import Pause
    >>> three_in_ten = Rest("impression", 3, 10, Pause(100))
    >>> rest_ends([1, 5, 9], three_in_ten, ZoneInfo("UTC"))
    109
    >>> rest_ends([1, 5, 11], three_in_ten, ZoneInfo("UTC")) == NEVER
    True
    """
    began = _last_beginning(times, rest, lifting)
    if began == NEVER or (rest.pause.until and ended >= began):
        return NEVER
    if rest.pause.midnight:
        return day_of(began, zone)[1]
    return min(began + rest.pause.length, FOREVER)


def _last_beginning(times: Sequence[Micros], rest: Rest, lifting: Sequence[Micros]) -> Micros:
    """When the last rest began. Later beginnings have later ends, so the last one is all that counts."""
    for last in range(len(times) - 1, rest.at_least - 2, -1):
        first, moment = times[last - rest.at_least + 1], times[last]
        if moment - first < rest.within:
            before = bisect_right(lifting, moment)
            if not before or lifting[before - 1] < first:
                return moment
    return NEVER


def rest_room(times: Sequence[Micros], rest: Rest, now: Micros, lifted: Micros) -> int:
    """How many more counted outcomes, all of them now, begin a rest."""
    since = max(bisect_right(times, lifted), bisect_right(times, now - rest.within))
    return rest.at_least - (len(times) - since)


def horizon(rule: Rest | Quota) -> Micros:
    """How long an outcome can matter, at most, counted from when it came."""
    if isinstance(rule, Quota):
        return (7 if rule.per_week else 1) * DAY + DAY
    length = 2 * DAY if rule.pause.midnight else rule.pause.length
    return min(rule.within + length, FOREVER)


def quota_ends(times: Sequence[Micros], quota: Quota, zone: ZoneInfo) -> Micros:
    """When the last day or week ends that has as many as the quota allows; `NEVER` if none has.

    Of days and weeks only the last ones with any outcome are looked at: earlier ones are over.
    """
    ends = NEVER
    for allowed, period_of in ((quota.per_day, day_of), (quota.per_week, week_of)):
        count = len(times)
        for _ in range(_DAYS_AHEAD if allowed else 0):
            if not allowed or count < allowed:
                break
            start, end = period_of(times[count - 1], zone)
            before = bisect_left(times, start, hi=count)
            if count - before >= allowed:
                ends = max(ends, end)
                break
            count = before
    return ends


def quota_room(times: Sequence[Micros], quota: Quota, zone: ZoneInfo, now: Micros) -> int:
    """How many more counted outcomes, all of them now, fill the day or the week."""
    rooms = [
        allowed - (len(times) - bisect_left(times, period_of(now, zone)[0]))
        for allowed, period_of in ((quota.per_day, day_of), (quota.per_week, week_of))
        if allowed
    ]
    return min(rooms)


def is_quiet(hours: QuietHours, now: Micros, zone: ZoneInfo) -> bool:
    """Whether the clock on the wall stands within the quiet hours.

    >>> is_quiet(QuietHours(21 * 60, 8 * 60), 0, ZoneInfo("UTC"))
    True
    """
    minute = minute_of_day(now, zone)
    if hours.start < hours.end:
        return hours.start <= minute < hours.end
    return minute >= hours.start or minute < hours.end


def quiet_ends(hours: QuietHours, now: Micros, zone: ZoneInfo) -> Micros:
    """The first full minute after `now` that is not quiet; for explanations, it takes its time."""
    moment = next_minute(now)
    while is_quiet(hours, moment, zone):
        moment = next_minute(moment)
    return moment
