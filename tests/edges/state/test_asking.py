"""Who asks for a customer without a task is told what loading them comes to."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.edges.state.embedded import Embedded
from engine.edges.state.names import JOURNAL
from engine.edges.state.port import Found
from engine.errors import DamagedData
from engine.model import Customer, CustomerId
from tests.edges.state.tally import Tally, store_at
from tests.happenings import update

ADA, BOB = CustomerId("ada"), CustomerId("bob")


async def asked(store: Embedded, customer_id: CustomerId) -> Found:
    coming: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
    store.ask(customer_id, coming.set_result)
    store.hurry()
    return await coming


async def known(path: Path) -> None:
    """Has the store know Ada, on disk."""
    async with store_at(path, Tally()) as store:
        await store.append([update("ada", age=40)])
        await store.settled()
        await store.checkpoint()


async def test_who_is_in_memory_is_told_at_once(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([update("ada", age=40)])
        await store.settled()
        told: list[Found] = []
        store.ask(ADA, told.append)
        assert told == [await store.load(ADA)]


async def test_who_is_on_disk_is_told_once_they_are_read(tmp_path: Path) -> None:
    await known(tmp_path)
    async with store_at(tmp_path, Tally()) as store:
        told: list[Found] = []
        store.ask(ADA, told.append)
        assert told == []
        found = await asked(store, ADA)
        assert isinstance(found, Customer)
        assert found.attributes == {"age": 40}
        assert told == [found]
        assert await asked(store, BOB) == Customer(BOB)


async def test_damage_is_told_and_not_raised(tmp_path: Path) -> None:
    await known(tmp_path)
    with closing(sqlite3.connect(tmp_path / JOURNAL, isolation_level=None)) as database:
        database.execute("UPDATE customers SET body = x'00' WHERE customer_id = 'ada'")
        database.execute("UPDATE entries SET body = x'00' WHERE instr(body, 'ada')")
    async with store_at(tmp_path, Tally()) as store:
        assert isinstance(await asked(store, ADA), DamagedData)
        assert await asked(store, BOB) == Customer(BOB)
