"""Several servers, one cap, a real Redis: whatever happens in whatever order, it is never overspent."""

import asyncio
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.caps.accounts import Need
from engine.caps.order import Order
from engine.caps.periods import ALWAYS
from engine.caps.price import BidPrice
from engine.caps.shared import LENT, RENEWED, SOON, SharedLedger
from engine.caps.vault import AccountKey, Charge, Share
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps import Outcome, RedisAccounts, RedisPrices
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import price_key
from engine.errors import DamagedData
from engine.model import SECOND, ActionId, DecisionId
from tools.brokers.redis import Redis

KEY = AccountKey("bundle/offers/total", 0)
ACTION = ActionId("bundle")
HOLD = 30 * SECOND
BLOCK = 4
SERVERS = 3


class World:
    """The time of all clocks, and what really happened to every offer of one cap of `limit`.

    Time passes by itself, and tests move it on by `wait`.
    """

    def __init__(self, connection: Connection, limit: int) -> None:
        self.connection = connection
        self.limit = limit
        self.passed = 0
        self.given: dict[int, int] = {}
        self.told: set[int] = set()
        self.in_time: set[int] = set()
        self.undelivered: set[int] = set()
        self.started = 0
        self.servers = [Server(self) for _ in range(SERVERS)]
        self.worker = RedisAccounts(connection, "worker", self.now, self.ahead)

    def now(self) -> int:
        return time.time_ns() // 1_000 + self.passed

    def ahead(self) -> int:
        return self.passed

    def wait(self, micros: int) -> None:
        self.passed += micros
        for server in self.servers:
            server.ledger.tend(self.now())

    async def show(self, newest: int, *, delivered: bool) -> None:
        """A response to one of the newest offers, that a worker applies, perhaps once more."""
        number = len(self.given) - 1 - newest
        if number < 0:
            return
        if number not in self.told | self.undelivered:
            if delivered:
                if self.now() < self.given[number]:
                    self.in_time.add(number)
                self.told.add(number)
            else:
                self.undelivered.add(number)
        elif delivered != (number in self.told):
            return
        outcome = Outcome(DecisionId(f"d{number}"), ACTION, delivered, 1)
        await self.worker.count(KEY, ALWAYS, [outcome])

    @property
    def outstanding(self) -> set[int]:
        """Offers that may yet be shown in time."""
        over = self.undelivered | self.told
        now = self.now()
        return {n for n, until in self.given.items() if now < until and n not in over}

    def check(self) -> None:
        assert len(self.in_time) + len(self.outstanding) <= self.limit


class Server:
    """One server in one of its lives."""

    def __init__(self, world: World) -> None:
        world.started += 1
        self.world = world
        self.accounts = RedisAccounts(
            world.connection, f"server{world.started}", world.now, world.ahead
        )
        self.ledger = SharedLedger(lambda _: None)
        self.account = self.ledger.account(KEY.cap, ALWAYS)

    def offer(self) -> bool:
        world = self.world
        now = world.now()
        self.ledger.expire(now)
        self.ledger.draw_ahead(self.account, Need(world.limit, world.limit, BLOCK, 1, HOLD))
        if self.ledger.room(self.account, world.limit) < 1:
            return False
        number = len(world.given)
        world.given[number] = now + HOLD
        charges = (Charge(KEY, 1),)
        self.ledger.reserve(Share(DecisionId(f"d{number}"), ACTION, charges, now + HOLD))
        return True

    async def serve(self, offers: int) -> None:
        """Makes offers, and tells of them at once."""
        for _ in range(offers):
            self.offer()
            await self.flush()

    async def flush(self, *, fate: str = "heard") -> None:
        """Sends what is due; it or its answer may be lost, or offers made before that is there."""
        for order in self.ledger.orders_due(self.world.now()):
            await self.send(order, fate)

    async def send(self, order: Order, fate: str, lease: int = LENT) -> None:
        sent = self.world.now()
        if fate == "lost":
            self.ledger.unheard(order)
            return
        standing = await self.accounts.order(order, lease)
        if fate == "crossed":
            for other in self.world.servers:
                if other is not self:
                    await other.flush()
                    other.offer()
            while self.offer():
                self.world.check()
        if fate == "unanswered":
            self.ledger.unheard(order)
        else:
            self.ledger.told(order, standing, sent + LENT)

    async def leave(self) -> None:
        for order in self.ledger.orders_to_give_back(self.world.now()):
            await self.send(order, "heard", lease=0)


WHO = st.integers(0, SERVERS - 1)
SERVING = st.tuples(st.sampled_from(["offer", "serve"]), WHO, st.integers(1, 4))
STEPS = st.one_of(
    SERVING,
    SERVING,
    SERVING,
    SERVING,
    st.tuples(st.sampled_from(["lost", "unanswered", "crossed", "crossed"]), WHO, st.just(0)),
    st.tuples(st.sampled_from(["show", "undeliver"]), WHO, st.integers(0, 15)),
    st.tuples(st.just("wait"), WHO, st.sampled_from([1, 4, 13, 31])),
    st.tuples(st.sampled_from(["crash", "restart", "away"]), WHO, st.just(0)),
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 9), st.lists(STEPS, min_size=25, max_size=60))
def test_nothing_is_overspent_and_nothing_is_lost_for_ever(redis: Redis, limit, steps) -> None:
    asyncio.run(live(redis, limit, steps))


