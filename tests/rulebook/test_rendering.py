"""Texts are filled in formats a reader understands, and filling them never fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import DAY, HOUR, UNKNOWN, Value
from engine.rulebook.book import Kind, Type
from engine.rulebook.rendering import Hole, format_problem, shown
from engine.rulebook.times import moment_of
from tests.rulebook.builders import action, book

MOMENT = moment_of("2026-11-21T10:05:00Z")


@pytest.mark.parametrize(
    ("kind", "format_", "value", "expected"),
    [
        (Kind.BOOL, "", True, "yes"),
        (Kind.INT, "", 12000, "12000"),
        (Kind.INT, ",", 12000, "12,000"),
        (Kind.DOUBLE, "", 29.0, "29"),
        (Kind.DOUBLE, "", 4.5, "4.5"),
        (Kind.DOUBLE, ".0f", 91.6, "92"),
        (Kind.DOUBLE, ",.2f", 1234.5, "1,234.50"),
        (Kind.DOUBLE, ".1%", 0.125, "12.5%"),
        (Kind.STRING, "", "Niamh", "Niamh"),
        (Kind.STRING, ".3", "Niamh", "Nia"),
        (Kind.TIMESTAMP, "", MOMENT, "2026-11-21"),
        (Kind.TIMESTAMP, "%d %B %Y, %H:%M", MOMENT, "21 November 2026, 10:05"),
        (Kind.DURATION, "", 3 * DAY, "3 days"),
        (Kind.DURATION, "", HOUR, "1 hour"),
        (Kind.DURATION, "hours", 3 * DAY, "72"),
        (Kind.LIST, "", ("web", "app"), "web, app"),
    ],
)
def test_a_value_as_its_reader_sees_it(
    kind: Kind, format_: str, value: Value, expected: str
) -> None:
    element = Type(Kind.STRING) if kind is Kind.LIST else None
    assert format_problem(Type(kind, element), format_) is None
    assert shown(value, Hole(0, kind, format_)) == expected


@pytest.mark.parametrize(
    ("type_", "format_"),
    [
        (Type(Kind.DOUBLE), "d"),
        (Type(Kind.DOUBLE), ".0q"),
        (Type(Kind.INT), "c"),
        (Type(Kind.INT), "1000000000d"),
        (Type(Kind.STRING), ".2f"),
        (Type(Kind.STRING), ">1000000000"),
        (Type(Kind.BOOL), "d"),
        (Type(Kind.TIMESTAMP), "%Q"),
        (Type(Kind.TIMESTAMP), "%"),
        (Type(Kind.DURATION), "months"),
        (Type(Kind.MAP, Type(Kind.STRING)), ""),
        (Type(Kind.LIST, Type(Kind.LIST, Type(Kind.INT))), ""),
    ],
)
def test_a_format_that_could_fail_is_refused(type_: Type, format_: str) -> None:
    assert format_problem(type_, format_)


VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(
        st.none(),
        st.just(UNKNOWN),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(
    st.sampled_from([Type(kind) for kind in Kind if kind not in {Kind.LIST, Kind.MAP}]),
    st.one_of(
        st.text(st.sampled_from("0123456789.,+%dfgYmdHMB "), max_size=6),
        st.sampled_from(["", "days", "%d %B", ".0f", ",", "02d"]),
    ),
    VALUES,
)
def test_filling_never_fails_whatever_the_value(type_: Type, format_: str, value: Value) -> None:
    if format_problem(type_, format_) is None:
        assert isinstance(shown(value, Hole(0, type_.kind, format_)), str)


def test_texts_without_holes_are_the_same_mapping_each_time() -> None:
    fixed = book(actions=[action("a")]).treatments[0]
    assert fixed.render([]) is fixed.render([])
    assert fixed.needs == ()


def test_texts_with_holes_are_filled_from_the_values() -> None:
    texts = {"headline": "{{{customer.name}}} has {telco.data_used_pct:.0f} %"}
    treatment = {"id": "t", "placement": "web.hero", "texts": texts}
    made = book(actions=[action("a", treatments=[treatment])])
    values: list[Value] = [UNKNOWN] * len(made.attributes)
    values[made.index["customer.name"]] = "Niamh"
    values[made.index["telco.data_used_pct"]] = 91.2
    (treatment_,) = made.treatments
    assert treatment_.render(values) == {"headline": "{Niamh} has 91 %"}
    assert treatment_.needs == (1, 4)
    assert treatment_.texts == texts
