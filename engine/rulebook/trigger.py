"""A trigger: something a customer did that asks for a decision, without anybody waiting for the answer."""

from dataclasses import dataclass

from engine.model import Micros, PlacementId


@dataclass(frozen=True, slots=True)
class Trigger:
    """A decision for `placements`, all of `channel`, when an interaction of a type in `on` comes.

    Attributes:
        name: as the book has it; `title` says it to people.
        condition: its place among the truths of `RuleBook.triggers_of`; None if nothing is asked.
        counts: those of `on` that the condition counts: of these only the one that makes it true sets the
            trigger off, and not the next one too.
        rest: how long it is silent for a customer once it has offered them something, in microseconds;
            0 for not at all.
        max_age: an interaction older than this when it is applied sets nothing off, in microseconds.
        place: where the book has it, `file:line:column`.
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
