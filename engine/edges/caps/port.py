"""What the engine asks of whatever keeps its caps: one protocol, whether alone or with other servers."""

from collections.abc import Sequence
from typing import Protocol

from engine.caps.guard import CapsGuard
from engine.model import Degradation
from engine.rulebook.book import RuleBook
from engine.telemetry import Figures, Gauge


class CapsKeeper(Protocol):
    """The accounts of every book's caps. All calls come from one event loop, and none waits for a disk."""

    in_force: CapsGuard

    @property
    def degraded(self) -> tuple[Degradation, ...]:
        """What every answer has to say for itself now; () while caps can be told."""

    async def guard(self, book: RuleBook) -> CapsGuard:
        """The guard of a book, with what it needs first at hand if that can be had."""

    def follow(self, guard: CapsGuard, beside: CapsGuard | None = None) -> None:
        """From now on this guard's book is the one in force, and the other decides beside it."""

    def gauges(self) -> Sequence[Gauge | Figures]:
        """What operations watch."""
