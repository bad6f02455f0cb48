"""The ledger: what is used and what is reserved of every cap, in every period that still counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from engine.caps.periods import Span
from engine.caps.price import BidPrice
from engine.caps.vault import AccountKey, Charge, Share, Vault
from engine.model import DAY, ActionId, DecisionId, Micros

_REMEMBERED: Final = 1_000
_KEPT: Final = DAY
"""How long an account outlives its period: a clock set back must not find it empty."""


@dataclass(slots=True)
class Account:
    """One cap in one period. All figures are units.

    Attributes:
        confirmed: what was shown.
        reserved: what was offered and may yet be shown.
        missing: what may have been offered before a crash without a trace; counts as used until
            `missing_until`.
        drawn: what may be in use according to the disk.
        asked: what the disk was last asked to let be in use.
    """

    key: AccountKey
    span: Span
    confirmed: int = 0
    reserved: int = 0
    missing: int = 0
    missing_until: Micros = 0
    drawn: int = 0
    asked: int = 0

    @property
    def used(self) -> int:
        """What nobody else can have."""
        return self.confirmed + self.reserved + self.missing


class Ledger:
    """All accounts, and the shares that offers hold of them. To be used from one thread.

    No share is reserved beyond what the vault has kept as drawn: `room` says how much there is. Every
    share that is reserved is confirmed or released, once.

    Attributes:
        prices: the running price of every cap that ever had one, by `Cap.key`.
        changes: how many changes there were to any account.
        closed_until: nothing is given out before this moment.
        late: offers shown after their share was given back: they count, and may exceed a cap.
        expired: offers whose share was given back for want of any sign that they were shown.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        vault.tell(self.drawn, self.settled)
        self._accounts: dict[AccountKey, Account] = {}
        self._held: dict[tuple[DecisionId, ActionId], Share] = {}
        self._due: list[tuple[Micros, DecisionId, ActionId]] = []
        self.prices: dict[str, BidPrice] = {}
        self.closed_until: Micros = 0
        self.changes = 0
        self._changed: list[str] = []
        self.late = 0
        self.expired = 0

    def restore(self, accounts: Iterable[Account], shares: Iterable[Share]) -> None:
        """Takes up what a vault has kept; `accounts` already include the `shares` as reserved."""
        self._accounts.update((account.key, account) for account in accounts)
        for share in shares:
            self._hold(share)

    # --- accounts ------------------------------------------------------------------------------

    @property
    def accounts(self) -> Sequence[Account]:
        """All accounts, for reports."""
        return list(self._accounts.values())

    def account(self, cap: str, span: Span) -> Account:
        """The account of a cap (`Cap.key`) for a period, new if need be."""
        key = AccountKey(cap, span.start)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(key, span)
        return account

    def look(self, cap: str, span: Span) -> Account:
        """The account of a cap for a period; if there is none yet one that is not kept."""
        key = AccountKey(cap, span.start)
        return self._accounts.get(key) or Account(key, span)

    def changed_since(self, seen: int) -> Sequence[str] | None:
        """The caps (`Cap.key`) changed since there were `seen` changes; None if that is not known."""
        behind = self.changes - seen
        if seen < 0 or behind > len(self._changed):
            return None
        return self._changed[-behind:] if behind else ()

    def price(self, cap: str) -> BidPrice:
        """The running price of a cap."""
        return self.prices.setdefault(cap, BidPrice())

    def take_price(self, cap: str, price: BidPrice) -> None:
        """Takes up a price that a vault has kept; before anybody asks for it."""
        self.prices[cap] = price

    def room(self, account: Account, limit: int) -> int:
        """Units that may be reserved now under this limit; 0 or less if there are none."""
        return min(limit, account.drawn) - account.used

    def draw_ahead(self, account: Account, limit: int, block: int, hold: Micros) -> None:
        """Asks for the next block before this one is used up; one request is under way at a time."""
        if account.asked > account.drawn or account.drawn - account.used >= block:
            return
        wanted = min(limit, account.used + 2 * block)
        if wanted > account.drawn:
            account.asked = wanted
            self._vault.draw(account.key, account.span, wanted, hold)

    def drawn(self, key: AccountKey, units: int) -> None:
        """Told by the vault: from now on up to `units` of an account may be in use."""
        account = self._accounts.get(key)
        if account is not None:
            account.drawn = max(account.drawn, units)
            self._note(account)

    # --- shares --------------------------------------------------------------------------------

    def reserve(self, share: Share) -> None:
        """Reserves what an offer takes, all of which must have room."""
        for account, units in self._accounts_of(share):
            account.reserved += units
            self._note(account)
        self._hold(share)
        self._vault.reserve(share)

    def confirm(self, decision_id: DecisionId, action_id: ActionId) -> bool:
        """Keeps the share of an offer that was shown; False if it holds none."""
        share = self._held.pop((decision_id, action_id), None)
        if share is None:
            return False
        for account, units in self._accounts_of(share):
            account.reserved -= units
            account.confirmed += units
            self._note(account)
        self._vault.confirm(share)
        return True

    def release(self, decision_id: DecisionId, action_id: ActionId) -> bool:
        """Gives back the share of an offer that was not shown; False if it holds none."""
        share = self._held.pop((decision_id, action_id), None)
        if share is None:
            return False
        for account, units in self._accounts_of(share):
            account.reserved -= units
            self._note(account)
        self._vault.release(share)
        return True

    def settle(self, share: Share) -> None:
        """Counts an offer that was shown and holds no share, unless it is counted already.

        What it took of periods that are over does not matter any more.
        """
        charges = tuple(charge for charge in share.charges if charge.account in self._accounts)
        if charges:
            self._vault.settle(share._replace(charges=charges))

    def settled(self, charges: Iterable[Charge]) -> None:
        """Told by the vault: an offer without a share was shown, for the first time."""
        self.late += 1
        for key, units in charges:
            account = self._accounts.get(key)
            if account is not None:
                account.missing = max(0, account.missing - units)
                account.confirmed += units
                self._note(account)

    def expire(self, now: Micros) -> None:
        """Gives back the shares that were held long enough."""
        while self._due and self._due[0][0] <= now:
            _, decision_id, action_id = heappop(self._due)
            self.expired += self.release(decision_id, action_id)

    def tend(self, now: Micros) -> None:
        """Gives back what was held long enough; lets go of what is over."""
        self.expire(now)
        for account in self.accounts:
            if account.missing and account.missing_until <= now:
                account.missing = 0
                self._note(account)
            if account.span.end is not None and account.span.end + _KEPT <= now:
                del self._accounts[account.key]
                self._vault.forget(account.key)

    def _note(self, account: Account) -> None:
        self.changes += 1
        if len(self._changed) >= _REMEMBERED:
            del self._changed[: _REMEMBERED // 2]
        self._changed.append(account.key.cap)

    def _hold(self, share: Share) -> None:
        if len(self._due) > 2 * len(self._held) + _REMEMBERED:
            self._due = [(s.until, s.decision_id, s.action_id) for s in self._held.values()]
            heapify(self._due)
        self._held[share.decision_id, share.action_id] = share
        heappush(self._due, (share.until, share.decision_id, share.action_id))

    def _accounts_of(self, share: Share) -> Iterable[tuple[Account, int]]:
        for key, units in share.charges:
            account = self._accounts.get(key)
            if account is not None:
                yield account, units
