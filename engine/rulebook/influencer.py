"""An influencer: what a customer once said raises or lowers priorities, for a time."""

from dataclasses import dataclass

from engine.model import Micros


@dataclass(frozen=True, slots=True)
class Influencer:
    """Adds percent to C by the time since the customer's last `outcome`.

    `scope` (action, group or issue) says which outcomes concern an action: its own, or any of its
    group or issue; `channels` on which channels they count, on all if it is empty. `issue`, `group`
    and `action` ("" = any) say whose priority moves. The lengths of time are in microseconds; `lasts`
    is None if there is no end.
    """

    name: str
    title: str
    outcome: str
    scope: str
    weight: float
    after: Micros
    grows_over: Micros
    lasts: Micros | None
    fades_over: Micros
    channels: frozenset[str]
    issue: str
    group: str
    action: str
    place: str

    def percent(self, elapsed: Micros) -> float:
        """What it adds this long after the outcome: a piecewise linear function, 0 at both ends.

        It is 0 until `after`, grows to `weight` over `grows_over`, stays there for `lasts`, and
        fades to 0 over `fades_over`. An outcome of the future counts as one of this moment.

        >>> days = Influencer("n", "", "o", "action", 40.0, 14, 4, 6, 8, frozenset(), "", "", "", "")
        >>> [days.percent(day) for day in (-1, 13, 14, 15, 18, 24, 26, 32, 99)]
        [0.0, 0.0, 0.0, 10.0, 40.0, 40.0, 30.0, 0.0, 0.0]
        """
        grown = max(elapsed, 0) - self.after
        if grown < 0:
            return 0.0
        if grown < self.grows_over:
            return self.weight * grown / self.grows_over
        if self.lasts is None:
            return self.weight
        faded = grown - self.grows_over - self.lasts
        if faded < 0:
            return self.weight
        return self.weight * (1.0 - faded / self.fades_over) if faded < self.fades_over else 0.0

    @property
    def end(self) -> Micros | None:
        """How long after the outcome nothing is left of it; None if something always is."""
        if self.lasts is None:
            return None
        return self.after + self.grows_over + self.lasts + self.fades_over
