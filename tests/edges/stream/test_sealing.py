"""All servers of an installation seal by one key, on a real Redis that comes and goes."""

import asyncio
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.capsule import Capsules, fresh_key
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import token_key
from engine.edges.stream.sealing import SharedKey
from engine.errors import InvalidInput, StorageError
from engine.model import ActionId
from tests.happenings import decision
from tools.brokers.redis import Redis


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    made = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await made.ask("FLUSHALL")
    yield made
    await made.close()


def directory(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir(exist_ok=True)
    return tmp_path / name


def opens(capsules: Capsules, token: bytes) -> bool:
    made = decision("d1", at=1).decision
    offer = made.placements[0].offers[0]
    return capsules.open(token, made.customer_id, ActionId(offer.action_id)).decision_id == "d1"


def sealed(capsules: Capsules) -> bytes:
    return capsules.seal(decision("d1", at=1).decision)


@asynccontextmanager
async def followed(shared: SharedKey, capsules: Capsules) -> AsyncIterator[None]:
    task = asyncio.create_task(shared.follow(capsules))
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_servers_that_start_together_agree_on_one_key(
    connection: Connection, tmp_path: Path
) -> None:
    keys = [SharedKey(connection, directory(tmp_path, name)) for name in "abc"]
    capsules = await asyncio.gather(*[key.open() for key in keys])
    for one in capsules:
        assert all(opens(other, sealed(one)) for other in capsules)
    files = {(tmp_path / name / "token.key").read_text() for name in "abc"}
    assert len(files) == 1
    assert stat.S_IMODE((tmp_path / "a" / "token.key").stat().st_mode) == 0o600


async def test_an_empty_redis_gets_the_key_again_and_what_was_sealed_meanwhile_opens(
    connection: Connection, tmp_path: Path
) -> None:
    old = SharedKey(connection, directory(tmp_path, "old"))
    capsules = await old.open()
    before = sealed(capsules)
    await connection.ask("FLUSHALL")
    new = SharedKey(connection, directory(tmp_path, "new"))
    others = await new.open()
    between = sealed(others)
    async with followed(old, capsules), followed(new, others), asyncio.timeout(60):
        while True:
            if known(capsules, between) and known(others, before):
                break
            await asyncio.sleep(0.05)


def known(capsules: Capsules, token: bytes) -> bool:
    try:
        return opens(capsules, token)
    except InvalidInput:
        return False


async def test_a_server_with_a_key_on_disk_starts_while_redis_is_away(
    redis: Redis, connection: Connection, tmp_path: Path
) -> None:
    first = await SharedKey(connection, directory(tmp_path, "a")).open()
    token = sealed(first)
    redis.stop(signal.SIGKILL)
    try:
        again = await SharedKey(connection, directory(tmp_path, "a")).open()
        assert opens(again, token)
    finally:
        redis.start()
        await connection.up()


async def test_a_key_put_first_seals_from_then_on(connection: Connection, tmp_path: Path) -> None:
    shared = SharedKey(connection, directory(tmp_path, "a"))
    capsules = await shared.open()
    before = sealed(capsules)
    text = (await connection.ask("GET", token_key())).decode()
    await connection.ask("SET", token_key(), fresh_key() + text)
    await shared.look()
    rotated = await SharedKey(connection, directory(tmp_path, "a")).open()
    assert sealed(rotated)[:5] != before[:5]
    assert opens(rotated, before)


async def test_nonsense_in_redis_is_no_key(connection: Connection, tmp_path: Path) -> None:
    shared = SharedKey(connection, directory(tmp_path, "a"))
    await shared.open()
    await connection.ask("SET", token_key(), "nonsense")
    with pytest.raises(StorageError, match="token in Redis"):
        await shared.look()
