"""One cap of a book at its account: what is left of it now, and how fast it may be used."""

from typing import Final

from engine.caps.ledger import Account, Ledger
from engine.caps.periods import Span, span_of
from engine.caps.price import BidPrice
from engine.model import Micros
from engine.rulebook.cap import Cap

_SLACK: Final = 200
"""Pacing allows a cap's two-hundredth ahead of time, so that the first of a period need not wait."""


class Meter:
    """A cap, and its account in the period around a given moment."""

    __slots__ = ("_account", "_dearest", "_ledger", "cap", "price")

    def __init__(self, cap: Cap, ledger: Ledger) -> None:
        self.cap = cap
        self.price: BidPrice = ledger.price(cap.key)
        self._ledger = ledger
        self._account: Account | None = None
        self._dearest = cap.block

    def account(self, now: Micros) -> Account:
        """The account of the period around `now`."""
        account = self._account
        if account is None or not _holds(account.span, now):
            span = span_of(self.cap.period, now, self.cap.timezone)
            account = self._account = self._ledger.account(self.cap.key, span)
        return account

    def look(self, now: Micros) -> Account:
        """The account as it stands, for reports from any thread: changes nothing."""
        span = span_of(self.cap.period, now, self.cap.timezone)
        return self._ledger.look(self.cap.key, span)

    def horizon(self, now: Micros) -> Span:
        """How long the cap has to last: its period, or as long as its actions are valid."""
        begin, end = self.cap.valid
        span = self.account(now).span
        return Span(begin or 0, end) if span.end is None and begin is not None else span

    def free(self, now: Micros, wanted: int = 0) -> int:
        """Units that may be reserved now; what the disk should have ready next is asked for.

        That is a block, or the most an offer ever `wanted` if that is more.
        """
        account, cap, limit = self.account(now), self.cap, self.cap.limit_at(now)
        self._dearest = max(self._dearest, min(wanted, limit))
        self._ledger.draw_ahead(account, limit, self._dearest, cap.hold)
        room = self._ledger.room(account, limit) if now >= self._ledger.closed_until else 0
        return min(room, self.allowed(now) - account.used) if cap.even else room

    def allowed(self, now: Micros) -> int:
        """Units that may be in use by now: with even pacing the share of the period that is over."""
        start, end = self.horizon(now)
        if not self.cap.even or end is None or end <= start:
            return self.cap.limit_at(now)
        over = min(max(now - start, 0), end - start)
        limit, cost = self.cap.limit_at(now), self.cap.cost
        slack = max(1, limit // _SLACK, (cost.units or 0) if cost else 0)
        return min(limit, limit * over // (end - start) + slack)


def _holds(span: Span, now: Micros) -> bool:
    return span.start <= now and (span.end is None or now < span.end)
