import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.edges.journal.database import (
    DataDirectory,
    delete_all,
    insert_all,
    known_among,
    open_database,
)
from engine.errors import StorageError

TABLES = "CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY);"


def test_a_new_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "deep" / "data")
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    directory.close()


def test_a_directory_in_use_names_the_process_that_uses_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from engine.edges.journal.database import DataDirectory;"
        "d = DataDirectory(Path(sys.argv[1])); print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "mine\n"
        with pytest.raises(StorageError, match=f"in use by process {child.pid}: stop that one"):
            DataDirectory(tmp_path)
        child.kill()
    DataDirectory(tmp_path).close()


def test_a_directory_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be used"):
        DataDirectory(tmp_path / "file" / "data")


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    open_database(path, TABLES).close()
    newer = sqlite3.connect(path)
    newer.execute("UPDATE meta SET value = 2 WHERE name = 'layout'")
    newer.commit()
    newer.close()
    with pytest.raises(StorageError, match="has layout 2, this version reads layout 1"):
        open_database(path, TABLES)


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(StorageError, match=r"is damaged .*put back a copy"):
        open_database(path, TABLES)


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "some.db", TABLES)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_many_rows_are_written_found_and_deleted_as_one_by_one(tmp_path: Path) -> None:
    names = [f"n{n}" for n in range(5_000)]
    with closing(
        open_database(tmp_path / "x.db", "CREATE TABLE names (name TEXT, n);")
    ) as database:
        insert_all(database, "names (name, n)", [(name, 7) for name in names])
        insert_all(database, "names (name, n)", [])
        assert database.execute("SELECT count(DISTINCT name), sum(n) FROM names").fetchone() == (
            5_000,
            35_000,
        )
        assert known_among(database, "names", "name", [*names, "nobody"]) == set(names)
        delete_all(database, "names", "name", names[1:])
        assert known_among(database, "names", "name", names) == {"n0"}


def test_rows_that_exist_are_treated_as_asked(tmp_path: Path) -> None:
    tables = "CREATE TABLE names (name TEXT PRIMARY KEY, n);"
    with closing(open_database(tmp_path / "x.db", tables)) as database:
        insert_all(database, "names (name, n)", [("ada", 1)])
        with pytest.raises(sqlite3.IntegrityError):
            insert_all(database, "names (name, n)", [("ada", 2)])
        then = "ON CONFLICT (name) DO UPDATE SET n = excluded.n"
        insert_all(database, "names (name, n)", [("ada", 2), ("bob", 3)], then)
        assert database.execute("SELECT * FROM names ORDER BY 1").fetchall() == [
            ("ada", 2),
            ("bob", 3),
        ]
