"""Who asks."""

from pathlib import Path

import pytest

from engine.bench.people import customers
from engine.errors import InvalidInput


def test_customers_are_made_up_or_read_one_a_line(tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("anna\n\n bert \n")
    assert customers("25") == 25
    assert customers(str(ids)) == ("anna", "bert")


def test_of_a_csv_the_column_of_ids_is_read(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text('age,customer_id\n42,"anna, the first"\n17,bert\n')
    assert customers(str(people)) == ("anna, the first", "bert")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ids.txt", "\n", "holds no id"),
        ("people.csv", "id\nanna\n", "has no column customer_id"),
        ("people.csv", "", "has no column customer_id"),
        ("people.csv", "customer_id\n", "holds no id"),
    ],
)
def test_a_file_without_ids_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput, match=f"--customers.*{said}"):
        customers(str(tmp_path / name))


@pytest.mark.parametrize("named", ["0", "-3", "missing.txt", "."])
def test_what_is_no_number_and_no_file_is_refused(named: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"--customers: .* is neither a number nor a file of ids"
    ):
        customers(named)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ids.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="it is no text"):
        customers(str(tmp_path / "ids.bin"))
