"""The ledger of one process: what is used and what is reserved of every cap."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

from engine.caps.accounts import KEPT, Account, Accounts, Need
from engine.caps.vault import AccountKey, Charge, Share, Vault
from engine.model import ActionId, DecisionId, Micros

_SPARE: Final = 1_000


class Ledger(Accounts):
    """All accounts, and the shares that offers hold of them, over a vault of this process.

    No share is reserved beyond what the vault has kept as drawn: `room` says how much there is. Every
    share that is reserved is confirmed or released, once.
    """

    waiting = "the next share of it is not on disk yet"

    def __init__(self, vault: Vault) -> None:
        super().__init__()
        self._vault = vault
        vault.tell(self.drawn, self.settled)
        self._held: dict[tuple[DecisionId, ActionId], Share] = {}
        self._due: list[tuple[Micros, DecisionId, ActionId]] = []

    def restore(self, accounts: Iterable[Account], shares: Iterable[Share]) -> None:
        """Takes up what a vault has kept; `accounts` already include the `shares` as reserved."""
        self._accounts.update((account.key, account) for account in accounts)
        for share in shares:
            self._hold(share)

    def draw_ahead(self, account: Account, need: Need) -> None:
        """Asks for the next block before this one is used up; one request is under way at a time."""
        if account.asked > account.drawn or account.drawn - account.used >= need.block:
            return
        wanted = min(need.limit, account.used + 2 * need.block)
        if wanted > account.drawn:
            account.asked = wanted
            self._vault.draw(account.key, account.span, wanted, need.hold)

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
            if account.span.end is not None and account.span.end + KEPT <= now:
                del self._accounts[account.key]
                self._vault.forget(account.key)

    def _hold(self, share: Share) -> None:
        if len(self._due) > 2 * len(self._held) + _SPARE:
            self._due = [(s.until, s.decision_id, s.action_id) for s in self._held.values()]
            heapify(self._due)
        self._held[share.decision_id, share.action_id] = share
        heappush(self._due, (share.until, share.decision_id, share.action_id))

    def _accounts_of(self, share: Share) -> Iterable[tuple[Account, int]]:
        for key, units in share.charges:
            account = self._accounts.get(key)
            if account is not None:
                yield account, units
