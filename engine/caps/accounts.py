"""All accounts of caps: what is in use of every cap, in every period that still counts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.caps.periods import Span
from engine.caps.price import BidPrice
from engine.caps.vault import AccountKey, Share
from engine.model import DAY, ActionId, DecisionId, Micros

KEPT: Final = DAY
"""How long an account outlives its period: a clock set back must not find it empty."""

_REMEMBERED: Final = 1_000


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
        part: of all requests that want some of it those that come to this process, in (0, 1].
    """

    key: AccountKey
    span: Span
    confirmed: int = 0
    reserved: int = 0
    missing: int = 0
    missing_until: Micros = 0
    drawn: int = 0
    asked: int = 0
    part: float = 1.0

    @property
    def used(self) -> int:
        """What nobody else can have."""
        return self.confirmed + self.reserved + self.missing


class Need(NamedTuple):
    """What a cap needs at hand. All but `hold` in units.

    Attributes:
        limit: what may be in use of it altogether.
        allowed: what may be in use by now: less than `limit` where it is spread evenly.
        block: what is drawn at a time.
        least: what one offer takes, or the most one ever took; less is of little use.
        hold: how long an offer keeps its share at most (`engine.caps.holds`).
    """

    limit: int
    allowed: int
    block: int
    least: int
    hold: Micros


class Accounts(ABC):
    """All accounts, and the shares that offers take of them. To be used from one thread.

    Attributes:
        prices: the running price of every cap that ever had one, by `Cap.key`.
        changes: how many changes there were to any account.
        closed_until: nothing is given out before this moment of a cap that `closings` does not name.
        closings: by `Cap.key` the moment before which nothing is given out of it.
        late: offers shown after their share was given back: they count, and may exceed a cap.
        expired: offers whose share was given back for want of any sign that they were shown.
        waiting: why a cap that is not used up has no room: what is told to people.
    """

    waiting: str

    def __init__(self) -> None:
        self._accounts: dict[AccountKey, Account] = {}
        self.prices: dict[str, BidPrice] = {}
        self.closed_until: Micros = 0
        self.closings: Mapping[str, Micros] = {}
        self.changes = 0
        self._changed: list[str] = []
        self.late = 0
        self.expired = 0

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
        """Takes up a price that was kept; before anybody asks for it."""
        self.prices[cap] = price

    def opens(self, cap: str) -> Micros:
        """The moment before which nothing is given out of a cap (`Cap.key`)."""
        return self.closings.get(cap, self.closed_until)

    def room(self, account: Account, limit: int) -> int:
        """Units that may be reserved now under this limit; 0 or less if there are none."""
        return min(limit, account.drawn) - account.used

    @abstractmethod
    def draw_ahead(self, account: Account, need: Need) -> None:
        """Asks for what is needed next before it is; never waits."""

    @abstractmethod
    def reserve(self, share: Share) -> None:
        """Reserves what an offer takes, all of which must have room."""

    @abstractmethod
    def confirm(self, decision_id: DecisionId, action_id: ActionId) -> bool:
        """Keeps the share of an offer that was shown; False if it holds none."""

    @abstractmethod
    def release(self, decision_id: DecisionId, action_id: ActionId) -> bool:
        """Gives back the share of an offer that was not shown; False if it holds none."""

    @abstractmethod
    def settle(self, share: Share) -> None:
        """Counts an offer that was shown and holds no share, unless it is counted already."""

    @abstractmethod
    def expire(self, now: Micros) -> None:
        """Lets go of what time alone ends. Costs nearly nothing while that is nothing."""

    @abstractmethod
    def tend(self, now: Micros) -> None:
        """What time alone brings, accounts whose period is over among it."""

    def _note(self, account: Account) -> None:
        """Has it known that an account has changed."""
        self.changes += 1
        if len(self._changed) >= _REMEMBERED:
            del self._changed[: _REMEMBERED // 2]
        self._changed.append(account.key.cap)

    def _note_all(self) -> None:
        """Has it known that any account may have changed."""
        self.changes += 1
        self._changed.clear()
