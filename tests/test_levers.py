"""What levers.csv changes in a decision: V and L while a row holds, and what explanations say of it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arbitration import Arbiter
from engine.model import DAY, Micros
from engine.rulebook.book import RuleBook
from tests.builders import NOW, decide, question, trace_of
from tests.rulebook.builders import action, book

HEADER = "action_id,lever,value,per_day,from,to,owner"
TODAY = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW)


def day(offset: int) -> str:
    return (TODAY + timedelta(days=offset)).date().isoformat()


def begin_of(offset: int) -> Micros:
    return (NOW // DAY + offset) * DAY


def with_levers(*rows: str, actions=None, **rest) -> RuleBook:
    actions = actions or [action("a", value=3, lever=5), action("b", value=3)]
    return book(actions=actions, more={"levers.csv": "\n".join([HEADER, *rows])}, **rest)


def test_an_override_counts_while_it_holds():
    rules = with_levers(f"a,100,,,{day(0)},{day(2)},", f"b,,9,,{day(1)},,")
    arbiter, truths = Arbiter(rules), [False] * len(rules.conditions)
    found = [arbiter.merit(truths, [], begin_of(n)).product.tolist() for n in (-1, 0, 1, 3)]
    assert found == [
        pytest.approx([3.15, 3]),
        pytest.approx([6, 3]),
        pytest.approx([6, 9]),
        pytest.approx([3.15, 9]),
    ]


def test_an_override_decides_who_is_first_and_says_so():
    best = {"arbitration": {"priority": "V * L", "exploration": {"policy": "greedy"}}}
    rules = with_levers(f"b,50,,,,{day(0)},Anna", policies=best)
    rules_before = with_levers(policies=best)
    asked = question("web.hero", explain=True)
    assert decide(rules_before, asked).placements[0].offers[0].action_id == "a"
    decided = decide(rules, asked)
    first, second = trace_of(decided).candidates
    assert (first.action_id, second.action_id) == ("b", "a")
    assert first.factors is not None
    assert (first.factors.lever, first.factors.priority) == (1.5, 4.5)
    assert first.notes == (f"lever 50 from levers.csv (owner Anna, to {day(0)})",)
    assert second.notes == ()


def test_an_override_that_is_over_is_not_mentioned():
    rules = with_levers(f"b,50,,,,{day(-1)},Anna")
    trace = trace_of(decide(rules, question("web.hero", explain=True)))
    assert all(candidate.notes == () for candidate in trace.candidates)


def test_an_overridden_value_needs_no_expression():
    made = [action("a", value="customer.age * 2.0")]
    rules = with_levers(f"a,,7,,,{day(0)},", actions=made)
    values = [40 if a.name == "customer.age" else None for a in rules.attributes]
    arbiter, truths = Arbiter(rules), [False] * len(rules.conditions)
    assert arbiter.merit(truths, values, begin_of(0)).value.tolist() == [7.0]
    assert arbiter.merit(truths, values, begin_of(1)).value.tolist() == [80.0]


def test_a_factor_that_is_switched_off_cannot_be_overridden():
    rules = with_levers("a,100,9,,,,", policies={"arbitration": {"priority": "P"}})
    merit = Arbiter(rules).merit([False] * len(rules.conditions), [], NOW)
    assert merit.product.tolist() == [1.0, 1.0]


def test_equals_are_ordered_by_the_value_that_holds():
    rules = with_levers(f"b,,9,,{day(0)},,")
    arbiter, truths = Arbiter(rules), [False] * len(rules.conditions)
    assert arbiter.merit(truths, [], begin_of(-1)).ties.tolist() == [0, 1]
    assert arbiter.merit(truths, [], begin_of(0)).ties.tolist() == [1, 0]


SPANS = st.lists(st.integers(-20, 20), min_size=2, max_size=8, unique=True).map(sorted)
CELLS = st.one_of(st.none(), st.integers(-100, 300))
VALUES = st.one_of(st.none(), st.integers(0, 50))


@st.composite
def tables(draw):
    """Rows for two actions, each action's in spans that do not meet: (action, from, to, lever, value)."""
    rows = []
    for name in ("a", "b"):
        days = draw(SPANS)
        for begin, end in zip(days[::2], days[1::2], strict=False):
            first = None if begin == days[0] and draw(st.booleans()) else begin
            rows.append((name, first, end - 1, draw(CELLS), draw(VALUES)))
    return draw(st.permutations(rows))


@settings(max_examples=40, deadline=None)
@given(tables(), st.lists(st.integers(-22, 22), min_size=1, max_size=6))
def test_at_any_time_in_any_order_the_row_that_holds_counts(rows, asked):
    def cell(x):
        return "" if x is None else str(x)

    def written(row):
        name, begin, end, lever, value = row
        begin = "" if begin is None else day(begin)
        return f"{name},{cell(lever)},{cell(value)},,{begin},{day(end)},"

    rules = with_levers(*map(written, rows))
    arbiter, truths = Arbiter(rules), [False] * len(rules.conditions)
    for offset in asked:
        now = begin_of(offset) + DAY - 1
        expected = {"a": [5, 3], "b": [0, 3]}
        for name, begin, end, lever, value in rows:
            if (begin is None or begin <= offset) and offset <= end:
                own = expected[name]
                expected[name] = [
                    own[0] if lever is None else lever,
                    own[1] if value is None else value,
                ]
        merit = arbiter.merit(truths, [], now)
        np.testing.assert_allclose(merit.lever, [1 + expected[n][0] / 100 for n in "ab"])
        np.testing.assert_allclose(merit.value, [expected[n][1] for n in "ab"])
        np.testing.assert_allclose(merit.product, merit.lever * merit.value)
