"""What an offer takes of which caps, told by the book alone: for whoever counts responses without it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engine.caps.periods import Span, span_of
from engine.caps.vault import AccountKey
from engine.model import ActionId, Micros, PlacementId
from engine.rulebook.book import RuleBook
from engine.rulebook.cap import Cap, Period


class Taken(NamedTuple):
    """What offers of one action take of one cap.

    Attributes:
        cap: `Cap.key`.
        units: by placement.
    """

    cap: str
    period: Period
    timezone: str
    units: Mapping[PlacementId, int]

    def account(self, decided_at: Micros) -> tuple[AccountKey, Span]:
        """The account an offer made at that moment is counted in."""
        span = span_of(self.period, decided_at, self.timezone)
        return AccountKey(self.cap, span.start), span


def catalogue(book: RuleBook) -> Mapping[ActionId, Iterable[Taken]]:
    """By action what its offers take of each of its caps; actions under none are not there."""
    taken: dict[ActionId, list[Taken]] = defaultdict(list)
    for cap in book.caps:
        units: dict[ActionId, dict[PlacementId, int]] = defaultdict(dict)
        for index in cap.treatments:
            treatment = book.treatments[index]
            action_id = book.actions[treatment.action].action_id
            units[action_id][treatment.placement] = units_foretold(cap)
        for action_id, by_placement in units.items():
            taken[action_id].append(Taken(cap.key, cap.period, cap.timezone, by_placement))
    return taken


def units_foretold(cap: Cap) -> int:
    """What an offer takes of a cap as far as the book tells; a computed cost counts as a whole block."""
    if cap.cost is None:
        return 1
    return cap.block if cap.cost.units is None else cap.cost.units
