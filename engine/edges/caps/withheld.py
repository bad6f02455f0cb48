"""Caps that nobody can tell how much is left of: whatever is under one is withheld."""

from collections.abc import Sequence
from typing import Final

from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.vault import Fleeting
from engine.model import Degradation, Micros, Step
from engine.rulebook.book import RuleBook
from engine.telemetry import Figures, Gauge

_FOR_EVER: Final = 1 << 62
_WHY: Final = (
    Degradation(Step.CAPS, "how much is left of caps cannot be told: what they limit is withheld"),
)


class Withheld:
    """Keeps every cap closed; it is an `engine.edges.caps.port.CapsKeeper`."""

    def __init__(self, book: RuleBook) -> None:
        self._ledger = Ledger(Fleeting())
        self._ledger.closed_until = Micros(_FOR_EVER)
        self._limited: frozenset[CapsGuard] = frozenset()
        self.in_force = self._guard(book)
        self.follow(self.in_force)

    @property
    def degraded(self) -> tuple[Degradation, ...]:
        """That caps are closed, where a book in force has any."""
        return _WHY if self._limited else ()

    async def guard(self, book: RuleBook) -> CapsGuard:
        """The guard of a book."""
        return self._guard(book)

    def follow(self, guard: CapsGuard, beside: CapsGuard | None = None) -> None:
        """From now on these are the guards of the books that decide."""
        self.in_force = guard
        self._limited = frozenset(each for each in (guard, beside) if each and each.meters)

    def gauges(self) -> Sequence[Gauge | Figures]:
        """Nothing is known."""
        return ()

    def _guard(self, book: RuleBook) -> CapsGuard:
        return CapsGuard(book, self._ledger)
