import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.codec import SchemaNote
from engine.edges.journal.decisions import DecisionLog, Retention
from engine.edges.journal.past import past_decisions, past_entries, past_model
from engine.edges.state.names import JOURNAL
from engine.errors import DamagedData, InvalidInput
from tests.edges.state.tally import Tally, store_at
from tests.happenings import decision, interaction, response


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


def test_only_recent_decisions_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "decisions.db"
    record(path, 0, 3)
    at = next(past_decisions(path)).decision.decided_at
    assert len(list(past_decisions(path, at))) == 3
    assert list(past_decisions(path, at + 1)) == []


async def test_recent_entries_come_with_all_schemas(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.note_schema("s1", {"features": []})
        early, late = interaction("e1", at=1_000), interaction("e2", at=5_000)
        await store.append([early, late])
        found = [line for _, line in past_entries(tmp_path / JOURNAL, 2_000)]
    assert found == [SchemaNote("s1", {"digest": "s1"}), late]


async def test_the_model_of_the_last_checkpoint_is_at_hand(tmp_path: Path) -> None:
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        assert past_model(tmp_path / JOURNAL) is None
        await store.append([response("e1", reward=0.2)])
    assert past_model(tmp_path / JOURNAL) == tally.snapshot()
