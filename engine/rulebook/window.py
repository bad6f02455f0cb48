"""What an attribute that is kept from events comes to: a count, a sum, a distinct count or a recency."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.model import DAY, Micros, Value

LONGEST: Final = 366 * DAY
"""The longest a window may look back."""


class Reckoning(StrEnum):
    """What is made of the events in a window.

    COUNT: how many there are. SUM: what the numbers of one attribute add up to. DISTINCT: how many
    different values one attribute had. LAST: when the latest was.
    """

    COUNT = "count"
    SUM = "sum"
    DISTINCT = "distinct"
    LAST = "last"

    @property
    def of_attribute(self) -> bool:
        """Whether it is made of an attribute of the events, and not of the events themselves."""
        return self in (Reckoning.SUM, Reckoning.DISTINCT)


@dataclass(frozen=True, slots=True)
class Window:
    """A `from:` clause: which events count, how far back, and what is made of them.

    At a moment `now` those count whose own time lies in (now − `within`, now]: an event that is
    reported late counts from the report on, one with a time to come from that time on.

    Attributes:
        events: the types of interaction that count.
        what: what is made of them.
        within: how far back, in microseconds.
        of: the attribute of the events that is summed, or whose values are told apart; else empty.
        channels: where they happened; () for anywhere.
        where: attributes of the events with the values they must have, one of each.
    """

    events: tuple[str, ...]
    what: Reckoning
    within: Micros
    of: str = ""
    channels: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[Value, ...]], ...] = ()
