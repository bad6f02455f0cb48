"""Accounts of caps in Redis, which all servers share; every call is one step there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson

from engine.caps.accounts import KEPT
from engine.caps.order import Order, Standing
from engine.caps.periods import Span
from engine.caps.price import BidPrice
from engine.caps.shared import LENT
from engine.caps.vault import AccountKey
from engine.edges.redis.caps_scripts import COUNT, ORDER
from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.keys import account_keys, price_key
from engine.edges.redis.wire import Word
from engine.errors import DamagedData, StorageError
from engine.model import DAY, ActionId, DecisionId, Micros

KNOWN: Final = 31 * DAY
"""How long an offer that was shown is known by its id: told again after that, it counts once more."""

_MILLISECOND: Final = 1_000
_PRICES_KEPT: Final = 100 * 86_400
_LOST: Final = -1


class Lost(StorageError):
    """Redis does not have what it told before: it came back with less than it had."""


class Outcome(NamedTuple):
    """What became of one offer, for one account.

    Attributes:
        shown: whether it was shown; otherwise it was not delivered.
        units: what it took, where no server has told.
    """

    decision_id: DecisionId
    action_id: ActionId
    shown: bool
    units: int


class RedisAccounts:
    """The accounts behind one connection, for one server.

    `clock` is the time of day, by which periods and holds are told. What is lent is timed by Redis; `ahead`
    is taken to have passed there besides, for tests.
    """

    def __init__(
        self,
        connection: Connection,
        server: str,
        clock: Callable[[], Micros],
        ahead: Callable[[], Micros] = lambda: 0,
    ) -> None:
        self._connection = connection
        self._server = server
        self._clock = clock
        self._ahead = ahead

    async def order(self, order: Order, lease: Micros = LENT) -> Standing:
        """Has an order carried out; with a `lease` of 0 it is this server's last.

        Raises:
            Lost: Redis does not have what this server was told of the account.
            StorageError: there is no answer; it may have been carried out.
        """
        now = self._clock()
        words: list[Word] = [
            self._ahead() // _MILLISECOND, self._server, lease // _MILLISECOND,
            order.hold // _MILLISECOND, order.wanted, order.least, order.ceiling,
            order.demand, order.number, order.heard,
            _kept(order.span, now, order.hold),
        ]  # fmt: skip
        for part in order.parts:
            left = -(-(part.until - now) // _MILLISECOND)
            words += [_mark(part.decision_id, part.action_id), part.units, left]
        told = await ORDER.run(self._connection, account_keys(*order.key), *words)
        if told[0] == _LOST:
            raise Lost(f"Redis has not what it told of the account of {order.key.cap} before")
        shown, held, lent, at_hand, wanted, elsewhere, late, expired = told
        return Standing(shown, held, lent, at_hand, bool(wanted), elsewhere, late, expired)

    async def count(self, key: AccountKey, span: Span, outcomes: Sequence[Outcome]) -> None:
        """Counts what was shown, and gives back what was not delivered; each once, however often told.

        Nothing is done for a period that was over long ago.

        Raises:
            StorageError: there is no answer; it may have been counted.
        """
        now = self._clock()
        if span.end is not None and span.end + KEPT <= now:
            return
        words: list[Word] = [
            self._ahead() // _MILLISECOND,
            _kept(span, now, 0),
            KNOWN // _MILLISECOND,
        ]
        for one in outcomes:
            words += [_mark(one.decision_id, one.action_id), int(one.shown), one.units]
        await COUNT.run(self._connection, account_keys(*key), *words)


class RedisPrices:
    """The running prices of caps, as one of the servers knew them last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep(self, prices: Mapping[str, BidPrice]) -> None:
        """Keeps what the prices of caps know, by `Cap.key`, for servers that begin. Raises StorageError."""
        call = self._connection.call
        sent = [
            call("SET", price_key(cap), orjson.dumps(list(price.state())), "EX", _PRICES_KEPT)
            for cap, price in prices.items()
            if price.requests
        ]
        for reply in await asyncio.gather(*sent):
            checked(reply)

    async def read(self, caps: Sequence[str]) -> Mapping[str, Sequence[float]]:
        """What is known of the prices of these caps; those never kept are not there.

        Raises:
            DamagedData: one makes no sense.
            StorageError: there is no answer.
        """
        sent = [self._connection.call("GET", price_key(cap)) for cap in caps]
        kept = zip(caps, [checked(reply) for reply in await asyncio.gather(*sent)], strict=True)
        try:
            return {cap: _figures(state) for cap, state in kept if state is not None}
        except (ValueError, TypeError) as error:
            raise DamagedData("a price of a cap in Redis is damaged") from error


def _figures(state: bytes) -> Sequence[float]:
    figures = [float(figure) for figure in orjson.loads(state)]
    if len(figures) != len(BidPrice().state()):
        raise ValueError("not so many figures")
    return figures


def _mark(decision_id: DecisionId, action_id: ActionId) -> bytes:
    """What an offer is known by: 12 bytes."""
    return blake2b(f"{decision_id}\0{action_id}".encode(), digest_size=12).digest()


def _kept(span: Span, now: Micros, hold: Micros) -> int:
    """For how many ms from now an account is kept; 0 for ever."""
    if span.end is None:
        return 0
    return max(span.end + KEPT + hold - now, hold, DAY) // _MILLISECOND
