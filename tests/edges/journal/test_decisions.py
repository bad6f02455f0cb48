import asyncio
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import pytest

from engine.contact.pending import Returned
from engine.edges.journal.decisions import (
    MAX_WAITING,
    DecisionLog,
    PastRequest,
    Retention,
    how_many,
    recorded,
)
from engine.model import DAY, DecisionId, Value
from engine.running.slices import Later, at_once
from tests.happenings import decision

Work = Callable[[], None]


class Seen(list[Value]):
    """Values that can be watched."""


@contextmanager
def log_at(
    path: Path, now: int = 0, retention: Retention | None = None, later: Later | None = None
) -> Iterator[DecisionLog]:
    log = DecisionLog(path, lambda: now, retention or Retention(), later=later)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else can write to the database meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


async def test_a_decision_is_found_before_and_after_it_is_written(tmp_path: Path) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    record = decision("d1")
    with log_at(path) as log:
        with held(path):
            assert log.record(record)
            assert await log.decision(loop, DecisionId("d1")) is record
        assert await log.decision(loop, DecisionId("d2")) is None
    with log_at(path) as log:
        again = await log.decision(loop, DecisionId("d1"))
        assert repr(again) == repr(record)


async def test_each_of_many_is_found_in_its_block(tmp_path: Path) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    with log_at(path) as log:
        for n in range(700):
            assert log.record(decision(f"d{n}", values=[n]))
    with log_at(path) as log:
        for n in (0, 255, 256, 511, 699):
            record = await log.decision(loop, DecisionId(f"d{n}"))
            assert record is not None
            assert record.decision.values == [n]


async def test_a_full_queue_lets_records_go_instead_of_blocking(tmp_path: Path) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    with log_at(path) as log:
        with held(path):
            records = [decision(f"d{n}") for n in range(MAX_WAITING + 1)]
            assert all(log.record(record) for record in records[:-1])
            assert not log.record(records[-1])
        assert await log.decision(loop, DecisionId("d0")) is not None
    with log_at(path) as log:
        assert await log.decision(loop, DecisionId(f"d{MAX_WAITING - 1}")) is not None
        assert await log.decision(loop, DecisionId(f"d{MAX_WAITING}")) is None


@pytest.mark.parametrize("later", [None, at_once])
def test_a_caller_that_never_rests_loses_nothing(tmp_path: Path, later: Later | None) -> None:
    """Every call to the system lets go of the interpreter and takes it back before the writer wakes."""
    reading, writing = os.pipe()
    with log_at(tmp_path / "decisions.db", later=later) as log:
        for n in range(2 * MAX_WAITING):
            assert log.record(decision(f"d{n}"))
            os.write(writing, b"x")
            os.read(reading, 1)
    os.close(reading)
    os.close(writing)
    assert how_many(tmp_path / "decisions.db") == 2 * MAX_WAITING


async def test_what_is_recorded_is_encoded_by_who_records_it_soon_after(tmp_path: Path) -> None:
    path, loop, soon = tmp_path / "decisions.db", asyncio.get_running_loop(), list[Work]()
    with log_at(path, later=soon.append) as log, held(path):
        made = [decision(f"d{n}", values=Seen([n])) for n in range(3)]
        let_go = [weakref.ref(cast("Seen", record.decision.values)) for record in made]
        for record in made:
            log.record(record)
        del made, record
        assert len(soon) == 1
        soon.pop()()
        assert not soon
        assert [gone() for gone in let_go] == [None] * 3
        found = await log.decision(loop, DecisionId("d1"))
        assert found is not None
        assert found.decision.values == [1]
        log.record(decision("d3"))
        assert len(soon) == 1
    assert [r.decision.decision_id for r in recorded(path)] == ["d0", "d1", "d2", "d3"]


def test_what_is_not_encoded_by_who_recorded_it_the_writer_encodes(tmp_path: Path) -> None:
    path, soon = tmp_path / "decisions.db", list[Work]()
    with log_at(path, later=soon.append) as log:
        for n in range(200):
            log.record(decision(f"d{n}"))
        while log.waiting:
            pass
        while soon:
            soon.pop()()
    assert how_many(path) == 200


async def test_requests_are_recalled_newest_first(tmp_path: Path) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    with log_at(path) as log:
        log.record(decision("d1", request_id="r1", at=10))
        log.record(decision("d2", at=20))
        log.record(decision("d3", request_id="r3", at=30))
    with log_at(path) as log:
        log.record(decision("d4", request_id="r4", at=40))
    with log_at(path) as log:
        assert await log.recent_requests(loop, 11) == [
            PastRequest("r4", DecisionId("d4"), 40),
            PastRequest("r3", DecisionId("d3"), 30),
        ]


