"""Rests, quotas and quiet hours at their edges: the ends of windows, days and clock changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from engine.contact.localtime import day_of, minute_of_day, week_of
from engine.contact.rests import (
    NEVER,
    is_quiet,
    quiet_ends,
    quota_ends,
    quota_room,
    rest_ends,
    rest_room,
)
from engine.model import DAY, HOUR, MINUTE
from engine.rulebook.contact import Pause, QuietHours, Quota, Rest

DUBLIN, UTC = ZoneInfo("Europe/Dublin"), ZoneInfo("UTC")
THREE = Rest("impression", 3, 10, Pause(100))


def at(text, zone=DUBLIN):
    """A local time as microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000


def ends(times, rest=THREE, *, lifting=(), ended=NEVER, zone=UTC):
    return rest_ends(times, rest, zone, lifting=lifting, ended=ended)


@pytest.mark.parametrize(
    ("times", "end"),
    [
        ([], NEVER),
        ([1, 2], NEVER),
        ([1, 2, 3], 103),
        ([1, 2, 10], 110),
        ([1, 2, 11], NEVER),
        ([1, 2, 3, 50], 103),
        ([1, 2, 3, 50, 51, 52], 152),
        ([5, 5, 5], 105),
    ],
)
def test_a_rest_begins_with_the_last_of_enough_within_the_window(times, end):
    assert ends(times) == end


@pytest.mark.parametrize(
    ("lifting", "end"),
    [([0], 103), ([1], NEVER), ([3], NEVER), ([0, 2], NEVER), ([4], 103), ([0, 50], 103)],
)
def test_a_rest_begins_where_no_lifting_outcome_came_among_those_counted(lifting, end):
    assert ends([1, 2, 3], lifting=lifting) == end


def test_enough_after_the_lifting_outcome_is_enough():
    assert ends([1, 2, 3, 4], lifting=[1]) == 104
    assert ends([1, 2, 3, 50, 51], lifting=[40]) == 103


@pytest.mark.parametrize(("ended", "end"), [(2, 103), (3, NEVER), (4, NEVER)])
def test_an_outcome_at_or_after_the_beginning_ends_the_rest(ended, end):
    assert (
        ends([1, 2, 3], Rest("impression", 3, 10, Pause(100, until="accept")), ended=ended) == end
    )


@pytest.mark.parametrize(
    ("seen", "midnight"),
    [
        ("2026-03-28T23:59", "2026-03-29T00:00"),
        ("2026-03-29T00:00", "2026-03-30T00:00"),  # 23 hours
        ("2026-10-25T00:30", "2026-10-26T00:00"),  # 25 hours
    ],
)
def test_until_midnight_is_the_next_one_on_the_wall(seen, midnight):
    once = Rest("impression", 1, HOUR, Pause(2 * DAY, midnight=True))
    assert ends([at(seen)], once, zone=DUBLIN) == at(midnight)


def test_how_many_more_begin_a_rest():
    assert rest_room([], THREE, 100, NEVER) == 3
    assert rest_room([91, 95], THREE, 100, NEVER) == 1
    assert rest_room([90, 95], THREE, 100, NEVER) == 2
    assert rest_room([91, 95], THREE, 100, 91) == 2


def test_days_and_weeks_are_those_of_the_calendar():
    start, end = day_of(at("2026-03-29T12:00"), DUBLIN)
    assert end - start == 23 * HOUR
    start, end = week_of(at("2026-10-25T23:30"), DUBLIN)
    assert (start, end) == (at("2026-10-19T00:00"), at("2026-10-26T00:00"))
    assert end - start == 7 * DAY + HOUR
    assert minute_of_day(at("2026-06-01T13:05"), DUBLIN) == 13 * 60 + 5


def test_a_quota_is_full_until_the_day_or_week_is_over():
    sunday = [at("2026-11-22T10:00"), at("2026-11-22T11:00")]
    two_a_day = Quota("impression", per_day=2)
    assert quota_ends(sunday, two_a_day, DUBLIN) == at("2026-11-23T00:00")
    assert quota_ends(sunday[:1], two_a_day, DUBLIN) == NEVER
    three_a_week = Quota("impression", per_week=3)
    assert quota_ends([at("2026-11-16T00:00"), *sunday], three_a_week, DUBLIN) == at(
        "2026-11-23T00:00"
    )
    assert quota_ends([at("2026-11-15T23:59"), *sunday], three_a_week, DUBLIN) == NEVER
    both = Quota("impression", per_day=2, per_week=2)
    monday = [at("2026-11-16T10:00"), at("2026-11-17T10:00")]
    assert quota_ends(monday, both, DUBLIN) == at("2026-11-23T00:00")
    assert quota_room(monday, Quota("impression", 3, 4), DUBLIN, at("2026-11-17T12:00")) == 2


def test_yesterday_is_full_until_its_end_although_tomorrow_has_one_too():
    """Callers' clocks may be some minutes ahead."""
    times = [at("2026-11-22T23:58"), at("2026-11-22T23:59"), at("2026-11-23T00:01")]
    assert quota_ends(times, Quota("impression", 2), DUBLIN) == at("2026-11-23T00:00")


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [("20:59", False), ("21:00", True), ("00:00", True), ("07:59", True), ("08:00", False)],
)
def test_quiet_hours_over_midnight(clock, quiet):
    night = QuietHours(21 * 60, 8 * 60)
    assert is_quiet(night, at(f"2026-11-21T{clock}"), DUBLIN) is quiet


def test_quiet_hours_go_by_the_clock_on_the_wall_when_it_is_changed():
    early = QuietHours(0, 90)
    before = at("2026-03-29T00:59")
    assert is_quiet(early, before, DUBLIN)
    assert not is_quiet(early, before + MINUTE, DUBLIN)  # 01:00 does not come, 02:00 does
    assert quiet_ends(early, at("2026-03-29T00:10"), DUBLIN) == before + MINUTE
    twice = at("2026-10-25T01:10")
    assert is_quiet(early, twice, DUBLIN)
    assert is_quiet(early, twice + HOUR, DUBLIN)
    assert quiet_ends(early, twice, DUBLIN) == at("2026-10-25T01:30")
