"""What contact policies say of themselves when they keep something out."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from engine.contact.holding import Held
from engine.contact.localtime import day_of, week_of
from engine.contact.rests import quiet_ends
from engine.eligibility import show_length, show_moment
from engine.model import Micros, Reason, Stage
from engine.rulebook.contact import FOREVER, ContactPolicy, QuietHours, Quota, Rest

_STAGE = Stage.CONSENT_AND_CONTACT


def rest_reason(
    held: Held, times: Sequence[Micros], until: Micros, now: Micros, zone: ZoneInfo | None
) -> Reason:
    """Why something rests; `times` are the counted outcomes, ascending."""
    policy, rule = held.policy, held.rule
    saw = {"until": "further notice" if until >= FOREVER else show_moment(until)}
    if times:
        saw["last"] = show_moment(times[-1])
    if isinstance(rule, Rest):
        recent = len(times) - bisect_right(times, (times[-1] if times else now) - rule.within)
        saw[rule.count] = f"{recent} in {show_length(rule.within)}"
        ending = rule.pause.until and f" or the outcome {rule.pause.until}"
    else:
        saw[rule.count] = _so_far(rule, times, now, zone or held.zone)
        ending = ""
    detail = f"{_title(policy)}; it rests until {saw['until']}{ending}"
    return Reason(_STAGE, policy.code, False, detail, policy.place, saw)


def unknown_reason(policy: ContactPolicy, until: Micros) -> Reason:
    """What is said where it cannot be told whether a policy is met."""
    detail = f"{_title(policy)}; what happened before cannot be told"
    saw = {} if until >= FOREVER else {"until": show_moment(until)}
    return Reason(_STAGE, policy.code, True, detail, policy.place, saw)


def quiet_reason(policy: ContactPolicy, hours: QuietHours, now: Micros, zone: ZoneInfo) -> Reason:
    """What quiet hours say."""
    until = show_moment(quiet_ends(hours, now, zone))
    span = f"{_clock(hours.start)} to {_clock(hours.end)}"
    detail = f"{_title(policy)}; {span} in {zone.key}, until {until}"
    return Reason(_STAGE, policy.code, False, detail, policy.place, {"until": until})


def nowhere_reason(policy: ContactPolicy, zone: str) -> Reason:
    """What quiet hours say where the customer's time zone is none that is known."""
    detail = (
        f"{_title(policy)}; '{zone[:60]}' is no time zone: what time it is there cannot be told"
    )
    return Reason(_STAGE, policy.code, True, detail, policy.place, {})


def _so_far(quota: Quota, times: Sequence[Micros], now: Micros, zone: ZoneInfo) -> str:
    """How often it was today and this week, as far as the quota asks."""
    counted = [
        f"{len(times) - bisect_left(times, period_of(now, zone)[0])} {name}"
        for allowed, period_of, name in (
            (quota.per_day, day_of, "today"),
            (quota.per_week, week_of, "this week"),
        )
        if allowed
    ]
    return ", ".join(counted)


def _title(policy: ContactPolicy) -> str:
    return policy.title or policy.name


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
