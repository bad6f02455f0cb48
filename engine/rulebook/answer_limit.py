"""An answer limit: how many offers of a kind one answer, or one placement of it, may hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnswerLimit:
    """At most `at_most` offers of a kind.

    `kinds` are over all actions of the book: those of one kind have the same text, those it does
    not concern the empty one. `by_placement` counts each placement for itself, otherwise the whole
    answer counts.
    """

    name: str
    title: str
    at_most: int
    by_placement: bool
    kinds: tuple[str, ...]
    place: str
