import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from engine.codec import Entry, SchemaNote, encode_entry
from engine.edges.journal import entries
from engine.edges.journal.database import open_reader
from engine.edges.journal.entries import (
    Checkpoint,
    Journal,
    Numbered,
    read_checkpoint,
    read_customer,
    read_entries,
    read_schemas,
)
from engine.errors import Overloaded, StorageError
from engine.model import CustomerId, EventStatus
from tests.happenings import interaction, update

ACCEPTED, DUPLICATE = EventStatus.ACCEPTED, EventStatus.DUPLICATE


@asynccontextmanager
async def journal_at(
    path: Path, committed: list[Numbered] | None = None, pages: int | None = None
) -> AsyncIterator[Journal]:
    journal = Journal(path)
    if pages is not None:
        journal.connection.execute(f"PRAGMA max_page_count = {pages}")
    seen = [] if committed is None else committed
    journal.start(asyncio.get_running_loop(), seen.extend)
    try:
        yield journal
    finally:
        journal.close()


def on_disk(path: Path) -> list[Numbered]:
    with closing(open_reader(path)) as reader:
        return list(read_entries(reader, 0, -1))


async def test_what_is_accepted_is_on_disk_in_order(tmp_path: Path) -> None:
    path, committed = tmp_path / "journal.db", list[Numbered]()
    async with journal_at(path, committed) as journal:
        sent: list[Entry] = [interaction("e1"), update(age=40), interaction("e2")]
        assert await journal.append(sent) == [ACCEPTED] * 3
        assert on_disk(path) == list(enumerate(sent, 1)) == committed


async def test_an_id_is_taken_once_within_a_batch_across_batches_and_restarts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    async with journal_at(path) as journal:
        batch = [interaction("e1"), interaction("e2"), interaction("e1", "bob")]
        assert await journal.append(batch) == [ACCEPTED, ACCEPTED, DUPLICATE]
        assert await journal.append([interaction("e2")]) == [DUPLICATE]
    async with journal_at(path) as journal:
        assert await journal.append(batch) == [DUPLICATE] * 3
        assert await journal.append([interaction("e3")]) == [ACCEPTED]
    assert [seq for seq, _ in on_disk(path)] == [1, 2, 3]


async def test_ids_with_any_characters_are_told_apart(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "journal.db") as journal:
        ids = ["a", "a\0", "a\0b", "A", "ä", "a "]
        assert await journal.append([interaction(i) for i in ids]) == [ACCEPTED] * 6
        assert await journal.append([interaction(i) for i in ids]) == [DUPLICATE] * 6


async def test_profile_updates_have_no_id_and_are_all_taken(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "journal.db") as journal:
        assert await journal.append([update(age=40), update(age=40)]) == [ACCEPTED] * 2


async def test_many_callers_share_commits_and_each_is_told_its_own(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "journal.db") as journal:
        calls = [journal.append([interaction(f"e{n // 2}")]) for n in range(400)]
        told = await asyncio.gather(*calls)
        assert told == [[ACCEPTED], [DUPLICATE]] * 200


async def test_a_caller_who_no_longer_waits_does_not_undo_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with journal_at(path) as journal:
        journal.append([interaction("e1")]).cancel()
        assert await journal.append([interaction("e1")]) == [DUPLICATE]
    assert len(on_disk(path)) == 1


async def test_a_full_disk_takes_nothing_and_goes_on_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, committed = tmp_path / "journal.db", list[Numbered]()
    large = [interaction(f"large{n}", what="x" * 4_000) for n in range(40)]
    async with journal_at(path, committed, pages=20) as journal:
        assert await journal.append([interaction("e1")]) == [ACCEPTED]
        with pytest.raises(StorageError, match="the disk is full; make room"):
            await journal.append([interaction("e2"), *large])
        assert [seq for seq, _ in on_disk(path)] == [1]
        assert await journal.append([interaction("e2"), *large]) == [ACCEPTED] * 41
    assert on_disk(path) == committed
    assert [seq for seq, _ in committed] == list(range(1, 43))
    assert [message.split(":")[0].split(" into")[0] for message in caplog.messages] == [
        "nothing is accepted",
        "events are accepted again",
    ]