async def test_decisions_past_their_time_are_let_go(tmp_path: Path) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    with log_at(path) as log:
        log.record(decision("old", at=0))
    with log_at(path, now=8 * DAY) as log:
        log.record(decision("new", at=8 * DAY))
    with log_at(path, now=8 * DAY) as log:
        assert await log.decision(loop, DecisionId("old")) is None
        assert await log.decision(loop, DecisionId("new")) is not None


async def test_the_oldest_are_let_go_when_there_is_no_more_room(tmp_path: Path) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    retention = Retention(size=400_000)
    for start in range(0, 3_000, 500):
        with log_at(path, retention=retention) as log:
            for n in range(start, start + 500):
                log.record(decision(f"d{n}", actions=n % 97, content={"headline": str(n * n)}))
    with log_at(path, retention=retention) as log:
        assert await log.decision(loop, DecisionId("d0")) is None
        assert await log.decision(loop, DecisionId("d2999")) is not None
    assert path.stat().st_size < 2 * retention.size


@pytest.mark.parametrize("later", [None, at_once])
async def test_one_that_cannot_be_written_does_not_take_others_with_it(
    tmp_path: Path, later: Later | None, caplog: pytest.LogCaptureFixture
) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    with log_at(path, later=later) as log, held(path):
        log.record(decision("odd", values=[2**70]))
        log.record(decision("d1"))
    with log_at(path) as log:
        assert await log.decision(loop, DecisionId("odd")) is None
        assert await log.decision(loop, DecisionId("d1")) is not None
    assert "decision odd cannot be recorded" in caplog.text


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(statement)


@pytest.mark.parametrize(
    "damage",
    [
        "ids = x'00'",
        "ids = CAST('[[1]]' AS BLOB)",
        "ids = CAST('[[1,2,3]]' AS BLOB)",
        "body = x'00'",
        "body = CAST(substr(body, 1, 60) || 'X' || substr(body, 62) AS BLOB)",
    ],
)
async def test_a_damaged_block_is_passed_over(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    with log_at(path) as log:
        log.record(decision("d1", request_id="r1", at=10))
    with log_at(path) as log:
        log.record(decision("d2", request_id="r2", at=20))
    change(path, f"UPDATE blocks SET {damage} WHERE block = 1")
    with log_at(path) as log:
        assert await log.decision(loop, DecisionId("d1")) is None
        assert await log.decision(loop, DecisionId("d2")) is not None
        requests = [past.request_id for past in await log.recent_requests(loop, 0)]
        assert requests == (["r2"] if "ids" in damage else ["r2", "r1"])
    assert "block 1 of the decisions is damaged" in caplog.text
    with log_at(path, now=8 * DAY) as log:
        log.record(decision("d3", at=8 * DAY))
    with log_at(path) as log:
        assert await log.decision(loop, DecisionId("d3")) is not None
        assert await log.decision(loop, DecisionId("d2")) is None


@pytest.mark.parametrize(
    ("records", "fewest", "most"), [(12, 9, 13), (MAX_WAITING // 2, 1, MAX_WAITING // 16)]
)
def test_the_more_wait_the_less_often_the_writer_lets_go_of_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: int, fewest: int, most: int
) -> None:
    path, breaths = tmp_path / "decisions.db", 0

    def counted(_: float) -> None:
        nonlocal breaths
        breaths += 1

    monkeypatch.setattr("engine.edges.journal.decisions.time.sleep", counted)
    with log_at(path) as log:
        with held(path):
            for n in range(records):
                assert log.record(decision(f"d{n}"))
        while log.waiting:
            pass
        assert fewest <= breaths <= most


async def test_offers_whose_decision_was_lost_with_the_process_are_known_from_then_on(
    tmp_path: Path,
) -> None:
    path, loop = tmp_path / "decisions.db", asyncio.get_running_loop()
    lost, written = Returned.by(decision("d1", at=10).decision), decision("d2", at=20)
    with log_at(path) as log:
        log.returned(lost)
        log.returned(Returned.by(written.decision))
        log.record(written)
    for _ in range(2):
        with log_at(path) as log:
            offers = await log.recent_offers(loop, 0)
            assert sorted(offers) == [lost, Returned.by(written.decision)]
            assert await log.recent_offers(loop, 30) == []
            assert await log.decision(loop, DecisionId("d1")) is None
            assert await log.decision(loop, DecisionId("d2")) is not None
            assert await log.recent_requests(loop, 0) == []
    assert [record.decision.decision_id for record in recorded(path)] == ["d2"]
