"""Accounts on disk: whatever happens in whatever order, crashes among it, a cap is never overspent."""

import asyncio
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.caps.accounts import Need
from engine.caps.ledger import Ledger
from engine.caps.periods import ALWAYS
from engine.caps.price import BidPrice
from engine.caps.vault import AccountKey, Charge, Share
from engine.edges.caps.vault import SqliteVault
from engine.errors import DamagedData, StorageError
from engine.model import ActionId, DecisionId

KEY = AccountKey("bundle/offers/total", 0)
ACTION = ActionId("bundle")
HOLD = 100
BLOCK = 3


def need(limit: int, block: int) -> Need:
    return Need(limit, limit, block, 1, HOLD)


def share(number: int, until: int, units: int = 1) -> Share:
    return Share(DecisionId(f"d{number}"), ACTION, (Charge(KEY, units),), until)


class Life:
    """One cap of `limit` offers in a process that lives, dies and lives again, and what really happened.

    `journal` are the offers shown, in order; it survives everything. What of it has reached the
    vault is told by `SqliteVault.kept.seq`.
    """

    def __init__(self, directory: Path, limit: int):
        self.directory = directory
        self.limit = limit
        self.now = 0
        self.lives = 0
        self.given: dict[int, int] = {}
        self.journal: list[int] = []
        self.in_time: set[int] = set()
        self.undelivered: set[int] = set()

    def begin(self) -> None:
        self.lives += 1
        path = self.directory / f"{self.lives}.db"
        before = self.directory / f"{self.lives - 1}.db"
        if before.exists():
            for end in ("", "-wal"):
                if Path(f"{before}{end}").exists():
                    shutil.copy(f"{before}{end}", f"{path}{end}")
        self.vault = SqliteVault(path, asyncio.get_running_loop(), self.now)
        self.ledger = Ledger(self.vault)
        self.ledger.restore(self.vault.kept.accounts, self.vault.kept.shares)
        self.account = self.ledger.account(KEY.cap, ALWAYS)
        for number in self.journal[self.vault.kept.seq :]:
            self.count(number)
        self.vault.seen(len(self.journal))
        self.ledger.tend(self.now)

    def count(self, number: int) -> None:
        if not self.ledger.confirm(DecisionId(f"d{number}"), ACTION):
            self.ledger.settle(share(number, self.now))

    def offer(self) -> bool:
        self.ledger.expire(self.now)
        self.ledger.draw_ahead(self.account, need(self.limit, BLOCK))
        if self.ledger.room(self.account, self.limit) < 1:
            return False
        number = len(self.given)
        self.given[number] = self.now + HOLD
        self.ledger.reserve(share(number, self.now + HOLD))
        return True

    def show(self, number: int) -> None:
        if number in self.given:
            if self.now < self.given[number] and number not in self.undelivered:
                self.in_time.add(number)
            self.journal.append(number)
            self.count(number)
            self.vault.seen(len(self.journal))

    def undeliver(self, number: int) -> None:
        if number in self.given and number not in self.journal:
            self.undelivered.add(number)
            self.ledger.release(DecisionId(f"d{number}"), ACTION)

    def wait(self, micros: int) -> None:
        self.now += micros
        self.ledger.tend(self.now)

    @property
    def outstanding(self) -> set[int]:
        """Offers that may yet be shown in time."""
        over = self.undelivered.union(self.journal)
        return {n for n, until in self.given.items() if self.now < until and n not in over}

    def check(self) -> None:
        assert len(self.in_time) + len(self.outstanding) <= self.limit


STEPS = st.one_of(
    st.tuples(st.just("offer"), st.integers(1, 4)),
    st.tuples(st.just("show"), st.integers(0, 12)),
    st.tuples(st.just("undeliver"), st.integers(0, 12)),
    st.tuples(st.just("wait"), st.integers(1, 80)),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("crash"), st.integers(0, 50)),
    st.tuples(st.just("restart"), st.integers(0, 50)),
)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 9), st.lists(STEPS, min_size=5, max_size=40))
def test_nothing_is_overspent_and_nothing_is_lost_for_ever(limit, steps):
    with TemporaryDirectory() as directory:
        asyncio.run(live(Life(Path(directory), limit), steps))


