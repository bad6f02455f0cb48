"""Lengths of time and moments as rule files write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import DAY, HOUR, MINUTE, SECOND
from engine.rulebook.times import duration_of, moment_of, zone_of


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", 90 * SECOND),
        ("30m", 30 * MINUTE),
        ("12h", 12 * HOUR),
        ("7d", 7 * DAY),
        ("2w", 14 * DAY),
        ("0d", None),
        ("7", None),
        ("-7d", None),
        ("1.5h", None),
        ("7 d", None),
        ("d", None),
        ("7D", None),
        ("٧d", None),
        ("9999999999w", None),
    ],
)
def test_a_length_of_time(text: str, length: int | None) -> None:
    assert duration_of(text) == length


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01 08:30", "2026-11-01T08:30:00Z"),
        ("2026-11-01T08:30:00+02:00", "2026-11-01T06:30:00Z"),
        ("2026-11-01t08:30:00.5z", "2026-11-01T08:30:00.500000Z"),
    ],
)
def test_a_moment_can_be_written_in_several_ways(text: str, same_as: str) -> None:
    assert moment_of(text) is not None
    assert moment_of(text) == moment_of(same_as)


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2026-11-01T25:00:00Z", "01/11/2026", "2026-1-1", "20261101", "today", "", "9999-12-31T23:59:59-12:00"],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    moment = moment_of(text)
    assert moment is None or text.startswith("9999")


def test_the_last_day_there_is_means_for_ever() -> None:
    end = moment_of("9999-12-31", day_end=True)
    assert end == moment_of("9999-12-31T23:59:59.999999Z")
    assert moment_of("9999-12-31", zone_of("Pacific/Honolulu"), day_end=True) == end


def test_a_date_lasts_to_the_end_of_that_day_where_it_is_read() -> None:
    lagos = zone_of("Africa/Lagos")
    begin, end = moment_of("2027-01-31", lagos), moment_of("2027-01-31", lagos, day_end=True)
    assert begin == moment_of("2027-01-30T23:00:00Z")
    assert end == moment_of("2027-01-31T23:00:00Z")


def test_a_day_may_have_25_hours() -> None:
    dublin = zone_of("Europe/Dublin")
    begin = moment_of("2026-10-25", dublin)
    end = moment_of("2026-10-25", dublin, day_end=True)
    assert begin is not None
    assert end is not None
    assert end - begin == 25 * HOUR


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../UTC", "Europe", "Mars/Olympus", "a\0b"])
def test_what_is_no_time_zone(name: str) -> None:
    assert zone_of(name) is None


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    moment_of(text)
    duration_of(text)
    zone_of(text)
