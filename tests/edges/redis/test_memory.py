import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from engine.contact.pending import Returned
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Change, RedisCustomers
from engine.edges.redis.memory import Weight, some_customers, used, weigh
from engine.edges.redis.offers import RecentOffers
from engine.edges.redis.scores import LastScores
from engine.model import HOUR, ActionId, CustomerId, DecisionId, Event, EventId
from engine.topology import apply
from engine.triggers.scored import Scored
from tests.happenings import exposure, interaction, response, update
from tools.brokers.redis import Redis

ADA = CustomerId("ada")


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


async def lived(connection: Connection, *entries: Event) -> Weight:
    customers = RedisCustomers(connection, lambda: 0)
    held = await customers.read(ADA)
    for entry in entries:
        apply(held.customer, entry)
    ids = [(EventId(entry.event_id), entry.time) for entry in entries]
    assert await customers.swap(Change(held.mark, held.customer, ids))
    return await weigh(connection, ADA)


async def test_nobody_weighs_nothing(connection: Connection) -> None:
    assert await weigh(connection, ADA) == Weight()


async def test_each_part_grows_by_what_belongs_to_it(connection: Connection) -> None:
    first = await lived(connection, interaction("e0"))
    called = await lived(connection, *(interaction(f"i{n}", at=n) for n in range(20)))
    assert called.interactions > first.interactions + 20 * 20
    assert (called.profile, called.offers) == (first.profile, first.offers)
    shown = await lived(
        connection, *(response(f"r{n}", at=n, to=exposure(f"d{n}", at=n)) for n in range(5))
    )
    assert shown.offers > called.offers + 5 * 40
    assert shown.interactions == called.interactions
    assert shown.event_ids > called.event_ids > first.event_ids > 0
    assert shown.total == shown.record + shown.event_ids


async def test_a_profile_is_weighed_apart(connection: Connection) -> None:
    customers = RedisCustomers(connection, lambda: 0)
    held = await customers.read(ADA)
    apply(held.customer, update(plan="premium", city="Ghent"))
    assert await customers.swap(Change(held.mark, held.customer, []))
    weight = await weigh(connection, ADA)
    assert weight.profile == len('"plan":"premium","city":"Ghent"')
    assert weight.event_ids == weight.offers == weight.interactions == 0


async def test_what_was_just_offered_is_weighed_too(connection: Connection) -> None:
    before = await lived(connection, interaction("e0"))
    returned = Returned(DecisionId("d1"), 0, ADA, None, "web", (ActionId("bundle"),))
    RecentOffers(connection, Aside(connection)).note(returned, HOUR)
    after = await weigh(connection, ADA)
    assert after.returned > 60
    assert after.total == before.total + after.returned


async def test_a_sample_names_customers_whatever_their_ids_hold(connection: Connection) -> None:
    assert await some_customers(connection, 10) == []
    customers = RedisCustomers(connection, lambda: 0)
    ids = {CustomerId(each) for each in ("ada", "a}d{a", "100%", "%7D", "")}
    for who in ids:
        held = await customers.read(who)
        assert await customers.swap(Change(held.mark, held.customer, []))
    await connection.ask("SET", "attune:k", "no customer")
    assert set(await some_customers(connection, 10)) == ids
    assert len(await some_customers(connection, 3)) == 3
    assert await used(connection) > 100_000


async def test_what_customers_weigh_is_told_to_people_and_programs(
    connection: Connection, redis: Redis
) -> None:
    weight = await lived(connection, *(interaction(f"i{n}", at=n) for n in range(20)))
    command = [sys.executable, "-m", "engine", "weigh", "--state", redis.url]
    told = await asyncio.to_thread(
        subprocess.check_output, [*command, "--expect", "1000000"], text=True
    )
    assert f"{weight.record:,}  the record" in told
    assert f"1,000,000 such customers take {weight.total / 1e3:.1f} GB." in told
    told = await asyncio.to_thread(
        subprocess.check_output, [*command, "ada", "nobody", "--format", "json"], text=True
    )
    figures = json.loads(told)
    assert figures["customers"] == 1
    assert figures["interactions"] == weight.interactions
    assert figures["total"] == weight.total


async def test_what_the_model_said_is_weighed_apart(connection: Connection) -> None:
    before = await lived(connection, interaction("e0"))
    said = Scored("web", 1, "m", tuple((ActionId(f"action_{n}"), 0.5) for n in range(20)))
    LastScores(Aside(connection)).note(ADA, said)
    after = await weigh(connection, ADA)
    assert before.scores == 0
    assert after.scores > len(said.encode())
    assert after.total == before.total + after.scores
