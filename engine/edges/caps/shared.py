"""The caps of one server of a cluster: one ledger for every book, lent its quota by accounts in Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from weakref import WeakKeyDictionary

from engine.caps.catalogue import Taken, catalogue
from engine.caps.guard import CapsGuard
from engine.caps.price import BidPrice
from engine.caps.shared import SharedLedger
from engine.edges.caps.figures import figures
from engine.edges.caps.lending import Clocks, Lending
from engine.edges.caps.recount import Recount
from engine.edges.redis.caps import RedisPrices
from engine.edges.redis.caps_catalogue import CapsCatalogue
from engine.edges.redis.connection import Connection
from engine.errors import StorageError
from engine.model import MINUTE, ActionId, Degradation, Step
from engine.rulebook.book import RuleBook
from engine.telemetry import Figures, Gauge

log = logging.getLogger(__name__)

_AHEAD: Final = MINUTE
_PRICES_EVERY: Final = 60
_CATALOGUE_EVERY: Final = 600
_AWAY: Final = (
    Degradation(
        Step.CAPS, "Redis cannot be reached: how much is left of caps is not known, it is withheld"
    ),
)
_LOST: Final = (
    Degradation(
        Step.CAPS, "Redis lost how much is left of caps: those not known again yet are withheld"
    ),
)


class SharedCaps:
    """Made by `open`; an `engine.edges.caps.port.CapsKeeper`. All calls are for one event loop.

    Decisions use what is lent to this server (`Lending`), and wait for nothing. What was shown is counted
    by workers (`engine.edges.caps.counting`), by what is written here of each book.
    """

    def __init__(self, connection: Connection, recount: Recount, clocks: Clocks) -> None:
        self._clock = clocks.now
        self._ledger = SharedLedger(self._wake)
        self._catalogue = CapsCatalogue(connection, clocks.now)
        self._prices = RedisPrices(connection)
        self._lending = Lending(
            connection, self._ledger, recount, clocks, self._write_all, self._tend
        )
        self._taken: WeakKeyDictionary[CapsGuard, Mapping[ActionId, Iterable[Taken]]] = (
            WeakKeyDictionary()
        )
        self._ticks = 0
        self._limited: tuple[CapsGuard, ...] = ()
        self.in_force: CapsGuard

    @classmethod
    @asynccontextmanager
    async def open(
        cls, connection: Connection, book: RuleBook, recount: Recount, clocks: Clocks
    ) -> "AsyncIterator[SharedCaps]":
        """Caps over the accounts in Redis, for a server; at the end it gives back what it has at hand.

        While Redis cannot be reached, also from the start, caps are closed.
        """
        caps = cls(connection, recount, clocks)
        caps._ledger.away()
        caps.follow(await caps._made(book))
        del book  # held here, the first book would never go
        tasks = [
            asyncio.create_task(work) for work in (caps._lending.keep(), caps._lending.watch())
        ]
        for task in tasks:
            task.add_done_callback(_tell)
        await caps._lending.answered()
        try:
            yield caps
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await caps._lending.give_back()

    @property
    def degraded(self) -> tuple[Degradation, ...]:
        """Why caps are closed, where a book in force has any; () while they are not."""
        if not self._limited or (self._lending.is_up and self._lending.is_whole):
            return ()
        return _LOST if self._lending.is_up else _AWAY

    async def guard(self, book: RuleBook) -> CapsGuard:
        """The guard of a book, with what it needs first at hand if Redis can be reached."""
        guard = await self._made(book)
        await self._lending.answered()
        return guard

    def follow(self, guard: CapsGuard, beside: CapsGuard | None = None) -> None:
        """From now on this guard's book is the one in force, and the other decides beside it."""
        self.in_force = guard
        self._limited = tuple([each for each in (guard, beside) if each and each.meters])

    def gauges(self) -> Sequence[Gauge | Figures]:
        """What operations watch: as known here, seconds old at most."""
        return [
            *figures(lambda: self.in_force, self._clock),
            Gauge("attune_caps_open", "Caps that Redis keeps no offer from.", self._open),
            Gauge(
                "attune_caps_closed",
                "Caps closed as Redis is away, or lost how much is left of them.",
                lambda: len(self.in_force.meters) - self._open(),
            ),
        ]

    def _open(self) -> float:
        """How many caps of the book in force are not closed because of Redis."""
        now = self._clock() if self._lending.is_up else 0
        return float(
            sum(0 < now >= self._ledger.opens(meter.cap.key) for meter in self.in_force.meters)
        )

    async def _made(self, book: RuleBook) -> CapsGuard:
        """A guard that has asked for what it needs."""
        await self._take_up_prices(book)
        guard = CapsGuard(book, self._ledger)
        self._taken[guard] = catalogue(book)
        with suppress(StorageError):  # written once Redis is reached, before anything is given out
            await self._catalogue.write(self._taken[guard])
        now = self._clock()
        guard.tend(now, now + _AHEAD)
        return guard

    def _wake(self, urgent: bool) -> None:  # see SharedLedger
        self._lending.wake(urgent)

    async def _write_all(self) -> None:
        """Writes what the books say, of which Redis may have lost some."""
        for taken in list(self._taken.values()):
            await self._catalogue.write(taken)

    async def _tend(self) -> None:
        """What time alone brings."""
        now = self._clock()
        for guard in self._limited:
            guard.tend(now, now + _AHEAD)
        self._ticks += 1
        if self._ticks % _CATALOGUE_EVERY == 0:
            await self._write_all()
        if self._ticks % _PRICES_EVERY == 0:
            await self._prices.keep(self._ledger.prices)

    async def _take_up_prices(self, book: RuleBook) -> None:
        """Goes on from the prices another server has reckoned with, where they can be read."""
        new = [
            cap.key for cap in book.caps if cap.worth_most and cap.key not in self._ledger.prices
        ]
        try:
            for cap, state in (await self._prices.read(new)).items():
                self._ledger.take_price(cap, BidPrice.of_state(state))
        except StorageError as error:
            log.warning("%s; prices of caps are learned anew", error)


def _tell(task: "asyncio.Task[None]") -> None:
    """Says what should not have ended."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("caps are closed", exc_info=error)
