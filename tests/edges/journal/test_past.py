import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.edges.journal.decisions import DecisionLog, Retention
from engine.edges.journal.past import past_decisions
from engine.errors import DamagedData, InvalidInput
from tests.happenings import decision


def record(path: Path, first: int, count: int) -> None:
    """Writes decisions, each session a block of its own while they are few."""
    log = DecisionLog(path, lambda: 0, Retention())
    for n in range(first, first + count):
        assert log.record(decision(f"d{n}"))
    log.close()


def names(path: Path) -> list[str]:
    return [record.decision.decision_id for record in past_decisions(path)]


def test_all_decisions_come_back_in_their_order(tmp_path: Path) -> None:
    record(tmp_path / "decisions.db", 0, 600)
    assert names(tmp_path / "decisions.db") == [f"d{n}" for n in range(600)]


def test_a_damaged_block_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "decisions.db"
    record(path, 0, 1)
    record(path, 1, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE blocks SET body = substr(body, 1, 20) WHERE block = 1")
    assert names(path) == ["d1"]
    assert "a damaged block of decisions is passed over" in caplog.text


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "decisions.db"
    path.write_text("nothing of the kind" * 100)
    with pytest.raises(DamagedData, match="is damaged"):
        names(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds no decisions\.db"):
        names(tmp_path / "decisions.db")
