"""A stop: what nobody is shown for the time being, whatever the rules say."""

from dataclasses import dataclass

from engine.model import Micros


@dataclass(frozen=True, slots=True)
class Stop:
    """An entry of stop.yaml.

    `kind` says what `name` is of: action, treatment, placement, group, issue or channel. `valid` is
    [since, until) in UTC, open where nothing is written. `text` says since when, until when, by whom
    and why, as far as that is written; it may be empty.
    """

    kind: str
    name: str
    valid: tuple[Micros | None, Micros | None]
    text: str
    place: str

    def __str__(self) -> str:
        """The stop in words: `action 'win_back', since 2026-11-21, by Anna: the price is wrong`."""
        return f"{self.kind} '{self.name}'{self.text}"

    def holds(self, now: Micros) -> bool:
        """Whether it holds at this moment."""
        since, until = self.valid
        return (since is None or now >= since) and (until is None or now < until)
