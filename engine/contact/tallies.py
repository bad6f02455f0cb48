"""Tallies: what became of a customer's offers, counted once for all policies that count alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.contact.pending import Offered
from engine.model import ActionId, Micros, Touch
from engine.rulebook.contact import IMPRESSION

NOT_DELIVERED: Final = "not_delivered"

_ASSUMED: Final = ""
_EVERYTHING: Final = ""

Counted: TypeAlias = dict[str, list[Micros]]
"""By scope (an action's or group's id, …) when the outcome came, ascending."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One way of counting an outcome: in which scope, on which channels (empty for all).

    `scopes` says for each action of the book in which scope it is counted (those that are in none are
    missing); None counts all actions together, also those no book has any more. `assumed` tells
    whether an offer that is only taken to have been shown counts as an impression.
    """

    outcome: str
    scopes: Mapping[ActionId, str] | None
    channels: frozenset[str]
    assumed: bool

    def scope(self, action: ActionId) -> str | None:
        """The scope an action is counted in; None if in none."""
        return _EVERYTHING if self.scopes is None else self.scopes.get(action)


class Tallies:
    """Several ways of counting, each at its place; equal ones share one."""

    def __init__(self) -> None:
        self._all: list[Tally] = []
        self._of: dict[str, list[tuple[int, Tally]]] = {}

    def place(self, tally: Tally) -> int:
        """The place of a tally, added if it is new."""
        if tally in self._all:
            return self._all.index(tally)
        place = len(self._all)
        self._all.append(tally)
        self._of.setdefault(tally.outcome, []).append((place, tally))
        if tally.assumed and tally.outcome == IMPRESSION:
            self._of.setdefault(_ASSUMED, []).append((place, tally))
        return place

    def count(self, touches: Sequence[Touch], offers: Sequence[Offered]) -> list[Counted]:
        """When each outcome came, tally by tally.

        An offer that was answered was seen: with no impression of its own, and none ruled out by
        `not_delivered`, its first outcome counts as one. `offers` count as impressions when they were
        made, except those the history has.
        """
        found = self._found(touches)
        if offers and _ASSUMED in found:
            reported = {(touch.decision_id, touch.action_id) for touch in touches}
            for offer in offers:
                if (offer.decision_id, offer.action_id) not in reported:
                    where = (offer.action_id, offer.channel)
                    found[_ASSUMED].setdefault(where, []).append(offer.decided_at)
        counted: list[Counted] = [{} for _ in self._all]
        for outcome, happened in found.items():
            for (action, channel), times in happened.items():
                for place, tally in self._of[outcome]:
                    if tally.channels and channel not in tally.channels:
                        continue
                    scope = tally.scope(action)
                    if scope is not None:
                        counted[place].setdefault(scope, []).extend(times)
        for tally_counted in counted:
            for times in tally_counted.values():
                times.sort()
        return counted

    def _found(
        self, touches: Sequence[Touch]
    ) -> dict[str, dict[tuple[ActionId, str], list[Micros]]]:
        """For every outcome that counts: when it came, by action and channel."""
        found: dict[str, dict[tuple[ActionId, str], list[Micros]]] = {o: {} for o in self._of}
        assumed = found.get(_ASSUMED)
        for touch in touches:
            outcomes = touch.outcomes
            where = (touch.action_id, touch.channel)
            for outcome, (time, _) in outcomes.items():
                happened = found.get(outcome)
                if happened is not None:
                    happened.setdefault(where, []).append(time)
            if assumed is not None and IMPRESSION not in outcomes and NOT_DELIVERED not in outcomes:
                first = min([time for time, _ in outcomes.values()], default=touch.decided_at)
                assumed.setdefault(where, []).append(first)
        return found