async def test_a_checkpoint_on_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    ada = CustomerId("ada")
    async with journal_at(path, pages=20) as journal:
        await journal.save(Checkpoint(1, b"old", [(ada, b"old")]))
        bulk = [(CustomerId(f"c{n}"), b"x" * 4_000) for n in range(40)]
        with pytest.raises(StorageError, match="full"):
            await journal.save(Checkpoint(2, b"new", [(ada, b"new"), *bulk]))
        with closing(open_reader(path)) as reader:
            assert read_checkpoint(reader) == (1, b"old")
            assert read_customer(reader, ada) == b"old"
        await journal.save(Checkpoint(2, b"new", [(ada, b"new"), *bulk]))
        with closing(open_reader(path)) as reader:
            assert read_checkpoint(reader) == (2, b"new")
            assert read_customer(reader, ada) == b"new"


async def test_a_commit_that_failed_late_counts_once_it_is_found(tmp_path: Path) -> None:
    path, committed = tmp_path / "journal.db", list[Numbered]()
    async with journal_at(path, committed, pages=20) as journal:
        with pytest.raises(StorageError, match="full"):
            await journal.append([interaction("big", what="x" * 400_000)])
        with closing(sqlite3.connect(path)) as elsewhere:
            kind, body = encode_entry(interaction("late"))
            elsewhere.execute("INSERT INTO event_ids VALUES ('late')")
            elsewhere.execute("INSERT INTO entries VALUES (1, 0, ?, ?)", (kind, body))
            elsewhere.commit()
        assert await journal.append([interaction("late"), interaction("e2")]) == [
            DUPLICATE,
            ACCEPTED,
        ]
    assert committed == on_disk(path) == [(1, interaction("late")), (2, interaction("e2"))]


async def test_what_cannot_be_written_is_refused_without_harm_to_others(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "journal.db") as journal:
        good = journal.append([interaction("e1")])
        with pytest.raises(TypeError):
            journal.append([interaction("e2"), update(age=2**64)])
        with pytest.raises(ValueError, match="beyond 64 bit"):
            journal.append([interaction("e3", at=2**63)])
        assert await good == [ACCEPTED]


async def test_more_than_the_disk_can_take_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with journal_at(path) as journal:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            batch = [update(age=n) for n in range(entries.MAX_WAITING)]
            waiting = journal.append(batch)
            with pytest.raises(Overloaded):
                journal.append([interaction("e1")])
            holder.execute("ROLLBACK")
        assert await waiting == [ACCEPTED] * entries.MAX_WAITING
        assert await journal.append([interaction("e1")]) == [ACCEPTED]


async def test_schemas_are_found_without_reading_the_log(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    note = SchemaNote("s1", {"features": []})
    async with journal_at(path) as journal:
        await journal.append([interaction("e1"), note, interaction("e2")])
    with closing(open_reader(path)) as reader:
        assert list(read_schemas(reader, 3)) == [(2, note)]
        assert list(read_schemas(reader, 1)) == []
        plan = reader.execute(
            "EXPLAIN QUERY PLAN SELECT body FROM entries WHERE kind = 3 AND seq <= 3 ORDER BY seq"
        ).fetchall()
        assert "USING INDEX schemas" in plan[0][3]


async def test_old_ids_are_forgotten_in_the_order_of_the_log(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "journal.db") as journal:
        times = [10, 20, 90, 30]
        sent = [interaction(f"e{at}", at=at) for at in times]
        await journal.append(sent)
        assert await journal.forget_ids(before=50, at_most=1) == 1
        assert await journal.forget_ids(before=50) == 1
        assert await journal.forget_ids(before=50) == 0
        again = await journal.append(sent)
        assert again == [ACCEPTED, ACCEPTED, DUPLICATE, DUPLICATE]
