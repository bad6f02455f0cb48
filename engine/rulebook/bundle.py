"""A bundle: actions that are shown together."""

from dataclasses import dataclass

from engine.model import PlacementId


@dataclass(frozen=True, slots=True)
class Bundle:
    """Actions (indexes of the book), of which the first leads.

    A fixed bundle (`at_most` None) is shown whole and in this order, or not at all, and its actions
    are not shown apart. In a flexible one the lead brings at most so many of the others. With
    `summed` it competes by the sum of the priorities of all it shows, otherwise by its lead's. It
    holds in these `placements`; in others its actions stand for themselves.
    """

    name: str
    title: str
    actions: tuple[int, ...]
    at_most: int | None
    summed: bool
    placements: frozenset[PlacementId]
    place: str

    @property
    def is_fixed(self) -> bool:
        """Whether it is all or nothing."""
        return self.at_most is None
