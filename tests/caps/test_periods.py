from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.caps.periods import ALWAYS, span_of
from engine.model import DAY, HOUR
from engine.rulebook.cap import Period
from engine.rulebook.times import moment_of

ZONES = [
    "UTC",
    "Africa/Lagos",
    "Europe/Dublin",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
]


def at(text: str) -> int:
    moment = moment_of(text)
    assert moment is not None
    return moment


@pytest.mark.parametrize(
    ("period", "zone", "now", "start", "end"),
    [
        (Period.DAY, "Africa/Lagos", "2026-11-21T23:30:00Z", "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z"),
        (Period.WEEK, "UTC", "2026-11-22T12:00:00Z", "2026-11-16", "2026-11-23"),
        (Period.MONTH, "UTC", "2026-12-31T12:00:00Z", "2026-12-01", "2027-01-01"),
        (Period.MONTH, "UTC", "2028-02-29T12:00:00Z", "2028-02-01", "2028-03-01"),
    ],
)  # fmt: skip
def test_a_period_begins_at_midnight_of_its_zone(period, zone, now, start, end):
    assert span_of(period, at(now), zone) == (at(start), at(end))


def test_a_day_on_which_the_clock_is_put_forward_has_23_hours():
    start, end = span_of(Period.DAY, at("2026-03-29T12:00:00Z"), "Europe/Dublin")
    assert end is not None
    assert end - start == 23 * HOUR


def test_a_total_has_one_period_for_ever():
    assert span_of(Period.TOTAL, at("2026-03-29"), "UTC") == ALWAYS


@given(
    st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH]),
    st.sampled_from(ZONES),
    st.integers(0, 40_000 * DAY),
)
def test_periods_follow_each_other_without_gap_or_overlap(period, zone, now):
    start, end = span_of(period, now, zone)
    assert end is not None
    assert start <= now < end
    assert span_of(period, start, zone) == (start, end)
    assert span_of(period, end, zone)[0] == end
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start)).astimezone(
        ZoneInfo(zone)
    )
    assert (local.minute, local.second) == (0, 0)
