import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.edges.journal.database import DataDirectory, open_database
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
