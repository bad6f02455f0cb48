"""Tables read as frames against the same tables read row by row for the import."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.customer import absent
from engine.edges.grpc.values import Unfit, reader_of
from engine.imports.frames import FrameReader
from engine.imports.mapping import map_by_name, read_map
from engine.imports.plan import BadRow, ImportPlan, Rejection, settle
from engine.imports.table import open_table
from engine.model import UNKNOWN
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.frames.columns import column_of, values_of
from engine.wire.rulebook_pb2 import AttributeInfo

FACTS: list[tuple[str, Type, dict[str, Any]]] = [
    ("flag", Type(Kind.BOOL), {}),
    ("count", Type(Kind.INT), {"range": (0, 900)}),
    ("share", Type(Kind.DOUBLE), {"nullable": True}),
    ("word", Type(Kind.STRING), {"values": ("mass", "vip")}),
    ("name", Type(Kind.STRING), {"nullable": True}),
    ("since", Type(Kind.TIMESTAMP), {}),
    ("lasts", Type(Kind.DURATION), {}),
    ("tags", Type(Kind.LIST, Type(Kind.STRING)), {}),
]
DECLARED = tuple(
    Attribute(at, name, type_, **facts) for at, (name, type_, facts) in enumerate(FACTS)
)
BY_NAME = {a.name: a for a in DECLARED}
INFOS = [AttributeInfo(name=a.name, type=str(a.type), values=a.values) for a in DECLARED]
CELLS: dict[str, list[str]] = {
    "flag": ["yes", " No ", "1", "maybe", ""],
    "count": ["7", "+8", "901", "-1", "3.0", "4.5", "9" * 19, " 12 ", ""],
    "share": ["0.1", "-2", "1e-3", "nan", ".5", "1,5", "", "123456789012345.123456789"],
    "word": ["mass", " vip", "vipp", ""],
    "name": ["", "Zoë", " Ann Lee ", "x" * 60],
    "since": [
        "2026-11-21",
        "2026-02-30",
        "2026-11-21T10:00:00Z",
        "2026-11-21T10:00:00+01:00",
        "soon",
    ],
    "lasts": ["90s", "2w", "", "long"],
    "tags": ["a;b", "; a ;", "", "a"],
}
TYPED: dict[str, list[Any]] = {
    "flag": [True, False, None],
    "count": [7, 900, 901, None],
    "share": [0.5, float("nan"), None],
    "word": ["mass", "vipp", None],
    "name": ["Zoë", "", None],
    "since": [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None],
    "lasts": [timedelta(hours=2), None],
    "tags": [["a", " b "], [], None],
}


def one_by_one(plan: ImportPlan, path: Path) -> tuple[list[Any], list[Rejection]]:
    """What the import sends and the service takes of each row, and what either refuses."""
    readers = {a.name: reader_of(a, absent(a)) for a in DECLARED}
    people: list[Any] = []
    refused: list[Rejection] = []
    with open_table(path) as table:
        for row in table.rows:
            try:
                customer = plan.customer(row)
                read = {n: readers[n](v) for n, v in customer.attributes.items()}
            except BadRow as bad:
                refused += bad.rejections
            except Unfit:
                refused.append(Rejection(row.number, "", "", ""))
            else:
                people.append((customer.customer_id, read))
    return people, refused


def by_frames(plan: ImportPlan, path: Path) -> tuple[list[Any], list[Rejection]]:
    refused: list[Rejection] = []
    people: list[Any] = []
    with open_table(path) as table:
        for ids, frame in FrameReader(plan, BY_NAME, refused.append).parts(table, path):
            columns = {name: values_of(column_of(BY_NAME[name]), frame) for name in frame.columns}
            for at, customer in enumerate(ids):
                found = {n: c[at] for n, c in columns.items() if c[at] not in (None, UNKNOWN)}
                people.append((customer, found))
    return people, refused


def assert_same(plan: ImportPlan, path: Path) -> None:
    wanted, wrong = one_by_one(plan, path)
    came, refused = by_frames(plan, path)
    assert came == wanted
    assert {r.number for r in refused} == {r.number for r in wrong}
    assert {r for r in wrong if r.column} <= set(refused)


def plan_for(path: Path) -> ImportPlan:
    with open_table(path) as table:
        return settle(map_by_name(table.header, list(BY_NAME)), table.header, INFOS)


@pytest.mark.parametrize("seed", range(5))
def test_cells_of_csv(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["customer_id", *CELLS])
        for number in range(300):
            kinds = random.choice((4, 99))
            row = [random.choice(cells[: max(2, kinds)]) for cells in CELLS.values()]
            writer.writerow([random.choice((f"c{number}", f"c{number}", "")), *row])
        out.write("c,too,few\n")
    assert_same(plan_for(path), path)


@pytest.mark.parametrize("seed", range(3))
def test_values_of_parquet(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    path = tmp_path / "people.parquet"
    columns = {n: [random.choice(cells) for _ in range(200)] for n, cells in TYPED.items()}
    pl.DataFrame({"customer_id": range(200), **columns}).write_parquet(path)
    assert_same(plan_for(path), path)


def test_other_types_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pl.DataFrame(
        {
            "customer_id": ["a", "b"],
            "count": [7.0, 7.5],
            "share": [1, 2],
            "since": [date(2026, 1, 2), None],
            "flag": [1, 0],
            "name": pl.Series(["x", "y"], dtype=pl.Categorical),
        }
    ).write_parquet(path)
    assert_same(plan_for(path), path)


def test_a_mapping_with_words_formats_and_constants(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "id,Flag,Since,Word\n1,J,21.11.2026,\n2,N,2026-11-21,vip\n3,1,01.02.2026,mass\n"
    )
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "id: id\ncolumns:\n  Flag: {to: flag, values: {J: true, N: false}}\n"
        '  Since: {to: since, format: "%d.%m.%Y"}\n  Word: {to: word, blank: error}\n'
        "constants: {count: 3, tags: [a, b]}\n"
    )
    with open_table(path) as table:
        plan = settle(read_map(mapping), table.header, INFOS)
    assert_same(plan, path)


@settings(deadline=None)
@given(
    st.lists(
        st.text("0123456789+-.eE_infNa ,x", min_size=1, max_size=24)
        | st.floats(allow_nan=False).map(repr)
        | st.integers(-(10**20), 10**20).map(str),
        min_size=1,
    )
)
def test_numbers_are_read_to_the_last_bit(cells: list[str]) -> None:
    texts = [cell.replace(",", "") for cell in cells]
    columns = [f"c{at},{word},{word}" for at, word in enumerate(texts)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        path.write_text("\n".join(["customer_id,count,share", *columns]))
        assert_same(plan_for(path), path)
