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


def test_a_cell_that_is_too_long_is_said_so_and_stops_nothing(tmp_path: Path) -> None:
    long = "x" * 131_073
    found = rows(written(tmp_path, f'id,name\n1,{long}\n2,ok\n3,"{"x" * 99}\n' + f"{long}\n"))
    assert [row.number for row in found] == [2, 3, 4]
    assert found[0].problem == "cannot be read: a cell has more than 131,072 characters"
    assert found[1] == Row(3, ["2", "ok"])
    assert found[2].problem.endswith("characters and goes on to line 5: is a quote not closed?")


def test_a_nul_character_is_a_mistake_of_its_row(tmp_path: Path) -> None:
    found = rows(written(tmp_path, b"id,name\n1,An\0na\n2,ok\n"))
    assert (found[0].number, found[0].column) == (2, "name")
    assert found[0].problem == "has a NUL character in it"
    assert found[1] == Row(3, ["2", "ok"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_utf_16_is_recognised_and_read_if_asked(tmp_path: Path, encoding: str, pack: Any) -> None:
    path = written(tmp_path, pack("id,name\n1,Zoë\n".encode(encoding)))
    with pytest.raises(InvalidInput, match="looks like UTF-16: use --encoding utf-16"):
        rows(path)
    assert rows(path, encoding=encoding) == [Row(2, ["1", "Zoë"])]


def test_what_is_no_text_in_its_encoding_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no text in the encoding utf-32"):
        rows(written(tmp_path, "id,name\n1,Zoë\n"), encoding="utf-32")
    long = ("id,name\n" + "1,Zoë\n" * 50_000).encode("utf-16")
    found = rows(written(tmp_path, long[:-1]), encoding="utf-16")
    assert len(found) > 1
    assert "from here on it is no text" in found[-1].problem


def test_a_compressed_file_that_is_damaged_is_said_so(tmp_path: Path) -> None:
    packed = gzip.compress(b"id,name\n" + b"".join(b"%d,Anna\n" % i for i in range(50_000)))
    for start, said in ((packed[:11], "damaged"), (b"\x1f\x8b", "damaged")):
        with pytest.raises(InvalidInput, match=said):
            rows(written(tmp_path, start, "t.csv.gz"))
    bent = bytearray(packed)
    bent[len(bent) // 2 : len(bent) // 2 + 40] = b"\xff" * 40
    assert "damaged or cut short" in rows(written(tmp_path, bytes(bent), "t.csv.gz"))[-1].problem
