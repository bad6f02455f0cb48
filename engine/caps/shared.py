"""The ledger of one server among several: it gives out what is lent to it of accounts all servers share.

An account's units are shown, held by an offer, lent to a server, or free. A server offers what is lent to
it and tells of that a moment later (`Order`), when more is lent. So no decision waits, and no two servers
have the same unit. What is lent is so for a limited time: a server that does not hear of it any more has
nothing at hand, and what a dead one may have offered unheard is free again once it could not be shown any
more. Offers that were shown are told by whoever applies the responses, not here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.caps.accounts import KEPT, Account, Accounts, Need
from engine.caps.order import Order, Part, Standing
from engine.caps.vault import AccountKey, Share
from engine.model import SECOND, ActionId, DecisionId, Micros

SOON: Final = SECOND
"""How long until an account is asked again of which somebody has too little."""

RENEWED: Final = 4 * SECOND
"""How long until any other is."""

LENT: Final = 12 * SECOND
"""How long units are lent for."""

_NEVER: Final = 1 << 62
_NOTHING: Final = Need(limit=0, allowed=0, block=0, least=0, hold=0)
_AT_HAND: Final = "the next share of it is not at hand yet"
_AWAY: Final = "Redis cannot be reached, so nobody knows what is left of it"


@dataclass(slots=True)
class _Quota:
    """What is lent to this server of one account.

    Attributes:
        need: what is asked for.
        unsent: offers made that were not told of yet.
        sent: how many orders were made up.
        heard: the last of them that was answered.
        told: units at hand when last heard of.
        until: until when it is lent; `_NEVER` if nothing is.
        again: when to ask again, even if nothing is needed.
        under_way: whether an order is.
        refused: whether the last order brought too little: no more is asked for before `again`.
        wanted: whether somebody had too little.
    """

    account: Account
    need: Need | None = None
    unsent: list[Part] = field(default_factory=list)
    sent: int = 0
    heard: int = 0
    told: int = 0
    until: Micros = _NEVER
    again: Micros = 0
    under_way: bool = False
    refused: bool = False
    wanted: bool = False
    late: int = 0
    expired: int = 0

    @property
    def at_hand(self) -> int:
        return self.account.drawn - self.account.used

    def is_over(self, now: Micros) -> bool:
        """Whether the period is, so that nothing more is needed of it."""
        end = self.account.span.end
        return end is not None and end <= now

    def drop(self) -> None:
        """Has nothing at hand any more."""
        self.account.drawn = self.account.used
        self.told, self.until, self.refused, self.again = 0, _NEVER, False, 0


class SharedLedger(Accounts):
    """The accounts as one server knows them: what others have in use is as it was when last heard of.

    An edge takes `orders`, sends each, and says what became of it: `told` or `unheard`. It is told by
    `wake` when there are any: at once where something is needed, or else within a moment.

    Attributes:
        open_until: what is at hand of some account is lent until this moment only.
    """

    waiting = _AT_HAND

    def __init__(self, wake: Callable[[bool], None]) -> None:
        super().__init__()
        self.open_until: Micros = _NEVER
        self._wake = wake
        self._quotas: dict[AccountKey, _Quota] = {}
        self._next: dict[AccountKey, _Quota] = {}
        self._holds: dict[str, Micros] = {}
        self._hold: Micros = 0

    # --- what a decision does ------------------------------------------------------------------

    def draw_ahead(self, account: Account, need: Need) -> None:
        """Has it asked for soon, once half of what was at hand is gone."""
        quota = self._quotas.get(account.key)
        if quota is None:
            quota = self._quotas[account.key] = _Quota(account)
        quota.need = need
        if need.hold > self._holds.get(account.key.cap, 0):
            self._holds[account.key.cap] = need.hold
            self._hold = max(self._hold, need.hold)
        if quota.refused or quota.under_way:
            return
        at_hand = quota.at_hand
        if at_hand < need.least or 2 * at_hand < quota.told:
            self._next[account.key] = quota
            self._wake(True)

    def reserve(self, share: Share) -> None:
        """Reserves what an offer takes; told with the next orders."""
        self._wake(False)
        for key, units in share.charges:
            quota = self._quotas.get(key)
            if quota is not None:
                quota.account.reserved += units
                quota.unsent.append(Part(share.decision_id, share.action_id, units, share.until))
                self._next[key] = quota
                self._note(quota.account)

    def confirm(self, decision_id: DecisionId, action_id: ActionId) -> bool:  # noqa: ARG002  # told elsewhere
        """True: whoever applies the response counts it, on whichever server it came in."""
        return True

    def release(self, decision_id: DecisionId, action_id: ActionId) -> bool:  # noqa: ARG002  # told elsewhere
        """False: whoever applies the response gives the share back."""
        return False

    def settle(self, share: Share) -> None:
        """Nothing: whoever applies the response counts it."""

    def expire(self, now: Micros) -> None:
        """Drops what is not lent any more."""
        if now < self.open_until:
            return
        for quota in self._quotas.values():
            if quota.until <= now:
                quota.drop()
                self._note(quota.account)
        self.open_until = min((quota.until for quota in self._quotas.values()), default=_NEVER)

    @property
    def holds(self) -> Mapping[str, Micros]:
        """By `Cap.key` the longest that an offer keeps its share, of all that was asked for so far."""
        return self._holds

    # --- what the edge does --------------------------------------------------------------------

    def tend(self, now: Micros) -> None:
        """Drops what is not lent any more; lets go of periods that are over."""
        self.expire(now)
        for account in self.accounts:
            if account.span.end is not None and account.span.end + KEPT <= now:
                del self._accounts[account.key]
                self._quotas.pop(account.key, None)
                self._next.pop(account.key, None)

    def orders(self, now: Micros) -> list[Order]:
        """What is to be sent at once: of accounts where offers were made, or more is needed."""
        quotas, self._next = self._next, {}
        return list(self._ordered(quotas.values(), now))

    def orders_due(self, now: Micros) -> list[Order]:
        """What is to be sent because it was not for long enough; to be asked for every second."""
        due = [quota for quota in self._quotas.values() if quota.again <= now]
        return self.orders(now) + list(self._ordered(due, now))

    def orders_to_give_back(self, now: Micros) -> list[Order]:
        """What is to be sent of all accounts ever heard of where nothing is to be at hand any more.

        Whoever is asked finds out by that whether they still know what they told here.
        """
        quotas = [quota for quota in self._quotas.values() if quota.sent and not quota.under_way]
        orders = [self._order(quota, _NOTHING, now) for quota in quotas]
        for quota in quotas:
            quota.under_way = True
        return orders

    def told(self, order: Order, standing: Standing, until: Micros) -> None:
        """How an account stands behind an order; what is at hand is lent until that moment."""
        quota = self._quotas.get(order.key)
        if quota is None:
            return
        quota.heard, quota.under_way = order.number, False
        self._count(quota, standing)
        if _stand(quota, standing):
            self._note(quota.account)
        wanted_here = max(order.demand, 1)
        quota.account.part = wanted_here / (wanted_here + standing.elsewhere)
        quota.wanted, quota.told = standing.wanted, quota.at_hand
        quota.refused = quota.at_hand < order.least
        quota.until = until if quota.at_hand else _NEVER
        scarce = order.wanted and standing.shown < order.ceiling and (quota.wanted or quota.refused)
        quota.again = until - LENT + (SOON if scarce else RENEWED)
        self.open_until = min(self.open_until, quota.until)
        if quota.unsent:
            self._next[order.key] = quota
            self._wake(False)

    def unheard(self, order: Order) -> None:
        """What became of an order is not known: it may have been carried out. It is told again."""
        quota = self._quotas.get(order.key)
        if quota is not None:
            quota.unsent[:0] = order.parts
            quota.under_way, quota.again = False, 0

    def away(self) -> None:
        """Nobody can be asked: nothing is given out."""
        self.waiting = _AWAY
        for quota in self._quotas.values():
            quota.drop()
        self.open_until = _NEVER
        self._note_all()

    def back(self) -> None:
        """Those who know can be asked again."""
        self.waiting = _AT_HAND
        self._next = dict(self._quotas)
        self._wake(True)
        self._note_all()

    def close_until(self, moment: Micros, closings: Mapping[str, Micros]) -> None:
        """Nothing is given out before this moment, or that of the cap by `Cap.key`.

        Either may also be sooner than it was before.
        """
        self.closed_until, self.closings = moment, closings
        self._note_all()

    def begin_anew(self) -> None:
        """What is shared was lost: no account needs to have heard of this server."""
        for quota in self._quotas.values():
            quota.heard = 0

    def _count(self, quota: _Quota, standing: Standing) -> None:
        """Counts what is late or expired since, wherever it was offered."""
        self.late += max(standing.late - quota.late, 0)
        self.expired += max(standing.expired - quota.expired, 0)
        quota.late = max(quota.late, standing.late)
        quota.expired = max(quota.expired, standing.expired)

    def _ordered(self, quotas: Iterable[_Quota], now: Micros) -> Iterable[Order]:
        for quota in quotas:
            if not quota.under_way:
                order = self._order(quota, quota.need or _NOTHING, now)
                if order.parts or order.wanted or quota.told:
                    quota.under_way = True
                    yield order
                else:
                    quota.again = now + RENEWED

    def _order(self, quota: _Quota, need: Need, now: Micros) -> Order:
        account = quota.account
        parts, quota.unsent = tuple(quota.unsent), []
        if quota.is_over(now):
            need = _NOTHING
        wanted = _wanted(quota, need, used=bool(parts))
        if wanted < quota.at_hand:
            account.drawn = account.used + wanted
            self._note(account)
        quota.sent += 1
        price = self.prices.get(account.key.cap)
        demand = 0 if price is None else price.wanted
        return Order(
            account.key, account.span, parts, wanted, need.least, need.allowed, self._hold,
            demand, quota.sent, quota.heard,
        )  # fmt: skip


def _stand(quota: _Quota, standing: Standing) -> bool:
    """Has the account stand as it was told; whether that is new."""
    account = quota.account
    before = (account.confirmed, account.reserved, account.missing, account.drawn)
    account.confirmed = standing.shown
    account.reserved = standing.held + sum(part.units for part in quota.unsent)
    account.missing = standing.lent
    account.drawn = standing.shown + standing.held + standing.lent + standing.at_hand
    return before != (account.confirmed, account.reserved, account.missing, account.drawn)


def _wanted(quota: _Quota, need: Need, *, used: bool) -> int:
    """Units to have at hand: two blocks; where others have too little no more than there are.

    Who has used none of them lately gives half of them back then.
    """
    at_hand = quota.at_hand
    if quota.wanted and at_hand and need.block:
        return max(at_hand, need.least) if used else at_hand // 2
    return 2 * need.block
