"""The log of shadows: bounded, found by decision, and nothing anybody has to wait for."""

import logging
from collections import Counter
from pathlib import Path

import pytest

from engine.challenger.shadowing import Missed, Shadow
from engine.codec import DecisionRecord
from engine.edges.journal import shadows
from engine.edges.journal.shadows import ShadowLog, missed_by, shadow_of, shadows_of
from engine.model import DecisionId
from tests.builders import NOW, decide, question
from tests.rulebook.builders import book


def shadow(number: int, name: str = "autumn") -> Shadow:
    made = decide(book())
    made.decision_id, made.decided_at = DecisionId(f"d{number}"), NOW + number
    return Shadow(name, DecisionRecord(question(), made), 0.25, 0.5)


async def write(path: Path, *cast: Shadow, missed: Counter[Missed] | None = None) -> None:
    log = ShadowLog(path, "autumn", NOW, lambda: missed or Counter())
    for each in cast:
        log.keep(each)
    await log.close()


def numbers(path: Path, name: str = "autumn", since: int = 0) -> list[int]:
    return [s.record.decision.decided_at - NOW for s in shadows_of(path, name, since)]


async def test_what_is_kept_comes_back_whole_the_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "shadows.db"
    one, two = shadow(1), shadow(2)
    await write(path, one, two, shadow(3, "winter"))
    assert numbers(path) == [2, 1]
    assert numbers(path, since=NOW + 2) == [2]
    assert numbers(path, "winter") == [3]
    found = shadow_of(path, DecisionId("d2"))
    assert found is not None
    assert found.record.decision == two.record.decision
    assert found.record.question == two.record.question
    assert (found.name, found.served, found.took) == ("autumn", 0.25, 0.5)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadows, "MOST", 3)
    path = tmp_path / "shadows.db"
    await write(path, *[shadow(n) for n in range(5)])
    await write(path, shadow(5))
    assert numbers(path) == [5, 4, 3]
    assert shadow_of(path, DecisionId("d0")) is None


async def test_what_was_missed_adds_up_over_runs(tmp_path: Path) -> None:
    path = tmp_path / "shadows.db"
    await write(path, missed=Counter({Missed.SHED: 2}))
    await write(path, missed=Counter({Missed.SHED: 3, Missed.FAILED: 1}))
    assert missed_by(path, "autumn", NOW) == {Missed.SHED: 5, Missed.FAILED: 1}
    assert missed_by(path, "autumn", NOW + 1) == {}


async def test_what_cannot_be_written_is_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "shadows.db"
    path.mkdir()
    with caplog.at_level(logging.WARNING):
        await write(path, shadow(1))
    assert "1 shadows are not kept" in caplog.text


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "shadows.db"
    assert numbers(path) == []
    assert shadow_of(path, DecisionId("d1")) is None
    assert missed_by(path, "autumn", NOW) == {}
