"""All customers of a data directory, read beside the service that writes it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.contact.household import for_household
from engine.edges.state.everybody import customer_ids, profiles
from engine.edges.state.names import JOURNAL
from engine.errors import InvalidInput
from engine.model import CustomerId, Response
from tests.edges.state.tally import Tally, store_at
from tests.happenings import interaction, response, update


def ages(data: Path) -> dict[str, object]:
    return {who.customer_id: who.attributes.get("age") for who in profiles(data)}


async def test_what_came_after_the_last_checkpoint_counts_too(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([update("ada", age=40), interaction("b1", "bob")])
        await store.settled()
        await store.checkpoint()
        await store.append([update("ada", at=9_000, age=41), update("eve", age=20)])
        assert ages(tmp_path) == {"ada": 41, "bob": None, "eve": 20}
        assert customer_ids(tmp_path) == {"ada", "bob", "eve"}
    assert ages(tmp_path) == {"ada": 41, "bob": None, "eve": 20}


async def test_a_household_is_nobody(tmp_path: Path) -> None:
    seen = response("a1")
    assert isinstance(seen.body, Response)
    record = CustomerId("\x1fhousehold\x1fh1")
    async with store_at(tmp_path, Tally()) as store:
        await store.append([seen, for_household(seen, seen.body, record)])
        assert customer_ids(tmp_path) == {"ada"}
    assert set(ages(tmp_path)) == {"ada"}


@pytest.mark.parametrize("damage", [b"\xff", b'[1,"bob",{},0,{},[],[],{},{},0]'])
async def test_a_damaged_row_is_passed_over(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([update("ada", age=40), update("bob", age=50)])
    with closing(sqlite3.connect(tmp_path / JOURNAL, isolation_level=None)) as database:
        database.execute("UPDATE customers SET body = ? WHERE customer_id = 'ada'", (damage,))
    assert ages(tmp_path) == {"bob": 50}
    assert "the damaged row of customer 'ada' is passed over" in caplog.text


def test_without_a_journal_nobody_is_known(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds no journal\.db"):
        customer_ids(tmp_path)
