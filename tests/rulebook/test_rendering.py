"""Texts are filled in formats a reader understands, and filling them never fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import DAY, HOUR, UNKNOWN, Value
from engine.rulebook.book import Kind, Type
from engine.rulebook.rendering import UNSHOWN, Hole, fitting, format_problem, is_blank, shown
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


LONGEST = 12
EDGES: tuple[Value, ...] = (
    "",
    " ",
    "\u200b",
    "\u3164",
    "a\nb",
    "\u202eab",
    "a\xa0b",
    "\u2800",
    [""],
)


@given(
    st.sampled_from([Type(kind) for kind in Kind if kind is not Kind.MAP]),
    VALUES | st.sampled_from(EDGES),
)
def test_a_text_fits_exactly_if_nothing_is_said_against_it(type_: Type, value: Value) -> None:
    hole = Hole(0, type_.kind, "", "it")
    fits = fitting({"headline": ("Hi ", hole), "body": ("no hole",)}, {"headline": LONGEST})
    assert fits([value]) == (fits.misfit([value]) is None)
    if fits([value]):
        filled = shown(value, hole)
        assert len("Hi " + filled) <= LONGEST
        assert not is_blank(filled)
        assert not UNSHOWN.search(filled)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Kind.STRING, "Niamh", None),
        (Kind.STRING, "Łukasz", None),
        (Kind.STRING, "Anne\xa0B", None),
        (Kind.STRING, "Maximilian", "headline gets 1 character too long with it filled in"),
        (Kind.STRING, "", "it is blank"),
        (Kind.STRING, "  ", "it is blank"),
        (Kind.STRING, "\u3164", "it is blank"),
        (Kind.STRING, "a\x07", "it has a character in it that cannot be shown"),
        (Kind.STRING, "a\nb", "it has a character in it that cannot be shown"),
        (Kind.DOUBLE, 4.5, None),
        (Kind.DOUBLE, float("nan"), "it is no number"),
        (Kind.DOUBLE, float("inf"), "it is no number"),
        (Kind.LIST, (), "it is blank"),
        (Kind.LIST, ("a", ""), "it has a blank in it"),
    ],
)
def test_what_leaves_a_hole_in_a_sentence_does_not_fit(
    kind: Kind, value: Value, said: str | None
) -> None:
    fits = fitting({"headline": ("Hi ", Hole(0, kind, "", "it"))}, {"headline": LONGEST})
    misfit = fits.misfit([value])
    assert (misfit and misfit.message) == said
    assert fits([value]) is (said is None)


def test_two_holes_share_the_room_of_their_text() -> None:
    parts = (Hole(0, Kind.STRING, "", "a"), " and ", Hole(1, Kind.STRING, "", "b"))
    fits = fitting({"headline": parts}, {"headline": LONGEST})
    assert fits(["abc", "abcd"])
    misfit = fits.misfit(["abcd", "abcde"])
    assert misfit is not None
    assert misfit.message == "headline gets 2 characters too long with a, b filled in"


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