async def live(life: Life, steps: list[tuple[str, int]]) -> None:
    life.begin()
    life.offer()
    await life.vault.flushed()
    for step, amount in steps:
        match step:
            case "offer":
                for _ in range(amount):
                    life.offer()
                    await asyncio.sleep(0)
            case "show":
                life.show(amount)
            case "undeliver":
                life.undeliver(amount)
            case "wait":
                life.wait(amount)
            case "flush":
                await life.vault.flushed()
            case "crash" | "restart":
                dead = life.vault
                if step == "restart":
                    dead.close(life.now)
                life.now += amount
                life.begin()
                if step == "crash":  # only now: what it still writes goes to the file left behind
                    dead.close(life.now)
        life.check()
    await drained(life)
    life.vault.close(life.now)


async def drained(life: Life) -> None:
    """Once all is settled, exactly what was not shown can be given out."""
    await life.vault.flushed()
    life.wait(2 * HOLD)
    shown = len(set(life.journal))
    assert life.account.used == shown
    more = 0
    while True:
        await life.vault.flushed()
        if not life.offer():
            await life.vault.flushed()
            if not life.offer():
                break
        more += 1
        life.check()
    assert more == max(0, life.limit - shown)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "caps.db"


def opened(path: Path, now: int = 0) -> tuple[SqliteVault, Ledger]:
    vault = SqliteVault(path, asyncio.get_running_loop(), now)
    ledger = Ledger(vault)
    ledger.restore(vault.kept.accounts, vault.kept.shares)
    return vault, ledger


async def test_nothing_can_be_had_before_it_is_on_disk(path):
    vault, ledger = opened(path)
    account = ledger.account(KEY.cap, ALWAYS)
    ledger.draw_ahead(account, need(10, 4))
    assert ledger.room(account, 10) == 0
    await vault.flushed()
    with closing(sqlite3.connect(path)) as disk:
        (drawn,) = disk.execute("SELECT drawn FROM accounts").fetchone()
    assert ledger.room(account, 10) == drawn == 8
    vault.close(0)


async def test_after_an_orderly_end_nothing_is_missing(path):
    vault, ledger = opened(path)
    ledger.draw_ahead(ledger.account(KEY.cap, ALWAYS), need(10, 4))
    await vault.flushed()
    ledger.reserve(share(1, HOLD))
    ledger.reserve(share(2, HOLD))
    ledger.confirm(DecisionId("d1"), ACTION)
    vault.close(0)
    vault, ledger = opened(path)
    account = ledger.account(KEY.cap, ALWAYS)
    assert (account.confirmed, account.reserved, account.missing) == (1, 1, 0)
    vault.close(0)


async def test_after_a_crash_what_was_drawn_counts_as_used_until_the_hold_has_passed(
    path, tmp_path
):
    vault, ledger = opened(path)
    ledger.draw_ahead(ledger.account(KEY.cap, ALWAYS), need(10, 4))
    await vault.flushed()
    left = tmp_path / "left.db"
    shutil.copy(path, left)
    shutil.copy(f"{path}-wal", f"{left}-wal")
    vault.close(0)
    vault, ledger = opened(left, now=1_000)
    account = ledger.account(KEY.cap, ALWAYS)
    assert (account.used, ledger.room(account, 10)) == (8, 0)
    ledger.tend(1_000 + HOLD)
    assert (account.used, ledger.room(account, 10)) == (0, 8)
    vault.close(0)


