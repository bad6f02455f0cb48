"""What was just offered, as servers tell each other, on a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contact.pending import Returned
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.offers import (
    KEPT,
    RecentOffers,
    decode_returned,
    encode_returned,
    read_list,
)
from engine.errors import DamagedData
from engine.model import HOUR, ActionId, CustomerId, DecisionId
from tools.brokers.redis import Redis

ADA, HOME = CustomerId("ada"), CustomerId("home")


def returned(number: int, *actions: str, household: CustomerId | None = None) -> Returned:
    names = tuple(ActionId(one) for one in actions)
    return Returned(DecisionId(f"d{number}"), number, ADA, household, "web", names)


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    made = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await made.ask("FLUSHALL")
    yield made
    await made.close()


async def told(offers: RecentOffers, subject: CustomerId) -> list[Returned]:
    coming: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    offers.ask(subject, coming.set_result)
    return read_list(await coming)


async def test_a_customer_and_their_household_are_told_of(connection: Connection) -> None:
    offers = RecentOffers(connection, Aside(connection))
    one, two = returned(1, "a"), returned(2, "b", "c", household=HOME)
    offers.note(one, HOUR)
    offers.note(two, HOUR)
    assert await told(offers, ADA) == [one, two]
    assert await told(offers, HOME) == [two]
    assert await connection.ask("PTTL", "attune:r:{ada}") in range(1, HOUR // 1_000 + 1)


async def test_the_newest_are_kept(connection: Connection) -> None:
    offers = RecentOffers(connection, Aside(connection))
    for number in range(KEPT + 3):
        offers.note(returned(number, "a"), HOUR)
    newest = await told(offers, ADA)
    assert [each.decided_at for each in newest] == list(range(3, KEPT + 3))


@given(st.integers(0, 2**53), st.lists(st.text(min_size=1), min_size=1), st.none() | st.just(HOME))
def test_what_is_noted_is_read_as_it_was(
    at: int, actions: list[str], household: CustomerId | None
) -> None:
    one = returned(at, *actions, household=household)
    assert decode_returned(encode_returned(one)) == one


def test_a_note_has_the_form_that_other_versions_read() -> None:
    noted = b'["d1",1,"ada",null,"web",["a","b"]]'
    assert encode_returned(returned(1, "a", "b")) == noted


@pytest.mark.parametrize("entry", [b"", b"{}", b"[1,2]", b'["d",1,"ada",null,"web",7]'])
def test_what_is_damaged_is_said_so(entry: bytes) -> None:
    with pytest.raises(DamagedData):
        decode_returned(entry)
