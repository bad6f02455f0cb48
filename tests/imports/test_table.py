import csv
import gzip
import io
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidInput
from engine.imports.table import Row, open_table


def rows(path: Path, **how: str) -> list[Row]:
    with open_table(path, **how) as table:
        return list(table.rows)


def written(tmp_path: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_rows_know_their_line_also_after_cells_of_many_lines(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,note\na,"one\ntwo\nthree"\n\nb,x\r\nc,y')
    assert [(row.number, row.cells) for row in rows(path)] == [
        (2, ["a", "one\ntwo\nthree"]),
        (6, ["b", "x"]),
        (7, ["c", "y"]),
    ]


@given(
    st.lists(
        st.lists(st.text(alphabet='ab," \n\r;é', max_size=6), min_size=2, max_size=2), max_size=8
    )
)
def test_lines_are_those_of_the_file_whatever_the_cells(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(("id", "note"))
    begins = []
    for row in cells:
        begins.append(len(out.getvalue().replace("\r\n", "\n").replace("\r", "\n").split("\n")))
        writer.writerow(row)
    path = written(tmp_path_factory.mktemp("lines"), out.getvalue())
    assert [(row.number, list(row.cells)) for row in rows(path, separator=",")] == list(
        zip(begins, cells, strict=True)
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path, f"id{separator}name\n1{separator}Anna\n")
    assert rows(path)[0].cells == ["1", "Anna"]


def test_the_separator_can_be_told(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "a,b:c\n1,2:3\n"), separator=":")[0].cells == ["1,2", "3"]


def test_gzip_and_a_byte_order_mark_are_seen_through(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress("\ufeffid,name\n1,Zoë\n".encode()), "t.csv.gz")
    with open_table(path) as table:
        assert table.header == ("id", "name")
        assert [row.cells for row in table.rows] == [["1", "Zoë"]]
        assert table.progress() == table.size


def test_a_bad_row_does_not_stop_the_next(tmp_path: Path) -> None:
    path = written(tmp_path, b'id,name\n1\n2,"x"y\n3,\xff\n4,ok\n5,ok,more\n')
    found = rows(path)
    assert [row.number for row in found] == [2, 3, 4, 5, 6]
    assert found[0].problem == "has 1 cells, but the header has 2"
    assert "quote" in found[1].problem
    assert (found[2].column, found[2].problem) == (
        "name",
        "has bytes that are no text in this encoding",
    )
    assert found[3] == Row(5, ["4", "ok"])
    assert found[4].problem == "has 3 cells, but the header has 2"


def test_other_encodings(tmp_path: Path) -> None:
    path = written(tmp_path, "id,name\n1,Zoë\n".encode("cp1252"))
    assert rows(path)[0].problem
    assert rows(path, encoding="cp1252")[0].cells == ["1", "Zoë"]


def test_a_file_that_was_cut_short_says_so(tmp_path: Path) -> None:
    whole = gzip.compress(b"id,name\n" + b"".join(b"%d,Anna\n" % i for i in range(50_000)))
    found = rows(written(tmp_path, whole[: len(whole) // 2], "t.csv.gz"))
    assert len(found) > 1
    assert "damaged or cut short" in found[-1].problem


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("a,b,a\n", "two columns are named 'a'"),
        ("a,,b\n", "column 2 has no name"),
        ('a,"b"c\n', "line 1: the header cannot be read"),
        ('a,"b\n', "line 1: the header cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        rows(written(tmp_path, content))


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns: dict[str, list[Any]] = {
        "id": ["a", "b"],
        "age": [40, None],
        "born": [date(1986, 1, 1), date(2000, 1, 1)],
        "channels": [["web"], []],
    }
    pl.DataFrame(columns).write_parquet(path)
    with open_table(path) as table:
        assert (table.unit, table.size) == ("row", 2)
        assert list(table.rows) == [
            Row(1, ("a", 40, date(1986, 1, 1), ["web"])),
            Row(2, ("b", None, date(2000, 1, 1), [])),
        ]
        assert table.progress() == 2


def test_what_is_called_parquet_and_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no Parquet file"):
        rows(written(tmp_path, "id\n1\n", "t.parquet"))
