"""Servers that share caps over a real Redis: never more than there is, whatever becomes of Redis."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from engine.caps.shared import LENT
from engine.edges.caps.recount import Recount
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps_run import CapsRun
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import CAPS_RUN, account_keys
from engine.model import DAY, HOUR, MINUTE, Micros, Step
from tests.builders import trace_of
from tests.edges.caps.desk import GREEDY, Desk, capped, desk, now, until
from tests.rulebook.builders import action, book
from tools.brokers.redis import Redis

CAP = "cap:a/offers/total"
KEYS = account_keys("a/offers/total", 0)


@pytest.fixture
async def asked(redis: Redis) -> AsyncIterator[Connection]:
    """A connection to a Redis with nothing in it."""
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await connection.ask("FLUSHALL")
    yield connection
    await connection.close()


async def figures(connection: Connection) -> dict[str, int]:
    names = ("shown", "held")
    return dict(zip(names, map(int, await connection.ask("HMGET", KEYS[0], *names)), strict=True))


async def held(connection: Connection, units: int) -> None:
    """Waits until Redis has been told of so many."""
    async with asyncio.timeout(30):
        while True:
            if (await figures(connection))["held"] == units:
                return
            await asyncio.sleep(0.01)


async def test_the_first_decision_finds_its_share_at_hand(redis: Redis, asked: Connection) -> None:
    async with desk(redis.url, capped(total=1)) as server:
        assert server.offers()
        assert not server.offers()


async def test_servers_make_as_many_offers_together_as_there_are(
    redis: Redis, asked: Connection
) -> None:
    rules = capped(total=60)
    async with (
        desk(redis.url, rules, 1) as one,
        desk(redis.url, rules, 2) as two,
        desk(redis.url, rules, 3) as three,
    ):
        made = 0

        def offer() -> bool:
            nonlocal made
            made += sum(server.offers() for server in (one, two, three))
            assert made <= 60
            return made == 60

        await until(offer)
        assert not any(server.offers() for server in (one, two, three))
    assert await figures(asked) == {"shown": 0, "held": 60}


async def test_what_is_at_hand_is_given_back_at_the_end(redis: Redis, asked: Connection) -> None:
    rules = capped(total=2)
    async with desk(redis.url, rules) as first:
        assert first.offers()
    async with desk(redis.url, rules) as second:
        assert second.offers()
        assert not second.offers()


async def test_while_redis_is_away_offers_under_caps_are_withheld_and_said_to_be(
    redis: Redis, asked: Connection
) -> None:
    async with desk(redis.url, capped(total=10)) as server:
        assert server.offers()
        assert not server.caps.degraded
        redis.stop()
        await until(lambda: not server.offers())
        (why,) = server.caps.degraded
        assert why.step is Step.CAPS
        assert why.reason.startswith("Redis cannot be reached")
        (kept_back,) = trace_of(server.decide(explain=True)).candidates
        assert "Redis cannot be reached" in kept_back.reasons[0].detail
        redis.start()
        await until(server.offers)
        assert not server.caps.degraded


async def test_a_redis_that_is_back_has_every_offer_told_before_and_since(
    redis: Redis, asked: Connection
) -> None:
    async with desk(redis.url, capped(total=40)) as server:
        made = sum(server.offers() for _ in range(10))
        redis.stop()
        await until(lambda: bool(server.caps.degraded))
        redis.start()
        await until(lambda: not server.caps.degraded)
        made += sum(server.offers() for _ in range(5))
    await asked.up()
    assert await figures(asked) == {"shown": 0, "held": made}
    assert made > 0


async def test_a_redis_that_lost_everything_keeps_caps_closed_until_nothing_lost_can_matter(
    redis: Redis, asked: Connection
) -> None:
    ends = {0: 7}
    async with desk(redis.url, capped(total=10), log=ends) as server:
        # a log that has begun beside a Redis without accounts: lost before this server began
        assert not server.offers()
        (why,) = server.caps.degraded
        assert why.reason.startswith("Redis lost")
        await asked.ask("HSET", CAPS_RUN, "closed", 0)  # as if the hold had passed
        assert not server.offers()
        await asked.ask("HSET", CAPS_RUN, "done:0", 1)  # a worker has counted again
        await until(server.offers)
        before = server.caps.degraded
        redis.stop()
        redis.forget()
        redis.start()
        await until(lambda: bool(server.caps.degraded))
        await until(lambda: server.caps.degraded == (why,))
        assert not server.offers()
    assert before == ()


async def passes(connection: Connection, time: Micros) -> None:
    """As if so long had passed since the loss."""
    for field in await connection.ask("HKEYS", CAPS_RUN):
        if field in (b"since", b"closed") or field.startswith(b"cap:"):
            await connection.ask("HINCRBY", CAPS_RUN, field, -time // 1_000)


async def test_behind_a_loss_each_cap_is_closed_for_its_own_hold(
    redis: Redis, asked: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    rules = book(
        policies=GREEDY,
        actions=[action("a", caps={"total": 9}), action("b", caps={"total": 9, "hold": "2d"})],
    )
    async with desk(redis.url, rules, log={0: 3}) as server:
        gauges = {gauge.name: gauge.read for gauge in server.caps.gauges()}

        def closed() -> object:
            return gauges["attune_caps_open"](), gauges["attune_caps_closed"]()

        def withheld() -> set[str]:
            decided = trace_of(server.decide(explain=True)).candidates
            return {str(one.action_id) for one in decided if one.reasons}

        assert closed() == (0, 2)
        assert "caps are closed for 30.2 to 2880.2 minutes" in caplog.text
        await passes(asked, LENT + 30 * MINUTE)
        assert withheld() == {"a", "b"}  # nobody has counted yet
        await asked.ask("HSET", CAPS_RUN, "done:0", 1)
        await until(lambda: closed() == (1, 1))
        assert withheld() == {"b"}
        assert server.caps.degraded
        await passes(asked, 2 * DAY)
        await until(lambda: closed() == (2, 0))
        assert not server.caps.degraded


async def test_a_server_without_caps_does_not_open_those_of_others(
    redis: Redis, asked: Connection
) -> None:
    without = book(policies=GREEDY, actions=[action("a")])
    async with (
        desk(redis.url, without, 1, {0: 3}) as one,
        desk(redis.url, capped(total=9), 2) as two,
    ):
        assert one.offers()
        assert not one.caps.degraded
        assert not two.offers()
        ran = await CapsRun(asked).look()
        assert ran is not None
        assert ran.closed_for > 29 * MINUTE
        assert not ran.is_counted


async def test_a_server_whose_book_holds_longer_keeps_a_cap_closed_on_every_server(
    redis: Redis, asked: Connection
) -> None:
    long, short = capped(total=9, hold="2h"), capped(total=9)
    async with desk(redis.url, short, 1, {0: 3}) as one, desk(redis.url, long, 2):
        await asked.ask("HSET", CAPS_RUN, "done:0", 1)
        await passes(asked, LENT + HOUR)
        (ran, left) = await CapsRun(asked).look(), int(await asked.ask("HGET", CAPS_RUN, CAP))
        assert ran is not None
        assert HOUR - MINUTE < ran.closed_for <= HOUR
        assert left > now() // 1_000
        assert not one.offers()
        await passes(asked, HOUR)
        await until(one.offers)


async def test_while_a_log_moves_here_caps_are_closed_however_long_and_then_until_it_is_counted(
    redis: Redis, asked: Connection
) -> None:
    ends = {0: 0}
    run = CapsRun(asked)

    async def whole() -> dict[int, int]:
        return {0: 0}

    async with desk(redis.url, capped(total=9), log=ends) as server:
        assert server.offers()
        await run.begin_move("moving")
        await until(lambda: bool(server.caps.degraded))
        await passes(asked, DAY)
        assert not await Recount(whole).is_done(run)
        assert not server.offers()
        ends[0] = 7
        await run.forget()

        async with asyncio.timeout(30):
            while True:
                if (to_count := await run.ends()) is not None:
                    break
                await asyncio.sleep(0.01)
        assert to_count == {0: 7}
        assert server.caps.degraded
        assert not server.offers()


async def test_an_account_that_went_back_closes_caps_on_every_server(
    redis: Redis, asked: Connection
) -> None:
    rules = capped(total=10)
    async with desk(redis.url, rules, 1, {0: 3}) as one, desk(redis.url, rules, 2) as two:
        await asked.ask("HSET", CAPS_RUN, "closed", 0)
        await asked.ask("HSET", CAPS_RUN, "done:0", 1)
        await until(one.offers)
        await until(two.offers)
        await asked.ask("DEL", *KEYS)
        await until(lambda: bool(one.caps.degraded and two.caps.degraded))
        assert not one.offers()
        assert not two.offers()


async def test_a_redis_that_hangs_is_taken_for_gone(redis: Redis, asked: Connection) -> None:
    async with desk(redis.url, capped(total=1_000)) as server:
        assert server.offers()
        os.kill(redis.pid, signal.SIGSTOP)
        await until(lambda: not server.offers())
        assert server.caps.degraded
        os.kill(redis.pid, signal.SIGCONT)
        await until(server.offers)


async def test_a_server_that_begins_without_redis_is_open_once_it_is_there(
    redis: Redis, asked: Connection
) -> None:
    redis.stop()
    async with desk(redis.url, capped(total=10)) as server:
        assert not server.offers()
        assert server.caps.degraded
        redis.start()
        await until(server.offers)


async def test_a_book_without_caps_is_never_degraded(redis: Redis, asked: Connection) -> None:
    redis.stop()
    async with desk(redis.url, book(policies=GREEDY, actions=[action("a")])) as server:
        assert server.offers()
        assert not server.caps.degraded
    redis.start()


async def test_a_new_book_goes_on_with_the_accounts_of_the_old_one(
    redis: Redis, asked: Connection
) -> None:
    async with desk(redis.url, capped(total=5)) as server:
        for _ in range(3):
            server.offers()
        rules = capped(total=4)
        server.caps.follow(await server.caps.guard(rules))
        later = Desk(server.caps, rules, 7)
        assert [later.offers() for _ in range(3)] == [True, False, False]
    assert await figures(asked) == {"shown": 0, "held": 4}


async def test_operations_see_what_all_servers_have_in_use(redis: Redis, asked: Connection) -> None:
    rules = capped(total=10)
    async with desk(redis.url, rules, 1) as one:
        assert one.offers()
    async with desk(redis.url, rules, 2) as two:
        gauges = {gauge.name: gauge for gauge in two.caps.gauges()}
        assert gauges["attune_cap_reserved"].read() == {"a/offers/total": 1.0}
        assert gauges["attune_caps_open"].read() == 1.0


async def test_what_one_server_had_lent_and_redis_lost_is_lent_to_nobody_else(
    redis: Redis, asked: Connection
) -> None:
    rules = capped(total=8)
    async with desk(redis.url, rules, 1) as one, desk(redis.url, rules, 2) as two:
        assert two.offers()
        before = await asked.ask("DUMP", KEYS[0])
        assert one.offers()
        await held(asked, 2)
        redis.stop()
        await until(lambda: bool(one.caps.degraded and two.caps.degraded))
        await asked.down()
        redis.start()
        await asked.up()
        await asked.ask("RESTORE", KEYS[0], 0, before, "REPLACE")  # an older copy came back

        def closed_for_good() -> bool:
            assert not two.offers()
            return all("lost" in server.caps.degraded[0].reason for server in (one, two))

        await until(closed_for_good)
