import gzip
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.backtest.table import Column, column, read_table
from engine.errors import InvalidInput
from engine.features import FeatureKind


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "past.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def typed(*cells: str | None) -> Column:
    return column(pl.Series("c", cells, dtype=pl.String))


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "2.5", None], FeatureKind.NUMBER, [1.0, 2.5, None]),
        (["1e3", "-4", "+2"], FeatureKind.NUMBER, [1000.0, -4.0, 2.0]),
        (["1", "NA", "3"], FeatureKind.NUMBER, [1.0, None, 3.0]),
        (["1,5", "2", "0,25"], FeatureKind.NUMBER, [1.5, 2.0, 0.25]),
        (["$84,835.00", "$1,000.50", "$12.00"], FeatureKind.NUMBER, [84835.0, 1000.5, 12.0]),
        (["1,200", "950", "3,400,000"], FeatureKind.NUMBER, [1200.0, 950.0, 3400000.0]),
        (["12 %", "7 %", "7 %"], FeatureKind.NUMBER, [12.0, 7.0, 7.0]),
        (["true", "False", None], FeatureKind.FLAG, [True, False, None]),
        (["Yes", "No", "Yes"], FeatureKind.CATEGORY, ["Yes", "No", "Yes"]),
        (["01234", "04321", "01234"], FeatureKind.CATEGORY, ["01234", "04321", "01234"]),
        (["1", "two", "1"], FeatureKind.CATEGORY, ["1", "two", "1"]),
        (["2026-01-02", "2026-01-05", None], FeatureKind.NUMBER, [20455.0, 20458.0, None]),
        (
            ["21-01-2026", "02-01-2026", "02-01-2026"],
            FeatureKind.NUMBER,
            [20474.0, 20455.0, 20455.0],
        ),
    ],
)
def test_types_are_found_out_from_all_cells(
    cells: list[str | None], kind: FeatureKind, values: list[Any]
) -> None:
    found = typed(*cells)
    assert (found.feature.kind, found.values, found.useless) == (kind, values, "")


def test_the_few_values_of_a_text_are_its_declared_values() -> None:
    assert typed("b", "a", "b", None).feature.values == ("a", "b")


def test_a_text_of_many_values_is_open() -> None:
    assert typed(*[f"v{n % 100}" for n in range(300)]).feature.values == ()


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["x7", "x8", "x9"], "different"),
        (["same", "same", None], "one value"),
        ([None, None], "one"),
    ],
)
def test_useless_columns_say_why(cells: list[str | None], why: str) -> None:
    assert why in typed(*cells).useless


def test_a_running_number_called_id_is_useless_another_number_is_not() -> None:
    numbers = [str(n) for n in range(20)]
    assert column(pl.Series("CustomerID", numbers)).useless
    assert not column(pl.Series("income", numbers)).useless
    assert not column(pl.Series("paid", numbers)).useless


@pytest.mark.parametrize(
    ("series", "kind", "first"),
    [
        (pl.Series("c", [True, False]), FeatureKind.FLAG, True),
        (pl.Series("c", [3, 4]), FeatureKind.NUMBER, 3.0),
        (pl.Series("c", [date(1970, 1, 3), date(1971, 1, 1)]), FeatureKind.NUMBER, 2.0),
        (pl.Series("c", [timedelta(hours=36), timedelta(1)]), FeatureKind.NUMBER, 1.5),
        (pl.Series("c", ["a", "b", "a"], dtype=pl.Categorical), FeatureKind.CATEGORY, "a"),
        (pl.Series("c", [["a"], ["b"]]), FeatureKind.SET, ["a"]),
    ],
)
def test_typed_columns_keep_their_types(
    series: pl.Series, kind: FeatureKind, first: object
) -> None:
    found = column(series)
    assert (found.feature.kind, found.values[0]) == (kind, first)


def test_a_type_nothing_can_be_learned_from_says_so() -> None:
    assert "List(Int64)" in column(pl.Series("c", [[1], [2]])).useless


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_header(file: Any, separator: str) -> None:
    path = file(f"a{separator}b\n1{separator}2\n")
    assert read_table(path).to_dicts() == [{"a": "1", "b": "2"}]


def test_a_separator_may_be_given(file: Any) -> None:
    assert read_table(file("a:b\n1:2,5\n"), ":").to_dicts() == [{"a": "1", "b": "2,5"}]


def test_blank_cells_are_missing_and_blank_lines_are_none(file: Any) -> None:
    assert read_table(file("a,b\n1,  \n\n ,2\n")).to_dicts() == [
        {"a": "1", "b": None},
        {"a": None, "b": "2"},
    ]


def test_gzip_byte_order_marks_quotes_and_foreign_bytes_are_read(file: Any) -> None:
    content = b'\xef\xbb\xbfa,b\n"x, ""y""",\xff\n'
    for path in (file(content), file(gzip.compress(content), "past.csv.gz")):
        assert read_table(path).to_dicts() == [{"a": 'x, "y"', "b": "\ufffd"}]


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "past.parquet"
    pl.DataFrame({"n": [1, 2], "t": ["x", " "]}).write_parquet(path)
    assert read_table(path).to_dicts() == [{"n": 1, "t": "x"}, {"n": 2, "t": None}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("past.csv", "", "past.csv: the file is empty"),
        ("past.csv", "a,b\n", "past.csv: the file has no rows"),
        ("past.csv", "a,b\n1,2\n3,4,5\n", "past.csv:3: the line has 3 fields, the header has 2"),
        (
            "past.csv",
            "a,b,c\n1,2,3\n\n4,5\n",
            "past.csv:4: the line has 2 fields, the header has 3",
        ),
        ("past.csv", 'a,b\n1,"open\n2,3\n', "past.csv: the rows cannot be read"),
        ("past.csv.gz", b"\x1f\x8bnonsense", "past.csv.gz: the file cannot be read"),
        ("past.parquet", "nonsense", "past.parquet: this is no Parquet file"),
    ],
)
def test_unreadable_files_say_what_is_wrong_and_where(
    file: Any, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_table(file(content, name))
    assert message in str(refused.value)


@pytest.mark.parametrize("separator", [None, ","])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_utf_16_is_said_so(file: Any, pack: Any, separator: str | None) -> None:
    with pytest.raises(InvalidInput, match="looks like UTF-16: save it as UTF-8"):
        read_table(file(pack("a,b\n1,2\n".encode("utf-16"))), separator)


def test_a_directory_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="this is a directory"):
        read_table(tmp_path)


def test_columns_without_a_name_are_called_by_their_place(file: Any) -> None:
    table = read_table(file("a,, ,column_2,\n1,2,3,4,5\n"))
    assert table.columns == ["a", "column_2_", "column_3", "column_2", "column_5"]
    assert table.row(0) == ("1", "2", "3", "4", "5")


def test_a_running_number_without_a_name_is_useless_other_values_are_not() -> None:
    assert column(pl.Series("column_1", [str(n) for n in range(20)])).useless
    assert not column(pl.Series("column_1", [str(n % 7) for n in range(20)])).useless


def test_a_missing_file_is_met_with_a_suggestion(file: Any) -> None:
    path = file("a\n1\n", "churn.csv")
    with pytest.raises(InvalidInput, match=r"no such file. Did you mean 'churn.csv'\?"):
        read_table(path.with_name("chrun.csv"))
