"""What is answered by polars, what row by row, and how values stand in frames."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from engine.model import UNKNOWN
from engine.rulebook.frames import Answers, Asked, Column, column_of, series_of
from engine.rulebook.frames.columns import values_of
from tests.rulebook.cel.builders import ATTRIBUTES, KNOWN, compiled, values

COLUMNS = tuple(map(column_of, ATTRIBUTES))


def frame_of(rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    by_column = zip(COLUMNS, zip(*rows, strict=True), strict=True)
    return pl.DataFrame([s for column, given in by_column for s in series_of(column, given)])


def answered(text: str, *rows: list[Any]) -> list[bool | None]:
    answers = Answers([Asked(compiled(text), COLUMNS)])
    return answers.over(frame_of(rows or [values()]))["0"].to_list()


@pytest.mark.parametrize(
    "text",
    [
        "customer.age >= 18 && consent.marketing",
        "request.channel in consent.channels",
        'customer.segment in ["mass", "vip"]',
        "customer.birth_date == null || now - customer.birth_date > days(6570)",
        "events.calls.dropped >= 3",
        'now.getHours("Europe/Vienna") < 18',
        'customer.name.matches("^A[a-z]+$") || customer.name.matches("(?i)bob")',
        "interests != null && interests.exists(i, i.startsWith('foot'))",
        "has(customer.children) && customer.children > 0",
        "customer.score * 2.0 > double(customer.age) / 3.0",
        "request.waited > minutes(1)",
    ],
)
def test_what_books_ask_is_left_to_polars(text: str) -> None:
    answers = Answers([Asked(compiled(text), COLUMNS)])
    assert answers.by_row == []


def test_what_polars_has_no_words_for_is_answered_row_by_row_and_named() -> None:
    text = "interests.filter(i, i.size() > 3).size() > 0"
    answers = Answers(
        [Asked(compiled("customer.age > 18"), COLUMNS), Asked(compiled(text), COLUMNS)]
    )
    assert [each.text for each in answers.by_row] == [text]
    rows = [values(interests=("golf",)), values(interests=("a",)), values(interests=None)]
    told = answers.over(frame_of(rows))
    assert told["1"].to_list() == [True, False, None]
    assert told["0"].to_list() == [True, True, True]


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("1.0 / (customer.score + 0.0) > 0.0", -0.0),
        ("1.0 / (0.0 + customer.score) > 0.0", -0.0),
        ("1.0 / (customer.score - -0.0) > 0.0", -0.0),
        ("customer.score / 10.0 == 0.3", 3.0),
    ],
)
def test_one_number_beside_a_column_is_reckoned_as_doubles_are(text: str, score: float) -> None:
    rows = [values(customer__score=score), values(customer__score=score)]
    assert answered(text, *rows) == [True, True]


def test_null_is_known_and_missing_is_not() -> None:
    assert answered("customer.name == null", values(), values(customer__name="Ann")) == [
        True,
        False,
    ]
    assert answered("customer.age > 18", values(missing=["customer.age"])) == [None]
    assert answered("customer.age > 18 || true", values(missing=["customer.age"])) == [True]


def test_an_unknown_nullable_is_told_apart_where_it_can_be() -> None:
    column = Column("customer.name", ATTRIBUTES[5].type, nullable=True, unknown="?")
    columns = (*COLUMNS[:5], column, *COLUMNS[6:])
    frame = pl.DataFrame(series_of(column, ["Ann", None, UNKNOWN]))
    asked = Asked(compiled("customer.name == null"), columns)
    assert Answers([asked]).over(frame)["0"].to_list() == [False, True, None]


def test_a_condition_that_reads_nothing_answers_every_row() -> None:
    assert answered("1 < 2", values(), values()) == [True, True]


def test_no_rows() -> None:
    frame = frame_of([values()]).clear()
    asked = [Asked(compiled("customer.age > 18"), COLUMNS)]
    assert Answers(asked).over(frame).height == 0


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_values_survive_a_frame(column: Column) -> None:
    given = [KNOWN[column.name], None if column.nullable else UNKNOWN]
    frame = pl.DataFrame(series_of(column, given))
    assert values_of(column, frame) == given
