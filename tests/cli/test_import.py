"""`attune import customers`, as somebody types it."""

import csv
from pathlib import Path

import orjson
import polars as pl

from engine.model import CustomerId
from tests.imports.conftest import Attune, Live, telecom

__all__ = ["telecom"]

TABLE = """customer_id,customer.age,telco.plan,shoe
one,40,S,1
two,forty,S,1
three,50,XXL,1
four,60,M,1
"""


def test_good_rows_are_imported_and_bad_ones_named(
    telecom: Live, attune: Attune, tmp_path: Path
) -> None:
    file, errors = tmp_path / "t.csv", tmp_path / "errors.csv"
    file.write_text(TABLE)
    done = attune("import", "customers", file, "--server", telecom.address, "--errors", errors)
    assert done.returncode == 1
    assert done.stdout.startswith("2 customers imported, 2 rejected (")
    assert "line 3, column customer.age: 'forty' must be a whole number" in done.stderr
    assert "line 4, column telco.plan: 'XXL' is not one of S, M" in done.stderr
    assert "left out, because nothing is said of them: shoe" in done.stderr
    assert telecom.engine.customers[CustomerId("four")].attributes == {
        "customer.age": 60,
        "telco.plan": "M",
    }
    with errors.open(newline="") as written:
        assert [row[:3] for row in csv.reader(written)] == [
            ["line", "column", "value"],
            ["3", "customer.age", "forty"],
            ["4", "telco.plan", "XXL"],
        ]


def test_programs_get_json(telecom: Live, attune: Attune, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pl.DataFrame({"customer_id": ["p1", "p2"], "customer.age": [40, 300]}).write_parquet(file)
    done = attune("import", "customers", file, "--server", telecom.address, "--format", "json")
    told = orjson.loads(done.stdout)
    assert (told["rows"], told["imported"], told["rejected"]) == (2, 1, 1)
    assert told["errors"][0]["row"] == 2
    assert told["errors"][0]["column"] == "customer.age"
    assert done.returncode == 1


def test_a_clean_file_ends_with_0(telecom: Live, attune: Attune, tmp_path: Path) -> None:
    file, mapping = tmp_path / "t.csv", tmp_path / "map.yaml"
    file.write_text("Kunde;Alter\nk1;33\n")
    mapping.write_text("id: Kunde\ncolumns: {Alter: customer.age}\n")
    done = attune("import", "customers", file, "--map", mapping, "--server", telecom.address)
    assert (done.returncode, done.stdout[:32]) == (0, "1 customers imported, 0 rejected")


def test_where_nothing_can_be_done_it_ends_with_2(
    telecom: Live, attune: Attune, tmp_path: Path
) -> None:
    file, mapping = tmp_path / "t.csv", tmp_path / "map.yaml"
    wide = tmp_path / "wide.csv"
    file.write_text(TABLE)
    wide.write_text(TABLE, encoding="utf-16")
    mapping.write_text("id: customer_id\ncolumns: {shoo: customer.age}\n")
    for arguments, said in (
        ((tmp_path / "none.csv",), "there is no file"),
        ((file, "--map", tmp_path / "none.yaml"), "none.yaml cannot be read"),
        ((file, "--map", mapping), f"{mapping}:2:11: the table has no column 'shoo'. Did you mean"),
        ((file, "--sep", ";;"), "must be one character"),
        ((file, "--encoding", "latin-99"), "no encoding is called latin-99"),
        ((file, "--encoding", "base64"), "base64 is no encoding of text"),
        ((file, "--encoding", "undefined"), "no encoding is called undefined"),
        ((wide,), f"{wide}: looks like UTF-16: use --encoding utf-16"),
    ):
        done = attune("import", "customers", *arguments, "--server", telecom.address)
        assert done.returncode == 2, done
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_without_a_service_it_ends_with_2(attune: Attune, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(TABLE)
    done = attune("import", "customers", file, "--server", "127.0.0.1:1")
    assert done.returncode == 2
    assert "nothing answers at 127.0.0.1:1" in done.stderr
