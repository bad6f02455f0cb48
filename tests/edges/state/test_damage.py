"""Bytes flipped on disk: whom they concern is computed again or set aside, all others go on."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.codec import decode_customer
from engine.edges.state.embedded import Limits
from engine.edges.state.names import JOURNAL
from engine.errors import DamagedData, StorageError
from engine.model import CustomerId, EventStatus
from tests.edges.state.tally import Tally, rebuilt, recovered, store_at
from tests.happenings import exposure, interaction, response, update

ACCEPTED = EventStatus.ACCEPTED
ADA, BOB = CustomerId("ada"), CustomerId("bob")
DAMAGES = [b"\xff\x00", b"", b"[]", b"[1]", b"{}", b'[1,"bob",{},0,{},[],[],{},{},0]']


def change(data: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(data / JOURNAL, isolation_level=None)) as database:
        database.execute(statement, values)


class Refusing(Tally):
    """Takes no snapshot back."""

    def restore(self, snapshot: bytes) -> None:
        raise IndexError(f"{len(snapshot)} bytes of another learner")


async def lived(data: Path) -> None:
    """Ada has clicked and Bob has called; a checkpoint is written."""
    async with store_at(data, Tally()) as store:
        await store.append([update("ada", age=40), response("a1", outcome="click", reward=0.2)])
        await store.append([interaction("b1", "bob"), interaction("a2")])


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_customer_is_computed_again_and_teaches_nothing_twice(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await lived(tmp_path)
    change(tmp_path, "UPDATE customers SET body = ? WHERE customer_id = 'ada'", damage)
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        again = response("a3", outcome="accept", reward=1.0)
        assert await store.append([again, interaction("b2", "bob")]) == [ACCEPTED] * 2
        await store.settled()
        ada = await store.load(ADA)
        assert ada.counts == {"click": 1, "accept": 1}
        assert ada.attributes == {"age": 40}
        assert len((await store.load(BOB)).interactions) == 2
    assert f"{tmp_path / JOURNAL}: the row of customer 'ada' is damaged" in caplog.text
    assert tally.sums == {"bundle": 1.0}
    assert recovered(tmp_path) == rebuilt(tmp_path)


async def test_a_customer_computed_again_is_written_again(tmp_path: Path) -> None:
    await lived(tmp_path)
    change(tmp_path, "UPDATE customers SET body = x'00' WHERE customer_id = 'ada'")
    async with store_at(tmp_path, Tally()) as store:
        with pytest.raises(DamagedData, match="damaged"):
            await store.load(ADA)
        await store.append([interaction("a3")])
        await store.settled()
        before = (await store.load(ADA)).revision - 1
        await store.append(
            [interaction("b9", "bob")]
        )  # written after what was to be written before
        with closing(sqlite3.connect(tmp_path / JOURNAL)) as database:
            (body,) = database.execute(
                "SELECT body FROM customers WHERE customer_id = 'ada'"
            ).fetchone()
        assert decode_customer(body).revision == before


async def test_a_customer_lost_in_the_log_too_is_set_aside_and_all_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await lived(tmp_path)
    change(tmp_path, "UPDATE customers SET body = x'00' WHERE customer_id = 'ada'")
    change(tmp_path, "UPDATE entries SET body = x'00' WHERE instr(body, '\"ada\"')")
    async with store_at(tmp_path, Tally()) as store:
        later = response("a3", outcome="accept", reward=1.0)
        await store.append([later, interaction("b2", "bob")])
        await store.settled()
        assert store.backlog == 0
        for _ in range(3):
            with pytest.raises(DamagedData, match="customer 'ada'"):
                await store.load(ADA)
        assert len((await store.load(BOB)).interactions) == 2
    assert "'ada' is set aside" in caplog.text
    assert "set aside, decisions for them go without a profile" in caplog.text
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        await store.append([response("a4", outcome="buy", reward=1.0)])
        await store.settled()
        assert (await store.load(ADA)).counts == {"accept": 1, "buy": 1}
    assert tally.sums == {"bundle": 0.2}


async def test_a_row_in_the_tail_of_a_start_is_computed_again_too(tmp_path: Path) -> None:
    await lived(tmp_path / "data")
    async with store_at(tmp_path / "data", Tally()) as store:
        await store.append([response("a3", outcome="accept", reward=1.0)])
        await store.settled()
        await asyncio.to_thread(shutil.copytree, tmp_path / "data", tmp_path / "cut")
    change(tmp_path / "cut", "UPDATE customers SET body = x'00' WHERE customer_id = 'ada'")
    tally = Tally()
    async with store_at(tmp_path / "cut", tally) as store:
        assert (await store.load(ADA)).counts == {"click": 1, "accept": 1}
    assert tally.sums == {"bundle": 1.0}
    assert recovered(tmp_path / "cut") == rebuilt(tmp_path / "cut")


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_entry_is_passed_over_the_same_in_every_replay(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await lived(tmp_path / "data")
    async with store_at(tmp_path / "data", Tally()) as store:
        offer = exposure("d2")
        await store.append([response("a3", outcome="click", reward=0.2, to=offer)])
        await store.append([response("a4", outcome="accept", reward=1.0, to=offer)])
        await store.append([interaction("b2", "bob")])
        await asyncio.to_thread(shutil.copytree, tmp_path / "data", tmp_path / "cut")
    change(tmp_path / "cut", "UPDATE entries SET body = ? WHERE seq = 6", damage)
    tally = Tally()
    async with store_at(tmp_path / "cut", tally) as store:
        assert (await store.load(ADA)).counts == {"click": 1, "accept": 1}
        assert len((await store.load(BOB)).interactions) == 2
        assert await store.append([interaction("b3", "bob")]) == [ACCEPTED]
    assert f"entry 6 of the log is passed over: {tmp_path / 'cut' / JOURNAL}" in caplog.text
    assert recovered(tmp_path / "cut") == rebuilt(tmp_path / "cut")
    assert rebuilt(tmp_path / "cut")[1] == tally.snapshot()


async def test_an_unreadable_disk_holds_nobody_up_for_ever_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await lived(tmp_path)
    limits = Limits(checkpoint_seconds=None, patience=0.02)
    async with store_at(tmp_path, Tally(), limits) as store:
        await store.settled()
        change(tmp_path, "ALTER TABLE customers RENAME TO elsewhere")
        await store.append([interaction("a3"), interaction("c1", "eve")])
        for _ in range(2):
            with pytest.raises(StorageError, match="accepted and on disk, but not applied yet"):
                await store.settled()
        change(tmp_path, "ALTER TABLE elsewhere RENAME TO customers")
        while store.backlog:
            await asyncio.wait([asyncio.ensure_future(store.settled())])
        assert len((await store.load(ADA)).interactions) == 2
    assert caplog.text.count("accepted events wait to be applied") == 1


@pytest.mark.parametrize(
    "damage",
    [
        "model = CAST(substr(model, 1, 30) || 'X' || substr(model, 32) AS BLOB)",
        "model = substr(model, 1, 20)",
        "model = x''",
        "seq = seq - 1",
    ],
)
async def test_a_damaged_checkpoint_is_computed_and_learned_again_from_the_log(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    await lived(tmp_path)
    learned = rebuilt(tmp_path)[1]
    change(tmp_path, f"UPDATE checkpoint SET {damage}")
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        assert tally.snapshot() == learned
        assert (await store.load(ADA)).counts == {"click": 1}
        assert await store.append([interaction("b1", "bob")]) == [EventStatus.DUPLICATE]
    assert "fails its checksum; all is learned again from the log" in caplog.text
    assert "5 entries were learned again" in caplog.text
    assert recovered(tmp_path) == rebuilt(tmp_path)


async def test_a_model_that_cannot_be_restored_is_learned_again_from_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await lived(tmp_path)
    learned = rebuilt(tmp_path)[1]
    tally = Refusing()
    async with store_at(tmp_path, tally):
        assert tally.snapshot() == learned
    assert "all is learned again" in caplog.text
    async with store_at(tmp_path, again := Tally()):
        assert again.snapshot() == learned
