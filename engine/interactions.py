"""Remember: what is kept of the things a customer did, so that events can be counted over time.

What is kept follows from the events alone, never from a rule book: whichever book is in force later
can ask any window of what lies before it, and the same log always ends in the same customer. A customer
holds the `MOST` interactions of which the least would be lost: the 1,001st displaces the oldest of the
type there are most of, so that a thousand page views never push out the one complaint. Neither the order
in which events come nor how often they come makes a difference (`tests/test_interactions.py`).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from operator import itemgetter
from typing import Final

from engine.model import Customer, EventId, Interaction, Micros, PastInteraction, Value

MOST: Final = 1_000
"""Interactions kept of a customer."""

MOST_DETAILS: Final = 16
"""Attributes kept of one interaction: the first by name of those that can be kept."""

LONGEST_TEXT: Final = 64
"""Characters of the longest text that is kept of an interaction."""

LARGEST: Final = 10**15
"""Numbers are kept up to this in magnitude, so that the sum of a thousand is one of 64 bits."""

_LONGEST_NAME: Final = 100
_TYPE = itemgetter(1)


def past(event_id: EventId, time: Micros, interaction: Interaction) -> PastInteraction:
    """What is kept of an interaction that happened at this time."""
    kept = details(interaction.attributes) if interaction.attributes else {}
    return PastInteraction(time, interaction.type, interaction.channel, event_id, kept)


def details(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """The small attributes of an interaction: truths, numbers and short texts, at most `MOST_DETAILS`.

    >>> details({"amount": 12.5, "note": "x" * 65, "lines": ("a", "b")})
    {'amount': 12.5}
    """
    kept = [name for name in sorted(attributes) if is_kept(name, attributes[name])]
    return {name: attributes[name] for name in kept[:MOST_DETAILS]}


def remember(customer: Customer, new: PastInteraction, most: int = MOST) -> None:
    """Keeps an interaction in the order of time, once; `most` are kept in all."""
    kept = customer.interactions
    at = bisect_left(kept, new[:4])  # before whichever has these four fields
    if at < len(kept) and kept[at][:4] == new[:4]:
        return
    kept.insert(at, new)
    if len(kept) > most and kept.pop(_dispensable(kept)) is new:
        return
    customer.revision += 1


def _dispensable(kept: list[PastInteraction]) -> int:
    """The place of the oldest interaction of the type there are most of; of several such, the oldest.

    With ranks from the newest of each type on, it is the one of the highest rank. Later interactions
    can only raise a rank, so what went once never belongs to those kept.
    """
    counts = Counter(map(_TYPE, kept))
    most = max(counts.values())
    return next(at for at, one in enumerate(kept) if counts[one.type] == most)


def is_kept(name: str, value: Value) -> bool:
    """Whether an attribute of an interaction is small enough to be kept, by its name and value."""
    if len(name) > _LONGEST_NAME:
        return False
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return isinstance(value, int | float) and -LARGEST <= value <= LARGEST
