"""Times as text, calendars and zones: as the official evaluator reads them, or not at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import DAY, HOUR, MINUTE, SECOND
from engine.rulebook.cel import clock
from engine.rulebook.cel.conversions import double_of, int_of, text_of_double
from engine.rulebook.cel.environment import checker
from engine.rulebook.cel.tree import DOUBLE, STRING

OFFICIAL = checker({"text": STRING, "number": DOUBLE})
READERS = {
    name: OFFICIAL.compile(f"{name}(text)") for name in ("timestamp", "duration", "double", "int")
}
SPELT = OFFICIAL.compile("string(number)")


def officially(name: str, text: str) -> Any:
    result = READERS[name].eval(data={"text": text})
    return None if result.type().name() == "ERROR" else result.plain_value()


durations = st.from_regex(r"[+-]?([0-9]{1,6}(\.[0-9]{0,4})?(h|m|s|ms|us)){1,3}", fullmatch=True)


@given(durations | st.text("0123456789.hmsu+-", max_size=8))
def test_durations_read_as_officially(text: str) -> None:
    official = officially("duration", text)
    ours = clock.duration_of_text(text)
    if ours is not None:
        assert official is not None
        assert ours == official // clock.MICROSECOND
    elif official is not None:
        beyond = abs(official) >= clock.LONGEST_DURATION * clock.MICROSECOND
        assert beyond or "." in text, f"{text} is {official}"


moments = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")


@given(moments | st.text("0123456789-:TtZz.+", max_size=26))
def test_timestamps_read_as_officially(text: str) -> None:
    official, ours = officially("timestamp", text), clock.timestamp_of_text(text)
    if ours is not None and ours >= 0:
        assert official == clock.EPOCH + ours * clock.MICROSECOND
    elif ours is None:
        assert official is None or ":60" in text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_spelt_as_officially(number: float) -> None:
    assert text_of_double(number) == SPELT.eval(data={"number": number}).plain_value()


@given(st.from_regex(r"[+-]?[0-9]{0,20}(\.[0-9]{0,6})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_numbers_read_as_officially_or_not_at_all(text: str) -> None:
    for name, read in (("double", double_of), ("int", int_of)):
        ours: Any = read(text)
        if ours is not None:
            assert ours == officially(name, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01.5z", 1_500_000),
        ("1969-12-31T23:00:00-01:00", 0),
        ("0001-01-01T00:00:00Z", clock.FIRST_TIMESTAMP),
        ("9999-12-31T23:59:59.999999Z", clock.LAST_TIMESTAMP),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59-00:01", None),
        ("2026-01-01T00:00:00.0000001Z", None),
        ("2026-01-01T00:00:00", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01 00:00:00Z", None),
    ],
)
def test_a_timestamp_is_read(text: str, expected: int | None) -> None:
    assert clock.timestamp_of_text(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("36h", 36 * HOUR),
        ("1h30m", 90 * MINUTE),
        ("-1.5s", -1_500_000),
        ("0", 0),
        ("1us", 1),
        ("1ns", None),
        ("60d", None),
        ("", None),
        ("1", None),
        ("1h-30m", None),
        ("9223372036s", 9_223_372_036 * SECOND),
        ("9223372037s", None),
    ],
)
def test_a_duration_is_read(text: str, expected: int | None) -> None:
    assert clock.duration_of_text(text) == expected


def test_a_date_is_midnight_in_utc() -> None:
    assert clock.timestamp_of_date("1970-02-01") == 31 * DAY
    assert clock.timestamp_of_date("1970-2-1") is None
    assert clock.timestamp_of_date("2026-02-29") is None


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "/etc/localtime", "localtime", "+24:00", "x" * 300, "Europe"]
)
def test_no_zone_goes_by_such_a_name(name: str) -> None:
    assert clock.zone(name) is None


def test_a_calendar_ends_with_its_years() -> None:
    zone = clock.zone("+05:30")
    assert clock.full_year(clock.LAST_TIMESTAMP) == 9999
    assert clock.full_year(clock.LAST_TIMESTAMP, zone) is None


def test_daylight_saving_is_kept() -> None:
    vienna = clock.zone("Europe/Vienna")
    before = clock.timestamp_of_text("2026-03-29T00:59:59Z")
    after = clock.timestamp_of_text("2026-03-29T01:00:00Z")
    assert before is not None
    assert after is not None
    assert (clock.hours(before, vienna), clock.hours(after, vienna)) == (1, 3)
