"""The caps of the running engine: one ledger over one file, for every book that comes into force."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from engine.caps.accounts import Accounts
from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.price import BidPrice
from engine.edges.caps.figures import figures
from engine.edges.caps.responses import response_in
from engine.edges.caps.vault import SqliteVault
from engine.edges.journal.entries import Numbered
from engine.edges.state.embedded import Embedded
from engine.edges.state.names import CAPS
from engine.model import MINUTE, Degradation, Micros, Response
from engine.rulebook.book import RuleBook
from engine.telemetry import Figures, Gauge

log = logging.getLogger(__name__)

TICK: Final = 1.0
"""Seconds between two looks at what time alone brings."""

_AHEAD: Final = MINUTE
_PATIENCE: Final = 2.0
_PRICES_EVERY: Final = 60


class Caps:
    """Made by `open`, ended by `close`; all methods are for one event loop.

    What was shown is counted from the journal: every entry is looked at once it is on disk, and those
    a crash kept from being counted at the next start. `in_force` is the guard of the book in force; there
    may be another book `beside` it, with a guard over the same ledger.
    """

    def __init__(self, vault: SqliteVault, guard: CapsGuard, clock: Callable[[], Micros]) -> None:
        self._vault = vault
        self._clock = clock
        self._ticks = 0
        self.in_force = guard
        self.beside: CapsGuard | None = None
        self.degraded: tuple[Degradation, ...] = ()

    @classmethod
    async def open(
        cls, directory: Path, state: Embedded, book: RuleBook, clock: Callable[[], Micros]
    ) -> "Caps":
        """Takes up the accounts in `directory`, and counts what the journal has beyond them.

        Where there is no file beside a journal that has begun, or an old copy of one, what was offered
        lately is not known: what was shown is counted again from the journal, and caps stay closed until
        what was offered before can no longer be shown, over any number of starts.

        Raises:
            StorageError: the file is damaged, of a newer version, or cannot be read.
        """
        vault = SqliteVault(directory / CAPS, asyncio.get_running_loop(), clock(), state.run)
        try:
            ledger = Ledger(vault)
            kept = vault.kept
            ledger.restore(kept.accounts, kept.shares)
            kept.shares.clear()
            for cap, figures in kept.prices.items():
                ledger.take_price(cap, BidPrice.of_state(figures))
            ledger.closed_until = kept.closed_until
            if not vault.is_whole and state.run.begun and book.caps:
                ledger.closed_until = clock() + max(cap.hold for cap in book.caps)
                vault.keep_closed(ledger.closed_until)
                log.warning(
                    "%s is new or an old copy beside this journal: what was shown is counted again, and "
                    "caps are closed for %d minutes, until nothing offered before counts",
                    directory / CAPS,
                    round((ledger.closed_until - clock()) / MINUTE),
                )
            caps = cls(vault, await _ready(book, ledger, vault, clock()), clock)
            await caps._catch_up(state, kept.seq if kept.began or book.caps else state.last_seq)
        except BaseException:
            await asyncio.to_thread(vault.close, clock())
            raise
        state.watch(caps.observe)
        return caps

    async def guard(self, book: RuleBook) -> CapsGuard:
        """The guard of a book, with what it needs first at hand if the disk allows."""
        return await _ready(book, self.in_force.ledger, self._vault, self._clock())

    def follow(self, guard: CapsGuard, beside: CapsGuard | None = None) -> None:
        """From now on this guard's book is the one in force, and the other decides beside it."""
        self.in_force, self.beside = guard, beside

    def observe(self, group: Sequence[Numbered]) -> None:
        """Counts what the entries say of offers that were shown, or not delivered."""
        for _, entry in group:
            response = response_in(entry)
            if response is not None:
                self._guard_of(response).observe(response)
        self._vault.seen(group[-1][0])

    def _guard_of(self, response: Response) -> CapsGuard:
        """The guard that knows the offer answered: that of the book in force where it does."""
        if self.beside is None or self.in_force.knows(response.exposure):
            return self.in_force
        return self.beside

    def tend(self) -> None:
        """What time alone brings; to be called every `TICK` seconds."""
        now = self._clock()
        self.in_force.tend(now, now + _AHEAD)
        if self.beside is not None:
            self.beside.tend(now, now + _AHEAD)
        self._ticks += 1
        if self._ticks % _PRICES_EVERY == 0:
            self._keep_prices()

    def gauges(self) -> Sequence[Gauge | Figures]:
        """What operations watch, by `Cap.key`; money in the cap's currency."""
        backlog = Gauge(
            "attune_caps_backlog",
            "Changes of caps not on disk yet.",
            lambda: float(self._vault.backlog),
        )
        return [*figures(lambda: self.in_force, self._clock), backlog]

    async def close(self) -> None:
        """Writes everything, so that nothing is missing at the next start."""
        self._keep_prices()
        await asyncio.to_thread(self._vault.close, self._clock())

    def _keep_prices(self) -> None:
        self._vault.keep_prices(
            {cap: price.state() for cap, price in self.in_force.ledger.prices.items()}
        )

    async def _catch_up(self, state: Embedded, seq: int) -> None:
        while seq < state.last_seq:
            group = await state.entries_after(seq)
            if not group:
                break
            self.observe(group)
            seq = group[-1][0]
            await asyncio.sleep(0)
        self._vault.seen(seq)
        await asyncio.wait([self._vault.flushed()], timeout=_PATIENCE)
        self.in_force.ledger.late = 0


async def _ready(book: RuleBook, ledger: Accounts, vault: SqliteVault, now: Micros) -> CapsGuard:
    guard = CapsGuard(book, ledger)
    guard.tend(now, now + _AHEAD)
    await asyncio.wait([vault.flushed()], timeout=_PATIENCE)
    return guard
