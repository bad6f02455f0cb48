"""Contact policies read a second time, as naively as can be: what no returned offer may violate.

Nothing here is shared with the engine. Whatever happened is one list of facts, and every question goes
through all of them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE


@dataclass
class Made:
    """One offer that was made; `outcomes` are (name, time) as they were reported."""

    who: str
    home: str
    action: Mapping[str, str]
    channel: str
    at: int
    decision: str
    outcomes: list[tuple[str, int]] = field(default_factory=list)

    def impressions(self, now, assume_shown):
        """When it was seen, as far as one must take it to have been."""
        seen = [time for name, time in self.outcomes if name == "impression"]
        if seen:
            return [min(seen)]
        if any(name == "not_delivered" for name, _ in self.outcomes):
            return []
        if self.outcomes:
            return [min(time for _, time in self.outcomes)]
        return [self.at] if now < self.at + assume_shown else []

    def reported(self, outcome):
        times = [time for name, time in self.outcomes if name == outcome]
        return [min(times)] if times else []


def wall(moment, zone):
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).astimezone(
        ZoneInfo(zone)
    )


def violated(policy, action, channel, made, now, assume_shown, zone, who, home):
    """Whether showing `action` on `channel` now would violate `policy`.

    `policy` is the mapping of policies.yaml, with lengths of time in microseconds; `action` a mapping
    with id, group, issue, family; `made` all offers ever made, of everybody.
    """
    if policy.get("channels") and channel not in policy["channels"]:
        return False
    zone = zone or policy.get("timezone", "UTC")
    if "between" in policy:
        clock = wall(now, zone).strftime("%H:%M")
        start, end = policy["between"]
        return start <= clock < end if start < end else clock >= start or clock < end
    mine = [m for m in made if _counts(m, policy, action, who, home)]
    counted = sorted(
        time
        for m in mine
        for time in (
            m.impressions(now, assume_shown)
            if policy["count"] == "impression"
            else m.reported(policy["count"])
        )
    )
    if "limit" in policy:
        today, week = wall(now, zone).date(), wall(now, zone).isocalendar()[:2]
        days = [wall(time, zone).date() for time in counted]
        weeks = [wall(time, zone).isocalendar()[:2] for time in counted]
        limit = policy["limit"]
        return days.count(today) >= limit.get("per_day", 10**9) or weeks.count(week) >= limit.get(
            "per_week", 10**9
        )
    lifting = [time for m in mine for time in m.reported(policy.get("without", "nothing"))]
    return any(
        _triggers(policy, counted, lifting, moment)
        and _still_rests(policy, mine, moment, now, zone)
        for moment in counted
    )


def _counts(m, policy, action, who, home):
    same_scope = {
        "action": lambda: m.action["id"] == action["id"],
        "group": lambda: m.action["group"] == action["group"],
        "issue": lambda: m.action["issue"] == action["issue"],
        "attribute": lambda: m.action["family"] == action["family"],
        "all": lambda: True,
    }[policy["scope"]]()
    same_subject = m.who == who or (
        policy.get("subject") == "household" and bool(home) and m.home == home
    )
    on_channel = not policy.get("channels") or m.channel in policy["channels"]
    return same_scope and same_subject and on_channel


def _triggers(policy, counted, lifting, moment):
    """Whether `at_least` counted outcomes up to `moment` lie close enough, with no lifting one among them."""
    window = [time for time in counted if moment - policy["within"] < time <= moment]
    return any(
        sum(time >= first for time in window) >= policy["at_least"]
        and not any(first <= time <= moment for time in lifting)
        for first in window
    )


def _still_rests(policy, mine, began, now, zone):
    pause = policy["pause"]
    if pause == "until_midnight":
        return wall(now, zone).date() <= wall(began, zone).date()
    if isinstance(pause, dict):
        if any(time >= began for m in mine for time in m.reported(pause["until"])):
            return False
        return pause.get("at_most") is None or now < began + pause["at_most"]
    return now < began + pause
