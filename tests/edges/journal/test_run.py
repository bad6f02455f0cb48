import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.edges.journal.database import open_database
from engine.edges.journal.run import Run, belongs, mark, mark_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "journal.db", "")) as opened:
        yield opened


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "beside.db", "")) as opened:
        yield opened


def test_a_file_belongs_start_after_start(
    journal: sqlite3.Connection, beside: sqlite3.Connection
) -> None:
    for number in range(3):
        run = Run.over(journal, number)
        assert belongs(beside, run, is_new=number == 0)
        mark(beside, run)
        mark_journal(journal, run)


def test_a_start_that_was_broken_off_before_the_journal_was_marked_changes_nothing(
    journal: sqlite3.Connection, beside: sqlite3.Connection
) -> None:
    mark(beside, Run.over(journal, 1))
    mark(beside, Run.over(journal, 1))
    assert belongs(beside, Run.over(journal, 1), is_new=False)


def test_an_old_copy_does_not_belong(
    journal: sqlite3.Connection, beside: sqlite3.Connection, tmp_path: Path
) -> None:
    for _ in range(2):
        run = Run.over(journal, 1)
        mark(beside, run)
        mark_journal(journal, run)
        if not (tmp_path / "copy.db").exists():
            beside.execute(f"VACUUM INTO '{tmp_path / 'copy.db'}'")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert not belongs(copy, Run.over(journal, 1), is_new=False)
    assert belongs(beside, Run.over(journal, 1), is_new=False)


def test_files_of_a_version_that_marked_none_belong(
    journal: sqlite3.Connection, beside: sqlite3.Connection
) -> None:
    assert belongs(beside, Run.over(journal, 7), is_new=False)


@pytest.mark.parametrize(("seq", "expected"), [(0, True), (7, False)])
def test_a_new_file_belongs_to_a_new_journal_only(
    journal: sqlite3.Connection, beside: sqlite3.Connection, seq: int, *, expected: bool
) -> None:
    assert belongs(beside, Run.over(journal, seq), is_new=True) is expected
