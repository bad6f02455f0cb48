"""The outlook: what changes for whom, counted over decisions made twice."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Final, NamedTuple

from engine.model import ActionId, Decision, Offer
from engine.rulebook.book import Kind, RuleBook

MOST_VALUES: Final = 12
"""An attribute with more declared values than this makes no segments."""


class Volume(NamedTuple):
    """How many offers of an action there were, and would be."""

    action_id: ActionId
    before: int
    after: int


class Segment(NamedTuple):
    """Customers with one value of an attribute: expected value of the offers per decision, P · V."""

    attribute: str
    value: str
    decisions: int
    before: float
    after: float


@dataclass(slots=True)
class Outlook:
    """Counts while decisions are made again.

    Attributes:
        decisions: how many.
        silenced: those that showed an offer and would show none.
        awakened: those that showed none and would show one.
    """

    book: RuleBook
    decisions: int = 0
    silenced: int = 0
    awakened: int = 0
    _before: Counter[ActionId] = field(default_factory=Counter)
    _after: Counter[ActionId] = field(default_factory=Counter)
    _segments: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def note(self, before: Decision | None, after: Decision | None) -> None:
        """Counts one decision, as it was and as it would be."""
        had, has = list(_offers(before)), list(_offers(after))
        self.decisions += 1
        self.silenced += bool(had) and not has
        self.awakened += bool(has) and not had
        self._before.update(offer.action_id for offer in had)
        self._after.update(offer.action_id for offer in has)
        if after is None:
            return
        for key in self._memberships(after):
            sums = self._segments.setdefault(key, [0, 0.0, 0.0])
            sums[0] += 1
            sums[1] += _worth(had)
            sums[2] += _worth(has)

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """Every action offered before or after, the greatest change first."""
        names = self._before.keys() | self._after.keys()
        volumes = (Volume(name, self._before[name], self._after[name]) for name in names)
        return tuple(sorted(volumes, key=lambda v: (-abs(v.after - v.before), v.action_id)))

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Every segment that occurred, those with the greatest change in all first."""
        segments = (
            Segment(attribute, value, int(count), before / count, after / count)
            for (attribute, value), (count, before, after) in self._segments.items()
        )
        return tuple(
            sorted(segments, key=lambda s: (-abs(s.after - s.before) * s.decisions, s[:2]))
        )

    def _memberships(self, decision: Decision) -> Iterator[tuple[str, str]]:
        for attribute in self.book.attributes:
            if attribute.type.kind is Kind.STRING and 2 <= len(attribute.values) <= MOST_VALUES:
                value = decision.values[attribute.index] if decision.values else None
                if isinstance(value, str):
                    yield attribute.name, value


def _offers(decision: Decision | None) -> Iterator[Offer]:
    for placed in decision.placements if decision else ():
        if not placed.fallback:
            yield from placed.offers


def _worth(offers: Sequence[Offer]) -> float:
    """P · V of all; a mandatory offer without a value is worth nothing."""
    worth = (offer.propensity * offer.value for offer in offers)
    return sum(each for each in worth if isfinite(each))
