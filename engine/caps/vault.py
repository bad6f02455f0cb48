"""Where accounts are kept when the process ends: what a ledger asks of it, and one that keeps nothing."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from engine.caps.periods import Span
from engine.model import ActionId, DecisionId, Micros


class AccountKey(NamedTuple):
    """One cap (`Cap.key`) in one of its periods, by the period's begin."""

    cap: str
    start: Micros


class Charge(NamedTuple):
    """Units of one account."""

    account: AccountKey
    units: int


class Share(NamedTuple):
    """What one offer takes of every cap it is under, and until when without a sign of being shown."""

    decision_id: DecisionId
    action_id: ActionId
    charges: tuple[Charge, ...]
    until: Micros


Drawn: TypeAlias = Callable[[AccountKey, int], None]
Settled: TypeAlias = Callable[[Sequence[Charge]], None]


class Vault(Protocol):
    """Keeps accounts. No method waits for a disk."""

    def tell(self, drawn: Drawn, settled: Settled) -> None:
        """Whom to tell what has been kept, on the thread of the ledger."""

    def draw(self, key: AccountKey, span: Span, units: int, hold: Micros) -> None:
        """Has it kept that up to `units` of an account may be in use; `drawn` is told when it is."""

    def reserve(self, share: Share) -> None:
        """Keeps that an offer was made."""

    def confirm(self, share: Share) -> None:
        """Keeps that a reserved offer was shown."""

    def release(self, share: Share) -> None:
        """Keeps that a reserved offer was given back."""

    def settle(self, share: Share) -> None:
        """Keeps that an offer was shown that is not reserved (any more), once.

        If that was not known before, `settled` is told.
        """

    def forget(self, key: AccountKey) -> None:
        """Lets go of an account whose period is over."""


class Fleeting:
    """A vault that keeps nothing and has everything at once: for tests of a book and simulations."""

    def __init__(self) -> None:
        self._shown: set[tuple[DecisionId, ActionId]] = set()
        self._drawn: Drawn = _ignore
        self._settled: Settled = _ignore

    def tell(self, drawn: Drawn, settled: Settled) -> None:
        """Whom to tell."""
        self._drawn, self._settled = drawn, settled

    def draw(self, key: AccountKey, span: Span, units: int, hold: Micros) -> None:
        """Has it at once."""
        del span, hold
        self._drawn(key, units)

    def reserve(self, share: Share) -> None:
        """Keeps nothing."""

    def confirm(self, share: Share) -> None:
        """Remembers that it was shown, for `settle`."""
        self._shown.add((share.decision_id, share.action_id))

    def release(self, share: Share) -> None:
        """Keeps nothing."""

    def settle(self, share: Share) -> None:
        """Tells the ledger, once for each offer."""
        offer = (share.decision_id, share.action_id)
        if offer not in self._shown:
            self._shown.add(offer)
            self._settled(share.charges)

    def forget(self, key: AccountKey) -> None:
        """Keeps nothing."""


def _ignore(*_: object) -> None:
    """Nobody is told."""
