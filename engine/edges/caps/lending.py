"""Keeps one server's ledger told of what is lent to it by the accounts in Redis, for as long as it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Final, NamedTuple

from engine.caps.order import Order
from engine.caps.shared import LENT, SharedLedger
from engine.edges.caps.recount import Recount
from engine.edges.redis.caps import Lost, RedisAccounts
from engine.edges.redis.caps_run import CapsRun, Ran
from engine.edges.redis.connection import AGAIN, Connection
from engine.errors import StorageError
from engine.model import MINUTE, SECOND, Micros

log = logging.getLogger(__name__)

TICK: Final = 1.0
"""Seconds between two looks at what time alone brings."""

PAUSE: Final = 0.02
"""Seconds that offers are gathered for before they are told."""

ALL_NOTICE: Final = 1.0
"""Seconds from when Redis is there (again) until anything is lent: time for every server to notice a loss.

A server tries to reach Redis four times a second, and asks for all its accounts once it does.
"""

_PATIENCE: Final = 2.0
_UNTIL_COUNTED: Final = 5 * SECOND
_SET_BACK: Final = SECOND
_AT_ONCE: Final = 20


class Clocks(NamedTuple):
    """The time of day, and one that nobody sets."""

    now: Callable[[], Micros]
    monotonic: Callable[[], float]


class Lending:
    """Runs as `keep`; ends by `give_back`. Offers made are told within `PAUSE` seconds.

    While Redis is away nothing is given out. After a loss nothing is of a cap either, for as long as an offer
    under it may still be shown, and until what was shown is counted again.

    Attributes:
        is_up: whether Redis has been asked since it was last reached.
        is_whole: whether nothing is closed because of a loss.
    """

    def __init__(
        self,
        connection: Connection,
        ledger: SharedLedger,
        recount: Recount,
        clocks: Clocks,
        at_begin: Callable[[], Awaitable[None]],
        at_tick: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._recount = recount
        self._clocks = clocks
        self._at_begin, self._at_tick = at_begin, at_tick
        self._accounts = RedisAccounts(connection, token_hex(8), clocks.now)
        self._run = CapsRun(connection)
        self._known = ""
        self._epoch = -1
        self._again = False
        self._awake, self._hurry, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._set_back = 0
        self.is_up = False
        self.is_whole = True

    def wake(self, urgent: bool) -> None:  # told by position, on the hot path
        """Has orders taken from the ledger soon, or at once."""
        self._awake.set()
        if urgent:
            self._idle.clear()
            self._hurry.set()

    async def answered(self) -> None:
        """Waits until what is needed is at hand, if that can be had soon."""
        if self._connection.is_up:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._idle.wait()

    async def keep(self) -> None:
        """Goes on until it is cancelled."""
        reported = False
        while True:
            await self._connection.up()
            try:
                await self._begin()
                reported = False
                await self._lend()
            except Lost as loss:
                log.error("caps are closed: %s", loss)  # noqa: TRY400 - no trace is needed
                await self._note_loss()
            except StorageError as error:
                if not reported:
                    log.warning("caps are closed: %s", error)
                reported = True
            self._away()
            await asyncio.sleep(AGAIN)

    async def watch(self) -> None:
        """Has nothing given out from the moment that Redis is lost, until it is cancelled."""
        while True:
            await self._connection.up()
            await self._connection.down()
            self._away()

    async def give_back(self) -> None:
        """Tells the last offers, and gives back what is at hand, as far as Redis can be reached."""
        with suppress(TimeoutError, StorageError):
            async with asyncio.timeout(_PATIENCE):
                orders = self._ledger.orders_to_give_back(self._clocks.now())
                await self._send(orders, lease=0)

    # --- inside ------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Begins with a Redis that has just been reached: it may have lost something."""
        self._epoch = self._connection.epoch
        ran = await self._run.look()
        await self._at_begin()
        if ran is None:
            lost = self._known or await self._recount.has_begun()
            ran = await self._run.begin(token_hex(8), self._longest if lost else 0)
        await self._take(ran)
        await self._send(self._ledger.orders_to_give_back(self._clocks.now()))
        if await self._may_have_lost_something():
            await asyncio.sleep(ALL_NOTICE)
            await self._tick()
        self.is_up = True
        self._ledger.back()

    async def _may_have_lost_something(self) -> bool:
        """Whether Redis may have been restarted since a server last heard of it: this one, or another."""
        if self._again:
            return True
        self._again = True
        return await self._run.up_for() < ALL_NOTICE

    async def _lend(self) -> None:
        tick = self._clocks.monotonic()
        while self._connection.epoch == self._epoch:
            now = self._clocks.monotonic()
            if now >= tick:
                tick = now + TICK
                await self._tick()
                orders = self._ledger.orders_due(self._clocks.now())
            else:
                orders = self._ledger.orders(self._clocks.now())
            for at in range(0, len(orders), _AT_ONCE):
                await self._send(orders[at : at + _AT_ONCE])
            await self._pause(tick)

    async def _pause(self, tick: float) -> None:
        """Waits for offers to tell, for a need, or for the next tick."""
        if not self._awake.is_set():
            self._idle.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(tick - self._clocks.monotonic(), 0.0)):
                await self._awake.wait()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE):
                        await self._hurry.wait()
        self._awake.clear()
        self._hurry.clear()

    async def _tick(self) -> None:
        self._check_clocks()
        ran = await self._run.look()
        if ran is None:
            raise Lost("Redis has no accounts of caps any more")
        await self._take(ran)
        await self._at_tick()

    def _check_clocks(self) -> None:
        """Has nothing at hand by a clock that was set back: by that it would be lent for longer."""
        ahead = int(self._clocks.monotonic() * SECOND) - self._clocks.now()
        if ahead > self._set_back + _SET_BACK:
            self._ledger.away()
            self._ledger.back()
        self._set_back = ahead

    async def _take(self, ran: Ran) -> None:
        """Takes up how the accounts stand; where they were lost since, what is at hand is void."""
        if self._known != ran.run:
            self._ledger.begin_anew()
        self._known = ran.run
        is_counted = ran.is_counted or await self._recount.is_done(self._run)
        if is_counted and not ran.closed_for:
            self._open()
            return
        least = 0 if is_counted else _UNTIL_COUNTED
        left = await self._run.close(ran.run, self._closed_for)
        closings = {cap: max(closed, least) for cap, closed in left.items()}
        longest = max(ran.closed_for, least, *closings.values(), 0)
        if self.is_whole and self._ledger.holds:
            shortest = min(closings.values(), default=longest)
            log.error(
                "caps are closed for %.1f to %.1f minutes, each for as long as an offer under it may still "
                "be shown, and until what was shown is counted: accounts were lost",
                shortest / MINUTE,
                longest / MINUTE,
            )
        now = self._clocks.now()
        self._ledger.close_until(
            now + longest, {cap: now + closed for cap, closed in closings.items()}
        )
        self.is_whole = False

    def _open(self) -> None:
        if not self.is_whole:
            log.warning("all caps are open again")
            self._ledger.close_until(0, {})
        self.is_whole = True

    async def _note_loss(self) -> None:
        with suppress(StorageError):
            await self._run.lost(self._known, token_hex(8), self._longest)

    @property
    def _closed_for(self) -> dict[str, Micros]:
        """By `Cap.key` for how long after a loss an offer may be shown that nobody knows of any more."""
        return {cap: LENT + hold for cap, hold in self._ledger.holds.items()}

    @property
    def _longest(self) -> Micros:
        return max(self._closed_for.values(), default=LENT)

    def _away(self) -> None:
        self.is_up = False
        self._ledger.away()

    async def _send(self, orders: Sequence[Order], lease: Micros = LENT) -> None:
        told = await asyncio.gather(
            *[self._order(order, lease) for order in orders], return_exceptions=True
        )
        failures = [failure for failure in told if failure is not None]
        for failure in sorted(failures, key=lambda failure: not isinstance(failure, Lost)):
            raise failure

    async def _order(self, order: Order, lease: Micros) -> None:
        sent = self._clocks.now()
        try:
            standing = await self._accounts.order(order, lease)
        except BaseException:
            self._ledger.unheard(order)
            raise
        self._ledger.told(order, standing, sent + LENT)
