"""CSV taken many rows at a time against the same CSV read row by row."""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.imports import plain
from engine.imports.frames import FrameReader
from engine.imports.mapping import map_by_name
from engine.imports.plain import PlainFile
from engine.imports.plan import Rejection, settle
from engine.imports.table import open_table
from engine.rulebook.book import Attribute, Kind, Type
from engine.wire.rulebook_pb2 import AttributeInfo

ATTRIBUTES = {
    "name": Attribute(0, "name", Type(Kind.STRING)),
    "count": Attribute(1, "count", Type(Kind.INT)),
}
INFOS = [AttributeInfo(name=a.name, type=str(a.type)) for a in ATTRIBUTES.values()]
HEADER = "customer_id,name,count\n"


def read(path: Path, *, by_blocks: bool) -> tuple[list[Any], list[Rejection]]:
    refused: list[Rejection] = []
    rows: list[Any] = []
    with open_table(path) as opened:
        table = opened if by_blocks else replace(opened, lines=None)
        plan = settle(map_by_name(table.header, list(ATTRIBUTES)), table.header, INFOS)
        for ids, frame in FrameReader(plan, ATTRIBUTES, refused.append).parts(table, path):
            rows += [(name, *row) for name, row in zip(ids, frame.rows(), strict=True)]
    return sorted(rows, key=repr), sorted(refused, key=lambda r: (r.number, r.column))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text("ab7,;\n\r ä😀", max_size=60)
    | st.text('a7,\n"\0', max_size=30)
    | st.text('a7,"\n', max_size=40)
    | st.lists(
        st.sampled_from(
            ['c1,"Ann, B.",3\n', 'c2,"5"" x",4\r\n', 'c3,"",\n', '"c4","b","7"\n', 'c5,5" x,1\n']
        )
    ).map("".join)
    | st.lists(
        st.sampled_from(["c1,Ann,3\n", "c2, Bo ,x\n", "\n", "c3,\n", ",,\r\n", "c4,a,b,c\n"])
    ).map("".join),
    size=st.sampled_from([7, 64, 1 << 20]),
)
def test_both_ways_of_reading_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, size: int
) -> None:
    monkeypatch.setattr(plain, "_BYTES", size)
    path = tmp_path / "people.csv"
    path.write_bytes((HEADER + text).encode())
    assert read(path, by_blocks=True) == read(path, by_blocks=False)


@pytest.mark.parametrize(
    ("content", "is_plain"),
    [
        (b"customer_id,name\n1,a\n", True),
        (b"customer_id,name\r\n1,a\r\n", True),
        (b"\xef\xbb\xbfcustomer_id,name\n1,a", True),
        (b'customer_id,name\n1,"a, ""b"""\n', True),
        (b'customer_id,name\n1,"a\nb"\n', False),
        (b'customer_id,name\n1,5" b\n', False),
        (b"customer_id,name\r1,a\r", False),
        (b"customer_id,name\n1,\xff\n", False),
        (b"customer_id,name\n1,\0\n", False),
    ],
)
def test_what_is_plain(tmp_path: Path, content: bytes, is_plain: bool) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    assert PlainFile(path, ",", 2).is_plain() is is_plain


def test_gzipped_and_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + HEADER.encode() + b"c1,Ann,3\nc2,Bo,4\n"))
    rows, refused = read(path, by_blocks=True)
    assert rows == [("c1", "Ann", 3), ("c2", "Bo", 4)]
    assert refused == []


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "c1,Ann,3\n")
    with open_table(path) as table:
        assert table.lines is not None
        list(table.lines.blocks())
        assert table.progress() == table.size
