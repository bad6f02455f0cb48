"""Servers tell each other of their answers, on a real Redis."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.answers import RedisAnswers
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import decision_key
from engine.elsewhere import Claimed
from engine.errors import RequestConflict
from engine.model import DAY, SECOND, CustomerId, DecisionId, Micros
from tests.happenings import decision
from tools.brokers.redis import Redis

ADA, BEN = CustomerId("ada"), CustomerId("ben")
ASKED, OTHER = b"a" * 16, b"b" * 16
LONG = 20.0


class Server:
    """One of several, with a connection of its own."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.aside = Aside(connection)
        self.answers = RedisAnswers(connection, self.aside, 300 * SECOND, 7 * DAY)


def claim(
    server: Server, request_id: str, asked: bytes, patience: float
) -> "asyncio.Future[bytes | None]":
    """What comes of a claim."""
    coming: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    def told(claimed: Claimed) -> None:
        if isinstance(claimed, RequestConflict):
            coming.set_exception(claimed)
        else:
            coming.set_result(claimed)

    server.answers.claim(request_id, asked, patience, told)
    return coming


async def opened(redis: Redis) -> Server:
    return Server(await Connection.open(RedisAddress.parse(redis.url), patience=20))


@pytest.fixture
async def two(redis: Redis) -> AsyncIterator[tuple[Server, Server]]:
    servers = await opened(redis), await opened(redis)
    await servers[0].connection.ask("FLUSHALL")
    yield servers
    for server in servers:
        await server.connection.close()


async def test_of_many_who_claim_a_request_one_decides_and_the_others_get_its_reply(
    two: tuple[Server, Server],
) -> None:
    claims = [claim(server, "r1", ASKED, LONG) for server in two * 4]
    done, waiting = await asyncio.wait(claims, return_when=asyncio.FIRST_COMPLETED)
    assert [claim.result() for claim in done] == [None]
    two[0].answers.answered("r1", ASKED, b"the reply")
    assert set(await asyncio.gather(*waiting)) == {b"the reply"}
    assert await claim(two[1], "r1", ASKED, LONG) == b"the reply"


async def test_a_claim_that_is_not_answered_in_time_is_no_answer(
    two: tuple[Server, Server],
) -> None:
    a, b = two
    assert await claim(a, "r1", ASKED, LONG) is None
    assert await claim(b, "r1", ASKED, 0.0) is None
    a.answers.failed("r1")
    assert await claim(a, "r1", OTHER, LONG) is None


async def test_an_id_that_came_with_another_question_is_refused(two: tuple[Server, Server]) -> None:
    a, b = two
    assert await claim(a, "r1", ASKED, LONG) is None
    with pytest.raises(RequestConflict):
        await claim(b, "r1", OTHER, LONG)
    a.answers.answered("r1", ASKED, b"the reply")
    with pytest.raises(RequestConflict):
        await claim(b, "r1", OTHER, LONG)


async def test_a_token_is_found_by_customer_and_decision_while_it_counts(
    two: tuple[Server, Server],
) -> None:
    a, b = two
    made = decision("d1", at=1).decision
    a.answers.decided(made, b"token", 300 * SECOND)
    await a.connection.ask("PING")
    assert await b.answers.token(made.customer_id, DecisionId("d1")) == b"token"
    assert await b.answers.token(BEN, DecisionId("d1")) is None
    assert await b.connection.ask("PTTL", "attune:d:{ada}:d1") in range(1, 300_001)


@pytest.mark.parametrize(("window", "by_id", "days"), [(30, 7, 7), (2, 7, 2), (30, 60, 30)])
async def test_a_decision_is_found_within_its_window_and_no_longer_than_is_set(
    two: tuple[Server, Server], window: int, by_id: int, days: int
) -> None:
    connection, made = two[0].connection, decision("d1").decision
    answers = RedisAnswers(connection, Aside(connection), 0, by_id * DAY)
    answers.decided(made, b"token", window * DAY)
    assert await answers.token(made.customer_id, made.decision_id) == b"token"
    key = decision_key(made.customer_id, made.decision_id)
    left: Micros = await connection.ask("PTTL", key) * 1_000
    assert days * DAY - DAY / 2 < left <= days * DAY


async def test_where_nothing_joins_by_id_nothing_is_kept(two: tuple[Server, Server]) -> None:
    connection, made = two[0].connection, decision("d1").decision
    answers = RedisAnswers(connection, Aside(connection), 0, 0)
    answers.decided(made, b"token", 30 * DAY)
    assert await answers.token(made.customer_id, made.decision_id) is None


async def test_while_redis_is_away_a_server_is_on_its_own_and_counts_what_is_lost(
    redis: Redis, two: tuple[Server, Server]
) -> None:
    a, _ = two
    redis.stop(signal.SIGKILL)
    try:
        assert await claim(a, "r1", ASKED, LONG) is None
        a.answers.answered("r1", ASKED, b"the reply")
        assert a.aside.lost == 1
    finally:
        redis.start()


async def test_writes_beyond_the_room_there_is_are_lost_and_counted(
    two: tuple[Server, Server],
) -> None:
    aside = Aside(two[0].connection, room=2)
    for n in range(3):
        aside.write("SET", f"k{n}", n)
    aside.write("SET", "k3", "PX", "nonsense")
    await two[0].connection.ask("PING")
    assert [await two[1].connection.ask("GET", f"k{n}") for n in range(3)] == [b"0", b"1", None]
    assert aside.lost == 2
    aside.write("SET", "k4", "x", "PX", "nonsense")
    await two[0].connection.ask("PING")
    assert aside.lost == 3