async def live(redis: Redis, limit: int, steps: list[tuple[str, int, int]]) -> None:
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await connection.ask("FLUSHALL")
    try:
        world = World(connection, limit)
        for step in steps:
            await happen(world, *step)
            world.check()
        await drained(world)
    finally:
        await connection.close()


async def happen(world: World, step: str, who: int, amount: int) -> None:
    server = world.servers[who]
    match step:
        case "offer":
            for _ in range(amount):
                server.offer()
        case "serve":
            await server.serve(amount)
        case "lost" | "unanswered" | "crossed":
            await server.flush(fate=step)
        case "show" | "undeliver":
            await world.show(amount, delivered=step == "show")
        case "wait":
            world.wait(amount * SECOND)
        case "crash":
            world.servers[who] = Server(world)
        case "restart":
            await server.flush()
            await server.leave()
            world.servers[who] = Server(world)
        case "away":
            server.ledger.away()
            server.ledger.back()


async def drained(world: World) -> None:
    """Once all is settled, exactly what was not shown can be given out, by whichever server."""
    for server in world.servers:
        await server.flush()
    world.wait(LENT + 2 * HOLD)
    shown, before = len(world.told), len(world.given)
    for _ in range(40 * world.limit):
        for server in world.servers:
            while server.offer():
                world.check()
            await server.flush()
        world.wait(SOON)
        if len(world.given) - before >= world.limit - shown:
            break
        for newest in range(len(world.given) - before):
            await world.show(newest, delivered=True)
    assert len(world.given) - before == max(0, world.limit - shown)


@pytest.fixture
async def world(redis: Redis):
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await connection.ask("FLUSHALL")
    yield World(connection, 100)
    await connection.close()


async def test_what_a_dead_server_had_at_hand_comes_back_after_lease_and_hold(world: World) -> None:
    dead, alive, _ = world.servers
    dead.offer()
    await dead.flush()
    lent = dead.ledger.room(dead.account, world.limit)
    assert lent
    alive.offer()
    await alive.flush()
    assert alive.account.missing == lent
    world.wait(LENT + HOLD - RENEWED)
    await alive.flush()
    assert alive.account.missing == lent
    world.wait(RENEWED)
    await alive.flush()
    assert alive.account.missing == 0


async def test_an_offer_told_to_be_shown_before_it_is_told_to_be_made_counts_as_made(
    world: World,
) -> None:
    server = world.servers[0]
    server.offer()
    await server.flush()
    assert server.offer()
    outcome = Outcome(
        DecisionId("d0"), ACTION, shown=True, units=40
    )  # what it cost is not known yet
    await world.worker.count(KEY, ALWAYS, [outcome])
    at_hand = server.ledger.room(server.account, world.limit)
    for order in server.ledger.orders(world.now()):
        await server.send(order, "heard")
    account = server.account
    assert (account.confirmed, account.reserved, server.ledger.late) == (1, 0, 0)
    assert server.ledger.room(account, world.limit) >= at_hand
    await world.worker.count(KEY, ALWAYS, [outcome])
    world.wait(RENEWED)
    await server.flush()
    assert account.confirmed == 1


@pytest.mark.parametrize("shown_after_all", [False, True])
async def test_an_offer_told_not_to_be_delivered_before_it_is_told_to_be_made_takes_nothing(
    world: World, shown_after_all: bool
) -> None:
    server = world.servers[0]
    server.offer()
    await server.flush()
    assert server.offer()
    undelivered = Outcome(DecisionId("d0"), ACTION, shown=False, units=1)
    await world.worker.count(KEY, ALWAYS, [undelivered])
    await world.worker.count(KEY, ALWAYS, [undelivered])
    if shown_after_all:
        shown = Outcome(DecisionId("d0"), ACTION, shown=True, units=1)
        await world.worker.count(KEY, ALWAYS, [shown])
    for order in server.ledger.orders(world.now()):
        await server.send(order, "heard")
    account = server.account
    figures = (account.confirmed, account.reserved, server.ledger.late)
    assert figures == (int(shown_after_all), 0, 0)
    while server.offer():
        await server.flush()
    assert account.confirmed + account.reserved == world.limit


async def test_even_pacing_holds_for_all_servers_together(world: World) -> None:
    made = 0
    for server in world.servers * 3:
        need = Need(world.limit, 10, BLOCK, 1, HOLD)
        server.ledger.draw_ahead(server.account, need)
        await server.flush()
        made += sum(offered(server) for _ in range(world.limit))
        await server.flush()
        world.wait(SOON)
    assert made == 10


def offered(server: Server) -> bool:
    """An offer out of what is at hand, with nothing more asked for."""
    if server.ledger.room(server.account, server.world.limit) < 1:
        return False
    until = server.world.now() + HOLD
    share = Share(DecisionId(f"p{id(server)}-{until}"), ACTION, (Charge(KEY, 1),), until)
    server.ledger.reserve(share)
    return True


async def test_prices_are_there_for_servers_that_begin(world: World) -> None:
    prices = RedisPrices(world.connection)
    await prices.keep({"x": BidPrice(2.5, 3.0, 40, 7, 0.25, 12, -1.0), "new": BidPrice()})
    (kept,) = (await prices.read(["x", "new", "unknown"])).values()
    assert BidPrice.of_state(kept) == BidPrice(2.5, 3.0, 40, 7, 0.25, 12, -1.0)
    await world.connection.ask("SET", price_key("x"), "[1]")
    with pytest.raises(DamagedData, match="price"):
        await prices.read(["x"])
