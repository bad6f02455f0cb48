"""Casting: a challenger's shadows, made and kept, for as long as it is one."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from engine.challenger.plan import Plan
from engine.challenger.shadowing import Missed, Shadowing
from engine.decide import Decider
from engine.edges.journal.shadows import SHADOWS, ShadowLog
from engine.model import Customer, CustomerId


class Casting:
    """Has a challenger decide unseen, and what it decides kept in a data directory.

    `known` finds a customer in memory; `clock` is monotonic, in seconds. To be made on the event loop.
    """

    def __init__(
        self,
        data: Path,
        plan: Plan,
        challenger: Decider,
        known: Callable[[CustomerId], Customer | None],
        clock: Callable[[], float],
    ) -> None:
        name, begun = plan.name, plan.steps[0].since
        missed: Counter[Missed] = Counter()  # not by way of the shadowing: a circle is not freed
        self._log = ShadowLog(data / SHADOWS, name, begun, lambda: missed)
        keep = self._log.keep
        self.shadowing = Shadowing(name, challenger, plan.sample, keep, known, clock, missed)

    def stop(self) -> None:
        """Decides nothing more; what is made already is still to be kept."""
        self.shadowing.stop()

    async def close(self) -> None:
        """Stops, and keeps what was made."""
        self.stop()
        await self._log.close()
