"""A trigger: what asks for a decision without anybody waiting for the answer: an interaction, or the clock."""

from dataclasses import dataclass

from engine.model import Micros, PlacementId


@dataclass(frozen=True, slots=True)
class Daily:
    """Each day at a time of the day.

    Attributes:
        at: in minutes after midnight, [0, 1440).
        timezone: whose days and whose clock.
    """

    at: int
    timezone: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A decision for `placements`, all of `channel`, when an interaction of a type in `on` comes.

    Where it is `daily` it is one each day for every customer of whom the condition is true.

    Attributes:
        name: as the book has it; `title` says it to people.
        condition: its place among the truths of `RuleBook.triggers_of`; None if nothing is asked.
        counts: those of `on` that the condition counts: of these only the one that makes it true sets the
            trigger off, and not the next one too.
        rest: how long it is silent for a customer once it has offered them something, in microseconds;
            0 for not at all.
        max_age: an interaction older than this when it is applied sets nothing off, in microseconds; as
            long after its time of the day a daily one may still be made up for.
        place: where the book has it, `file:line:column`.
        when: the condition as it is written; empty if nothing is asked. `reads` are its attributes.
        daily: when the clock sets it off; None where interactions do. One of `on` and this there is.
    """

    name: str
    title: str
    on: tuple[str, ...]
    condition: int | None
    counts: frozenset[str]
    placements: tuple[PlacementId, ...]
    channel: str
    rest: Micros
    max_age: Micros
    place: str
    daily: Daily | None = None
    when: str = ""
    reads: tuple[str, ...] = ()
