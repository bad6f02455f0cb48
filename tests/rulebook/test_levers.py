"""levers.csv: what becomes of its rows, and what is said of those that are wrong."""

import pytest

from engine.model import DAY
from engine.rulebook.book import RuleBook
from engine.rulebook.diagnostics import Severity
from engine.rulebook.levers import COLUMNS
from engine.rulebook.load import load
from engine.rulebook.parse import MOST_BYTES
from engine.rulebook.times import moment_of
from tests.rulebook.builders import POLICIES, action, files

HEADER = ",".join(COLUMNS)
NEW_YEAR = moment_of("2027-01-01") or 0


def said(*rows: str, now: int | None = None) -> list[str]:
    loaded = load(_files(*rows), now)
    return [f"{one.severity.name.lower()} {one}" for one in loaded.diagnostics]


def book(*rows: str) -> RuleBook:
    loaded = load(_files(*rows))
    assert loaded.book is not None, loaded.diagnostics
    return loaded.book


def _files(*rows: str) -> dict[str, bytes]:
    made = [action("a", group="save", value=3, lever=5), action("b", value="customer.age * 2.0")]
    return files(actions=made, more={"levers.csv": "\n".join([HEADER, *rows])})


def test_a_row_becomes_an_override() -> None:
    (one,) = book("a,20,,,2026-11-01,2026-12-31,Anna").actions[0].overrides
    assert one.valid == (moment_of("2026-11-01"), NEW_YEAR)
    assert one.lever == pytest.approx(1.80)  # 50 + 10 + 20 percent: the action's own 5 gives way
    assert one.value is None
    assert one.text == "lever 20 from levers.csv (owner Anna, from 2026-11-01, to 2026-12-31)"
    assert (one.file, one.line) == ("levers.csv", 2)


def test_an_empty_cell_leaves_the_book_s_value() -> None:
    made = book("a,,4.50,,,,", "b,,7,,,,")
    assert [[(o.lever, o.value) for o in a.overrides] for a in made.actions] == [
        [(None, 4.5)],
        [(None, 7.0)],
    ]
    assert made.actions[0].overrides[0].text == "value 4.50 from levers.csv"


def test_a_row_that_changes_neither_lever_nor_value_overrides_nothing() -> None:
    assert book("a,,,,,,Anna").actions[0].overrides == ()


def test_the_end_day_is_still_in_it_and_the_next_is_not() -> None:
    made = book("a,20,,,2026-11-01,2026-12-31,").actions[0]
    assert made.override_at(NEW_YEAR - 1) is not None
    assert made.override_at(NEW_YEAR) is None
    assert made.override_at((moment_of("2026-11-01") or 0) - 1) is None


def test_a_moment_may_be_written_with_its_offset() -> None:
    (one,) = book("a,20,,,2026-11-01T00:00:00+01:00,,").actions[0].overrides
    assert one.valid == (moment_of("2026-10-31T23:00:00Z"), None)


def test_rows_follow_each_other_in_any_order_of_lines() -> None:
    made = book("a,20,,,2027-01-01,,", "a,10,,,,2026-10-31,", "a,15,,,2026-11-01,2026-12-31,")
    levers = [made.actions[0].override_at(NEW_YEAR + days * DAY) for days in (-90, -30, 0)]
    assert [one.lever for one in levers if one] == pytest.approx([1.7, 1.75, 1.8])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a,20,,,,,", "a,10,,,2026-11-01,2026-11-30,"),
        ("a,20,,,2026-11-01,2026-11-30,", "a,10,,,2026-11-30,,"),
        ("a,20,,,2026-11-01,2026-11-30,", "a,,5,,2026-10-01,2026-12-31,"),
        ("a,20,,,2026-11-01,2026-11-30,", "a,10,,,2026-11-10,2026-11-20,"),
        ("a,20,,,,2026-11-30,", "a,10,,,,2026-10-31,"),
        ("a,20,,,2026-11-01,,", "a,,,5,,2026-11-01,"),
    ],
)
def test_two_rows_for_one_time_are_a_mistake(first: str, second: str) -> None:
    (error,) = [one for one in said(first, second) if one.startswith("error")]
    assert error.startswith("error levers.csv:3:1: 'a' is already in line 2, for the same time")


def test_a_row_that_is_over_is_remarked_by_those_who_know_the_time() -> None:
    row = "a,20,,,2026-11-01,2026-12-31,"
    assert said(row) == []
    assert said(row, now=NEW_YEAR - 1) == []
    assert said(row, now=NEW_YEAR) == [
        "notice levers.csv:2:19: expired: this row changes nothing now"
    ]


def test_so_many_a_day_is_a_cap_for_as_long_as_the_row_holds() -> None:
    (cap,) = book("a,,,100,2026-11-01,2026-12-31,Anna").caps
    assert (cap.key, cap.limit_at(NEW_YEAR - 1)) == ("a/offers/day", 100)
    assert cap.limit_at(NEW_YEAR) > 10**12
    assert said("a,20,5,100,,,Anna") == []


def test_a_lever_that_would_make_the_priority_negative_is_a_mistake_at_its_cell() -> None:
    lowered = POLICIES.replace("bundles: {issue: grow}", "bundles: {issue: grow, lever: -30}")
    made = {**_files("a,-100,,,,,", "b,-80,,,,,"), "policies.yaml": lowered.encode()}
    (error,) = load(made).diagnostics
    assert str(error).startswith("levers.csv:3:3: with issue and group this lever is -110 %")
    assert book("b,-100,,,,,").actions[1].overrides[0].lever == 0.0


def test_an_action_nobody_knows_is_a_mistake() -> None:
    (error,) = said("a,20,,,,,", "bb,20,,,,,")
    assert error == "error levers.csv:3:1: unknown action 'bb'. Did you mean 'b'?"


def test_a_table_without_end_is_refused() -> None:
    loaded = load({**_files(), "levers.csv": b"a" * (MOST_BYTES + 1)})
    (error,) = [str(one) for one in loaded.diagnostics if one.severity is Severity.ERROR]
    assert error == "levers.csv:1:1: the file is larger than 1 MiB: cut it"
