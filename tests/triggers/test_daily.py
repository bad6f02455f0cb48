"""Which day's round is due, by the clock of the trigger's timezone; and for whom it is."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contact.localtime import day_of, minute_of_day
from engine.model import DAY, HOUR, MINUTE, SECOND, Customer, CustomerId, Value
from engine.rulebook.trigger import Daily
from engine.topology import take_in
from engine.triggers.daily import Round, begin_of, last_begun, round_at
from engine.triggers.triggers import Triggers, note_of
from tests.builders import ADULT, NOW
from tests.rulebook.builders import book

DUBLIN = ZoneInfo("Europe/Dublin")
ZONES = ["UTC", "Africa/Lagos", "Europe/Dublin", "America/Nuuk", "America/Havana", "Pacific/Apia"]
NINE = {"every": "day", "at": "09:00", "timezone": "UTC", "placements": ["web.hero"]}
ANNA = CustomerId("anna")


def daily(**more):
    """The triggers of the small book, and of them the one that there is."""
    of = Triggers(book(policies={"triggers": {"hello": NINE | more}}))
    (trigger,) = of.book.triggers
    return of, trigger


def utc(text):
    return round(datetime.fromisoformat(text + "+00:00").timestamp()) * SECOND


def due(trigger, now):
    found = round_at(trigger, trigger.daily, now)
    return found and found.day


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-21T08:59:59", None),
        ("2026-11-21T09:00:00", date(2026, 11, 21)),
        ("2026-11-21T20:59:59", date(2026, 11, 21)),
        ("2026-11-21T21:00:00", None),
    ],
)
def test_a_day_is_due_from_its_time_on_for_twelve_hours(now, day):
    _, trigger = daily()
    assert due(trigger, utc(now)) == day


def test_it_is_never_made_up_for_on_the_next_day():
    _, trigger = daily(at="23:30", max_age="3d")
    assert due(trigger, utc("2026-11-21T23:59:59")) == date(2026, 11, 21)
    assert due(trigger, utc("2026-11-22T00:00:00")) is None


def test_its_day_is_that_of_its_zone():
    _, trigger = daily(at="00:30", timezone="Pacific/Auckland")
    assert due(trigger, utc("2026-11-20T11:30:00")) == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("day", "clock", "begins"),
    [
        (date(2026, 3, 29), "01:30", "2026-03-29T01:00:00"),  # the clock goes from 01:00 to 02:00
        (date(2026, 10, 25), "01:30", "2026-10-25T00:30:00"),  # and here from 02:00 to 01:00
        (date(2026, 7, 1), "09:00", "2026-07-01T08:00:00"),
        (date(2026, 12, 1), "09:00", "2026-12-01T09:00:00"),
    ],
)
def test_a_time_that_is_not_begins_with_the_next_moment_and_one_that_is_twice_with_the_first(
    day, clock, begins
):
    hours, minutes = clock.split(":")
    assert begin_of(day, 60 * int(hours) + int(minutes), DUBLIN) == utc(begins)


def test_a_time_the_clocks_skip_up_to_midnight_is_not_lost():
    _, trigger = daily(at="23:30", timezone="America/Nuuk")  # 23:00 was midnight on 28 March 2026
    assert due(trigger, utc("2026-03-29T01:00:00")) == date(2026, 3, 28)
    assert due(trigger, utc("2026-03-30T00:30:00")) == date(2026, 3, 29)


@given(
    st.sampled_from(ZONES),
    st.integers(0, 1439),
    st.integers(1, 30),
    st.dates(date(2020, 1, 1), date(2028, 1, 1)),
)
def test_each_day_has_its_round_once_at_its_time_or_where_the_clocks_skip_it(
    zone_name, at, hours, first
):
    zone = ZoneInfo(zone_name)
    _, trigger = daily()
    trigger = replace(trigger, daily=Daily(at, zone_name), max_age=hours * HOUR)
    begins = [begin_of(first + timedelta(days=n), at, zone) for n in range(3)]
    assert begins == sorted(set(begins))
    for n, begun in enumerate(begins):
        shown = minute_of_day(begun, zone)
        start, end = day_of(begun, zone)
        assert shown == at or end - start < DAY or shown == 0
        assert due(trigger, begun) == first + timedelta(days=n)
        assert last_begun(trigger, trigger.daily, begun) == first + timedelta(days=n)
        assert last_begun(trigger, trigger.daily, begun - 1) < first + timedelta(days=n)


THE_DAY = Round(date(2026, 11, 20), NOW, NOW + HOUR)


def set_off(of, trigger, customer, now=NOW):
    return of.on_day(trigger, THE_DAY.day_for(customer.customer_id), customer, now)


def test_it_is_set_off_for_whom_its_condition_is_definitely_true():
    of, trigger = daily(when="telco.data_used_pct >= 80.0")
    used: dict[str, Value] = {"telco.data_used_pct": 90.0}
    assert set_off(of, trigger, Customer(ANNA, ADULT | used, updated_at=NOW)) is not None
    assert set_off(of, trigger, Customer(ANNA, dict(ADULT), updated_at=NOW)) is None


def test_the_day_and_the_customer_name_it():
    of, trigger = daily()
    found = set_off(of, trigger, Customer(ANNA, dict(ADULT)))
    assert found.name == found.question.request_id == "trigger:hello:2026-11-20:anna"
    assert (found.question.customer_id, found.question.channel) == (ANNA, "web")
    assert found.question.context == {}


def test_who_had_the_offer_of_the_day_does_not_get_it_again():
    of, trigger = daily()
    anna = Customer(ANNA, dict(ADULT))
    take_in(anna, note_of(set_off(of, trigger, anna), NOW + MINUTE))
    assert set_off(of, trigger, anna, NOW + HOUR) is None


def test_it_rests_like_any_other():
    of, trigger = daily(rest="2d")
    anna = Customer(ANNA, dict(ADULT))
    take_in(anna, note_of(set_off(of, trigger, anna), NOW))
    tomorrow = Round(date(2026, 11, 21), NOW + DAY, NOW + 2 * DAY)
    assert of.on_day(trigger, tomorrow.day_for(ANNA), anna, NOW + 2 * DAY - 1) is None
    assert of.on_day(trigger, tomorrow.day_for(ANNA), anna, NOW + 2 * DAY) is not None


def test_no_interaction_sets_it_off():
    of, _ = daily()
    assert of.before(Customer(ANNA), THE_DAY.day_for(ANNA), NOW) is None
