"""Challenge: a plan with the book it is about, whether the two can go together, and what is freed after."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.challenger.caps import missing_budgets
from engine.challenger.contender import lacking
from engine.challenger.ending import let_go
from engine.challenger.plan import Part, Plan
from engine.decide import Decider
from engine.rulebook.book import RuleBook


class Lease:
    """Lets go of a book once the last decider that uses it is gone.

    One book of a challenger serves several deciders, one after the other: each step of the plan, and
    each reload of the champion, makes another.
    """

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._users = 0

    def use(self, decider: Decider) -> None:
        """Notes that a decider uses the book, for as long as it lives."""
        self._users += 1
        weakref.finalize(decider, self._left)

    def _left(self) -> None:
        self._users -= 1
        if not self._users:
            let_go(self._book)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenger's plan and its book, as the files have it."""

    plan: Plan
    book: RuleBook
    lease: Lease = field(compare=False)

    def obstacles(self, champion: RuleBook) -> tuple[str, ...]:
        """Why the challenger cannot play its part beside, or after, this champion; () if it can."""
        return obstacles(self.plan.part, champion, self.book)


def obstacles(part: Part, champion: RuleBook, challenger: RuleBook) -> tuple[str, ...]:
    """Why a book cannot play a part beside, or after, the champion; () if it can."""
    if part is Part.REPLACED:
        return tuple(
            f"it has no {what}, which callers may name: add it before it replaces the champion"
            for what in _missing(champion, challenger)
        )
    return tuple(
        f"it lacks the champion's {cap.code} ({cap.place}), whose cost is worked out by a rule: "
        "write it there too, so that what both offer is counted"
        for cap in missing_budgets(champion, challenger)
    )


def _missing(champion: RuleBook, challenger: RuleBook) -> Iterator[str]:
    """Placements and attributes that callers know of the champion, and the challenger has not alike."""
    yield from (f"placement {name}" for name in lacking(champion, challenger))
    declared = {attribute.name: attribute.type for attribute in challenger.attributes}
    for attribute in champion.attributes:
        if declared.get(attribute.name) != attribute.type:
            yield f"attribute {attribute.name} ({attribute.type})"
