from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.imports.cells import BadCell, CellReader, reader_of, shown, translating
from engine.wire.value_pb2 import AttributeValue

MIDNIGHT = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())


def reading(type_: str, **how: str) -> CellReader:
    reader = reader_of(type_, **how)
    assert reader is not None
    return reader


def value(type_: str, cell: Any, **how: str) -> Any:
    read = reading(type_, **how)(cell)
    kind = read.WhichOneof("kind")
    assert kind is not None
    return getattr(read, kind)


@pytest.mark.parametrize("cell", ["yes", " Yes ", "TRUE", "1", "y", "t", True, 1])
def test_many_words_mean_true(cell: object) -> None:
    assert value("bool", cell) is True


@pytest.mark.parametrize("cell", ["no", "F", "false", "0", False, 0])
def test_many_words_mean_false(cell: object) -> None:
    assert value("bool", cell) is False


@pytest.mark.parametrize(
    ("cell", "number"), [("42", 42), (" -7 ", -7), ("42.0", 42), (42, 42), (42.0, 42), ("007", 7)]
)
def test_whole_numbers(cell: object, number: int) -> None:
    assert value("int", cell) == number


@pytest.mark.parametrize(
    ("type_", "cell"),
    [
        ("bool", "maybe"),
        ("bool", 2),
        ("int", "42.5"),
        ("int", "forty"),
        ("int", "1e3"),
        ("int", True),
        ("int", 42.5),
        ("int", "9" * 19),
        ("double", "n/a"),
        ("double", "nan"),
        ("double", float("inf")),
        ("double", "1,5"),
        ("double", "1_000"),
        ("double", True),
        ("timestamp", "31.12.2026"),
        ("timestamp", "2026-02-30"),
        ("duration", "7 days"),
    ],
)
def test_what_does_not_fit_is_refused(type_: str, cell: object) -> None:
    with pytest.raises(BadCell, match=r"^must be"):
        reading(type_)(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-21",
        "2026-11-21T01:00:00+01:00",
        date(2026, 11, 21),
        datetime(2026, 11, 21),  # noqa: DTZ001 -- Parquet has times without a zone: they are UTC
        datetime(2026, 11, 21, tzinfo=UTC),
    ],
)
def test_moments(cell: object) -> None:
    assert value("timestamp", cell).seconds == MIDNIGHT


def test_dates_in_a_format_of_ones_own() -> None:
    assert value("timestamp", "21.11.2026", date_format="%d.%m.%Y").seconds == MIDNIGHT
    with pytest.raises(BadCell, match=r"must be a date written as %d\.%m\.%Y"):
        reading("timestamp", date_format="%d.%m.%Y")("2026-11-21")


@pytest.mark.parametrize("cell", ["2h", timedelta(hours=2)])
def test_lengths_of_time(cell: object) -> None:
    assert value("duration", cell).seconds == 7200


@pytest.mark.parametrize("cell", ["web,ivr", "web, ivr", "web|ivr"])
def test_a_list_parted_by_another_sign_is_not_taken_for_one_word(cell):
    with pytest.raises(BadCell, match="must be parted by ';', not by"):
        value("list(string)", cell)


def test_a_sign_at_the_end_of_a_word_parts_nothing():
    assert list(value("list(string)", "Smith & Co,").values) == ["Smith & Co,"]


@pytest.mark.parametrize("cell", ["web;ivr", " web ; ivr;", ["web", "ivr"], ("web", "ivr")])
def test_lists(cell: object) -> None:
    assert list(value("list(string)", cell).values) == ["web", "ivr"]


def test_lists_parted_by_something_else() -> None:
    assert list(value("list(string)", "web|ivr", split="|").values) == ["web", "ivr"]


def test_numbers_become_text_where_text_is_declared() -> None:
    assert value("string", 1234) == "1234"
    assert value("string", " 0123 ") == "0123"


@pytest.mark.parametrize("type_", ["map(string,int)", "list(int)", "colour"])
def test_what_no_cell_can_hold_has_no_reader(type_: str) -> None:
    assert reader_of(type_) is None


def test_translations_know_only_their_words() -> None:
    read = translating({"Yes": AttributeValue(bool_value=True), "1": AttributeValue(int_value=1)})
    assert read(" Yes ").bool_value
    assert read(1).int_value == 1
    with pytest.raises(BadCell, match=r"is not one of 'Yes', '1'\. Did you mean 'Yes'\?"):
        read("yess")


def test_one_and_true_are_not_mixed_up_by_the_memory() -> None:
    read = reading("int")
    assert read(1).int_value == 1
    with pytest.raises(BadCell):
        read(True)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_is_read_back(number: float) -> None:
    assert value("double", repr(number)) == number


@given(st.integers(-(10**17), 10**17))
def test_any_whole_number_is_read_back(number: int) -> None:
    assert value("int", str(number)) == number


@given(st.text())
def test_no_text_makes_a_reader_fail_otherwise(text: str) -> None:
    for type_ in ("bool", "int", "double", "timestamp", "duration"):
        with suppress(BadCell):
            reading(type_)(text)


def test_long_cells_are_cut_for_messages() -> None:
    assert shown("a\nb") == "a b"
    assert len(shown("x" * 100)) == 40
