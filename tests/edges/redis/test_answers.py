"""How long the servers of a cluster find a decision by its id."""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.answers import RedisAnswers
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import decision_key
from engine.model import DAY, Micros
from tests.happenings import decision
from tools.brokers.redis import Redis

DECIDED: Final = decision("d1").decision
KEY: Final = decision_key(DECIDED.customer_id, DECIDED.decision_id)


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


@pytest.mark.parametrize(("window", "by_id", "days"), [(30, 7, 7), (2, 7, 2), (30, 60, 30)])
async def test_a_decision_is_found_within_its_window_and_no_longer_than_is_set(
    connection: Connection, window: int, by_id: int, days: int
) -> None:
    answers = RedisAnswers(connection, Aside(connection), 0, by_id * DAY)
    answers.decided(DECIDED, b"token", window * DAY)
    assert await answers.token(DECIDED.customer_id, DECIDED.decision_id) == b"token"
    left: Micros = await connection.ask("PTTL", KEY) * 1_000
    assert days * DAY - DAY / 2 < left <= days * DAY


async def test_where_nothing_joins_by_id_nothing_is_kept(connection: Connection) -> None:
    answers = RedisAnswers(connection, Aside(connection), 0, 0)
    answers.decided(DECIDED, b"token", 30 * DAY)
    assert await answers.token(DECIDED.customer_id, DECIDED.decision_id) is None
