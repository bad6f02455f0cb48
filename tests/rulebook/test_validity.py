"""Dates in a book are days of the book's time zone, the last one included."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import Micros
from engine.rulebook.book import RuleBook
from tests.rulebook.builders import action, book

ZONES = ("UTC", "Europe/Dublin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
SECOND = 1_000_000


def micros(local: datetime) -> Micros:
    return (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def dated(zone: str | None, **valid: str) -> RuleBook:
    policies = {} if zone is None else {"timezone": zone}
    return book(policies=policies, actions=[action("a", valid=valid)])


def is_valid(rules: RuleBook, now: Micros) -> bool:
    begin, end = rules.actions[0].valid
    return (begin is None or now >= begin) and (end is None or now < end)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.integers(0, 40),
    st.integers(0, 27 * 30 * 24 * 60),
)
def test_valid_is_from_the_first_to_the_last_day_there(
    zone: str, own: str, begin: date, days: int, minutes: int
) -> None:
    end = begin + timedelta(days=days)
    now = datetime(2025, 12, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    written = {"from": begin.isoformat(), "to": end.isoformat()}
    for rules, meant in (
        (dated(zone, **written), zone),
        (dated(zone, **written, timezone=own), own),
        (dated(None, **written), "UTC"),
    ):
        today = now.astimezone(ZoneInfo(meant)).date()
        assert is_valid(rules, micros(now)) == (begin <= today <= end)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-21", 24)]
)
def test_a_day_is_as_long_as_the_clocks_say(day: str, hours: int) -> None:
    begin, end = dated("Europe/Dublin", **{"from": day, "to": day}).actions[0].valid
    assert begin is not None
    assert end is not None
    assert end - begin == hours * 3600 * SECOND


def test_a_time_with_an_offset_is_that_time() -> None:
    begin, _ = dated("Europe/Dublin", **{"from": "2026-07-01T00:00:00-05:00"}).actions[0].valid
    assert begin == micros(datetime(2026, 7, 1, 5, tzinfo=UTC))


def test_levers_and_stops_are_read_in_the_same_zone() -> None:
    rules = book(
        policies={"timezone": "Asia/Kolkata"},
        actions=[action("a")],
        more={
            "levers.csv": "action_id,lever,from,to\na,20,2026-11-01,2026-11-01\n",
            "stop.yaml": "stopped: [{action: a, since: 2026-11-01, until: 2026-11-01}]\n",
        },
    )
    start = micros(datetime(2026, 11, 1, tzinfo=ZoneInfo("Asia/Kolkata")))
    span = (start, start + 24 * 3600 * SECOND)
    assert rules.actions[0].overrides[0].valid == span
    assert rules.stops[0].valid == span
