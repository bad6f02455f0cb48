"""What caps promise wherever they are kept: the same tests for one process's file and for a shared Redis."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from engine.caps.accounts import Account, Accounts, Need
from engine.caps.ledger import Ledger
from engine.caps.periods import ALWAYS
from engine.caps.shared import LENT, SharedLedger
from engine.caps.vault import AccountKey, Charge, Share
from engine.edges.caps.vault import SqliteVault
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps import Outcome, RedisAccounts
from engine.edges.redis.connection import Connection
from engine.model import SECOND, ActionId, DecisionId, Micros
from tests.edges.caps.desk import now
from tools.brokers.redis import Redis

KEY = AccountKey("bundle/offers/total", 0)
ACTION = ActionId("bundle")
HOLD = 60 * SECOND
LIMIT = 6


class Keeper(Protocol):
    """Somewhere a cap is kept, and the process that offers from it.

    `lost_for` is how long after a crash the most may be missing that was at hand.
    """

    lost_for: Micros

    @property
    def accounts(self) -> Accounts:
        """The ledger it offers from."""

    def now(self) -> Micros:
        """The time of day."""

    async def settle(self) -> None:
        """Waits until all that was asked for is there, and all that was done is kept."""

    async def tell(self, number: int, *, shown: bool) -> None:
        """A response to an offer is applied."""

    async def end(self, *, crash: bool) -> None:
        """The process ends; another takes its place."""

    def wait(self, micros: Micros) -> None:
        """Time passes."""


class OneProcess:
    """Kept in a file."""

    lost_for = HOLD

    def __init__(self, directory: Path) -> None:
        self.directory, self.passed, self.lives = directory, 0, 0
        self.path = directory / "caps.db"
        self.begin()

    def begin(self) -> None:
        self.vault = SqliteVault(self.path, asyncio.get_running_loop(), self.now())
        self.accounts = Ledger(self.vault)
        self.accounts.restore(self.vault.kept.accounts, self.vault.kept.shares)

    def now(self) -> Micros:
        return now() + self.passed

    async def settle(self) -> None:
        await self.vault.flushed()

    async def tell(self, number: int, *, shown: bool) -> None:
        decision_id = DecisionId(f"d{number}")
        if not shown:
            self.accounts.release(decision_id, ACTION)
        elif not self.accounts.confirm(decision_id, ACTION):
            self.accounts.settle(share(number, self.now()))

    async def end(self, *, crash: bool) -> None:
        dead = self.vault
        if crash:
            await dead.flushed()
            self.lives += 1
            left = self.directory / f"{self.lives}.db"
            for part in ("", "-wal"):
                shutil.copy(f"{self.path}{part}", f"{left}{part}")
            self.path = left
        dead.close(self.now())
        self.begin()

    def wait(self, micros: Micros) -> None:
        self.passed += micros
        self.accounts.tend(self.now())


class OneOfSeveral:
    """Kept in Redis."""

    lost_for = LENT + HOLD

    def __init__(self, connection: Connection) -> None:
        self.connection, self.passed, self.lives = connection, 0, 0
        self.begin()

    def begin(self) -> None:
        self.lives += 1
        name = f"server{self.lives}"
        self.kept = RedisAccounts(self.connection, name, self.now, lambda: self.passed)
        self.accounts = SharedLedger(lambda _: None)

    def now(self) -> Micros:
        return now() + self.passed

    async def settle(self) -> None:
        for order in self.accounts.orders_due(self.now()):
            standing = await self.kept.order(order)
            self.accounts.told(order, standing, self.now() + LENT)

    async def tell(self, number: int, *, shown: bool) -> None:
        await self.kept.count(KEY, ALWAYS, [Outcome(DecisionId(f"d{number}"), ACTION, shown, 1)])
        self.wait(4 * SECOND)  # until it asks again
        await self.settle()

    async def end(self, *, crash: bool) -> None:
        if not crash:
            for order in self.accounts.orders_to_give_back(self.now()):
                await self.kept.order(order, 0)
        self.begin()

    def wait(self, micros: Micros) -> None:
        self.passed += micros
        self.accounts.tend(self.now())


@pytest.fixture(params=["one process", "one of several"])
async def keeper(
    request: pytest.FixtureRequest, tmp_path: Path, redis: Redis
) -> AsyncIterator[Keeper]:
    if request.param == "one process":
        alone = OneProcess(tmp_path)
        yield alone
        alone.vault.close(alone.now())
    else:
        connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
        await connection.ask("FLUSHALL")
        yield OneOfSeveral(connection)
        await connection.close()


def share(number: int, until: Micros) -> Share:
    return Share(DecisionId(f"d{number}"), ACTION, (Charge(KEY, 1),), until)


def account(keeper: Keeper) -> Account:
    return keeper.accounts.account(KEY.cap, ALWAYS)


async def offers(keeper: Keeper, first: int, most: int = LIMIT) -> int:
    """How many offers are made, numbered from `first`."""
    made, refused = 0, 0
    while made < most and refused < 3:
        keeper.accounts.draw_ahead(account(keeper), Need(LIMIT, LIMIT, 2, 1, HOLD))
        if keeper.accounts.room(account(keeper), LIMIT) > 0:
            keeper.accounts.reserve(share(first + made, keeper.now() + HOLD))
            made, refused = made + 1, 0
        else:
            refused += 1
            await keeper.settle()
    await keeper.settle()
    return made


async def test_as_many_offers_are_made_as_there_are_and_no_more(keeper: Keeper) -> None:
    assert await offers(keeper, 0) == LIMIT
    assert await offers(keeper, LIMIT) == 0


async def test_nothing_is_given_out_before_it_is_kept(keeper: Keeper) -> None:
    keeper.accounts.draw_ahead(account(keeper), Need(LIMIT, LIMIT, 2, 1, HOLD))
    assert keeper.accounts.room(account(keeper), LIMIT) == 0


async def test_what_was_not_delivered_can_be_offered_again(keeper: Keeper) -> None:
    await offers(keeper, 0)
    await keeper.tell(0, shown=False)
    assert await offers(keeper, LIMIT) == 1


async def test_what_nobody_reports_on_can_be_offered_again_after_its_hold(keeper: Keeper) -> None:
    await offers(keeper, 0, 4)
    await keeper.tell(0, shown=True)
    keeper.wait(HOLD + 5 * SECOND)
    assert await offers(keeper, LIMIT) == LIMIT - 1


async def test_what_is_told_again_counts_once(keeper: Keeper) -> None:
    await offers(keeper, 0, 2)
    for _ in range(3):
        await keeper.tell(0, shown=True)
        await keeper.tell(0, shown=False)
    await keeper.settle()
    assert account(keeper).confirmed == 1


async def test_what_is_shown_after_its_hold_counts_once(keeper: Keeper) -> None:
    await offers(keeper, 0, 1)
    keeper.wait(HOLD + 5 * SECOND)
    await keeper.settle()
    for _ in range(3):
        await keeper.tell(0, shown=True)
        await keeper.settle()
    assert (account(keeper).confirmed, keeper.accounts.late) == (1, 1)


async def test_after_an_orderly_end_nothing_is_missing(keeper: Keeper) -> None:
    await offers(keeper, 0, 2)
    await keeper.end(crash=False)
    assert await offers(keeper, 2) == LIMIT - 2


async def test_after_a_crash_what_may_have_been_offered_is_missing_until_it_cannot_be_shown(
    keeper: Keeper,
) -> None:
    await offers(keeper, 0, 2)
    await keeper.tell(0, shown=True)
    await keeper.end(crash=True)
    assert await offers(keeper, 2) < LIMIT - 2
    keeper.wait(keeper.lost_for + 5 * SECOND)
    assert await offers(keeper, LIMIT) == LIMIT - 1
