"""One cap of a book at its account: what is left of it now, and how fast it may be used."""

from typing import Final

from engine.caps.accounts import Account, Accounts, Need
from engine.caps.periods import Span, over, span_of
from engine.caps.price import BidPrice
from engine.model import Micros
from engine.rulebook.cap import Cap

_SLACK: Final = 200
"""Pacing allows a cap's two-hundredth ahead of time, so that the first of a period need not wait."""

_FEW: Final = 16
_WORTH_WATCHING: Final = 100


class Meter:
    """A cap, and its account in the period around a given moment.

    Attributes:
        fixed_units: what one offer takes; None if that depends on the customer.
        hold: how long an offer keeps its share at most.
        room: units that could be reserved when it was last looked at.
        is_open: whether one more offer could be made then.
        is_tight: whether only a few more could.
        watched: whether it is, or may become, scarce, so that its price is to be reckoned with.
    """

    __slots__ = (
        "_account", "_dearest", "_ledger",
        "cap", "fixed_units", "hold", "is_open", "is_tight", "price", "room", "watched",
    )  # fmt: skip

    def __init__(self, cap: Cap, ledger: Accounts, hold: Micros) -> None:
        self.cap = cap
        self.hold = hold
        self.price: BidPrice = ledger.price(cap.key)
        self.fixed_units = 1 if cap.cost is None else cap.cost.units
        self.room = 0
        self.is_open = True
        self.is_tight = False
        self.watched = False
        self._ledger = ledger
        self._account: Account | None = None
        self._dearest = cap.block

    def look_again(self, now: Micros) -> None:
        """Brings `room` and what follows from it up to now."""
        self.room = self.free(now)
        units = self.fixed_units or 1
        self.is_open = self.room >= units
        self.is_tight = self.is_open and (self.room < units * _FEW or self.fixed_units is None)
        if not self.watched and self._may_be_scarce(now, 2):
            self.watched = True
            self.price.begin(self.horizon(now), now)

    def rest(self, now: Micros) -> None:
        """Stops being watched where there is far more than will be wanted."""
        if self.watched and not self._may_be_scarce(now, 4):
            self.watched = False

    @property
    def waiting(self) -> str:
        """Why there is no room although the cap is not used up."""
        return self._ledger.waiting

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
        allowed = self.allowed(now) if cap.even else limit
        block = self._dearest = max(self._dearest, min(wanted, limit))
        least = self.fixed_units or block
        self._ledger.draw_ahead(account, Need(limit, allowed, block, least, self.hold))
        room = self._ledger.room(account, limit) if now >= self._ledger.opens(cap.key) else 0
        return min(room, allowed - account.used) if cap.even else room

    def allowed(self, now: Micros) -> int:
        """Units that may be in use by now: with even pacing the share of the period that is over."""
        start, end = self.horizon(now)
        if not self.cap.even or end is None or end <= start:
            return self.cap.limit_at(now)
        passed = min(max(now - start, 0), end - start)
        limit = self.cap.limit_at(now)
        return min(limit, limit * passed // (end - start) + self._slack(limit))

    def allowed_from(self, units: int, now: Micros) -> Micros | None:
        """When even pacing allows this many units to be in use; None if there is no such time."""
        start, end = self.horizon(now)
        limit = self.cap.limit_at(now)
        if end is None or units > limit:
            return None
        return start - (self._slack(limit) - units) * (end - start) // limit

    def _slack(self, limit: int) -> int:
        return max(1, limit // _SLACK, self.fixed_units or 0)

    def _may_be_scarce(self, now: Micros, caution: int) -> bool:
        """Whether it has a price, or is used faster than a fraction of what would just last."""
        used, limit = self.account(now).used, self.cap.limit_at(now)
        priced = self.price.value > 0.0
        if not self.cap.worth_most or not (priced or used * _WORTH_WATCHING >= limit):
            return False
        horizon = self.horizon(now)
        return horizon.end is not None and (priced or used * caution > limit * over(horizon, now))


def _holds(span: Span, now: Micros) -> bool:
    return span.start <= now and (span.end is None or now < span.end)