async def test_an_offer_shown_after_its_share_was_given_back_counts_once(path):
    vault, ledger = opened(path)
    account = ledger.account(KEY.cap, ALWAYS)
    ledger.draw_ahead(account, need(10, 4))
    await vault.flushed()
    ledger.reserve(share(1, HOLD))
    ledger.tend(HOLD)
    assert account.used == 0
    for _ in range(3):
        assert not ledger.confirm(DecisionId("d1"), ACTION)
        ledger.settle(share(1, HOLD))
    await vault.flushed()
    assert (account.confirmed, ledger.late) == (1, 1)
    vault.close(0)


async def test_prices_and_the_place_in_the_journal_are_kept(path):
    vault, ledger = opened(path)
    price = ledger.price("x")
    price.value, price.requests = 2.5, 40
    vault.seen(7)
    vault.keep_prices({"x": price.state()})
    vault.close(0)
    vault, _ = opened(path)
    assert BidPrice.of_state(vault.kept.prices["x"]) == price
    assert (vault.kept.seq, vault.kept.clean, vault.kept.began) == (7, True, True)
    vault.close(0)


async def test_old_lines_are_added_up_and_count_on(path):
    vault, ledger = opened(path)
    account = ledger.account(KEY.cap, ALWAYS)
    ledger.draw_ahead(account, need(10, 4))
    await vault.flushed()
    for number in range(5):
        ledger.reserve(share(number, HOLD))
        ledger.confirm(DecisionId(f"d{number}"), ACTION)
    vault.close(0)
    vault, ledger = opened(path, now=10**13)
    with closing(sqlite3.connect(path)) as disk:
        assert disk.execute("SELECT count(*) FROM shares").fetchone() == (0,)
    assert ledger.account(KEY.cap, ALWAYS).confirmed == 5
    vault.close(0)


async def test_a_period_that_is_over_leaves_nothing_behind(path):
    vault, ledger = opened(path)
    ledger.reserve(share(1, HOLD))
    vault.forget(KEY)
    await vault.flushed()
    with closing(sqlite3.connect(path)) as disk:
        assert disk.execute("SELECT count(*) FROM shares").fetchone() == (0,)
    vault.close(0)


def replace_it(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [Path.unlink, replace_it])
async def test_while_the_file_is_not_in_its_place_nothing_more_is_drawn(path, harm, caplog):
    vault, ledger = opened(path)
    account = ledger.account(KEY.cap, ALWAYS)
    harm(path)
    ledger.draw_ahead(account, need(10, 4))
    await asyncio.to_thread(vault.close, 0)
    assert ledger.room(account, 10) == 0
    assert "caps.db was removed or replaced" in caplog.text


async def test_what_waited_is_written_once_the_file_is_back(path, tmp_path, caplog, monkeypatch):
    said = threading.Event()
    monkeypatch.setattr(caplog.handler, "flush", said.set)
    vault, ledger = opened(path)
    account = ledger.account(KEY.cap, ALWAYS)
    path.rename(tmp_path / "away.db")
    ledger.draw_ahead(account, need(10, 4))
    flushed = vault.flushed()
    await asyncio.to_thread(said.wait, 30)
    assert "caps.db was removed" in caplog.text
    assert (ledger.room(account, 10), vault.backlog) == (0, 2)
    (tmp_path / "away.db").rename(path)
    await flushed
    assert (ledger.room(account, 10), vault.backlog) == (8, 0)
    vault.close(0)


async def test_a_damaged_file_is_said_to_be_damaged(path):
    vault, _ = opened(path)
    vault.close(0)
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(DamagedData, match=r"caps\.db is damaged"):
        opened(path)


async def test_a_file_of_a_newer_version_is_refused(path):
    vault, _ = opened(path)
    vault.close(0)
    with closing(sqlite3.connect(path)) as disk:
        disk.execute("UPDATE meta SET value = 99 WHERE name = 'layout'")
        disk.commit()
    with pytest.raises(StorageError, match="layout 99"):
        opened(path)
