"""Patterns that are left to polars find what RE2 finds."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rulebook.cel.runtime import pattern
from engine.rulebook.frames.patterns import portable

PIECES = (
    "a", "b", "-", ".", "ä", " ", "\\.", "\\(", "^", "$", "|", "(", ")", "(?:", "[a-c]", "[^a]",
    "[a-]", "[[:alpha:]]", "\\d", "\\w", "\\b", "(?i)", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{", "&&",
)  # fmt: skip
SUBJECTS = ("", "a", "b", "ab", "aab", "ä", "A", "a-b", "1", "a.b", "(", "c\nb", " ", "{,2}", "𝒳")


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_portable_patterns_mean_the_same(text: str) -> None:
    by_re2 = pattern(text)
    if by_re2 is None or not portable(text):
        return
    found = pl.Series(SUBJECTS).str.contains(text).to_list()
    assert found == [by_re2(subject) for subject in SUBJECTS]


@pytest.mark.parametrize("text", ["^vip$", "(gold|silver)-[0-9]+", "a{2,3}b?", "x.*y", ""])
def test_what_marketing_writes_is_left_to_polars(text: str) -> None:
    assert portable(text)


@pytest.mark.parametrize("text", [r"\d", r"\bvip\b", "(?i)vip", "[a&&b]", "[[:alpha:]]", "a{,2}"])
def test_what_the_two_read_differently_is_not(text: str) -> None:
    assert not portable(text)
