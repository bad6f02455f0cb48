"""Tallies: what became of a customer's offers, counted once for all policies that count alike."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.contact.pending import Returned, settled, without
from engine.model import NOT_DELIVERED, ActionId, Micros, Touch
from engine.rulebook.contact import IMPRESSION

EVERYTHING: Final = ""
"""The scope in which all actions are counted together."""

_ASSUMED: Final = ""
_REMEMBERED: Final = 100_000

Counted: TypeAlias = Mapping[int, Sequence[Micros]]
"""By cell when the outcome came, in no certain order; cells in which nothing came are missing."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One way of counting an outcome: in which scope, on which channels (empty for all).

    `scopes` says for each action of the book in which scope (an action's or group's id, …) it is
    counted, those that are in none are missing; None counts all actions together, also those no book
    has any more. `assumed` tells whether an offer that is only taken to have been shown counts as an
    impression.
    """

    outcome: str
    scopes: Mapping[ActionId, str] | None
    channels: frozenset[str]
    assumed: bool

    def scope(self, action: ActionId) -> str | None:
        """The scope an action is counted in; None if in none."""
        return EVERYTHING if self.scopes is None else self.scopes.get(action)

    def counts(self, outcome: str) -> bool:
        """Whether it counts this outcome; "" stands for an impression that is only assumed."""
        return outcome == self.outcome or (
            outcome == _ASSUMED and self.assumed and self.outcome == IMPRESSION
        )


class Tallies:
    """Several ways of counting, equal ones shared. Every scope of a tally is a cell, by its number."""

    def __init__(self) -> None:
        self._tallies: list[Tally] = []
        self._outcomes: set[str] = set()
        self._cells: dict[tuple[int, str], int] = {}
        self._cells_of: dict[tuple[str, ActionId, str], tuple[int, ...]] = {}

    def cells(self, tally: Tally) -> Mapping[str, int]:
        """The cell of each scope of a tally, which is counted from now on."""
        if tally not in self._tallies:
            self._tallies.append(tally)
        self._outcomes.add(tally.outcome)
        if tally.counts(_ASSUMED):
            self._outcomes.add(_ASSUMED)
        place = self._tallies.index(tally)
        scopes = (EVERYTHING,) if tally.scopes is None else dict.fromkeys(tally.scopes.values())
        return {scope: self._cell(place, scope) for scope in scopes}

    def count(self, touches: Sequence[Touch], offers: Sequence[Returned]) -> Counted:
        """When each outcome came, cell by cell.

        An offer that was answered was seen: with no impression of its own, and none ruled out by
        `not_delivered`, its first outcome counts as one. `offers` count as impressions when they were
        made, except those the history has.
        """
        counted: defaultdict[int, list[Micros]] = defaultdict(list)
        wanted, cells_of = self._outcomes, self._cells_of
        assuming = _ASSUMED in wanted
        for touch in touches:
            outcomes = touch.outcomes
            for outcome, (time, _) in outcomes.items():
                if outcome in wanted:
                    where = (outcome, touch.action_id, touch.channel)
                    for cell in cells_of.get(where) or self._found(where):
                        counted[cell].append(time)
            if assuming and IMPRESSION not in outcomes and NOT_DELIVERED not in outcomes:
                first = min([time for time, _ in outcomes.values()], default=touch.decided_at)
                for cell in self._found((_ASSUMED, touch.action_id, touch.channel)):
                    counted[cell].append(first)
        for cell, times in self.assumed(touches, offers).items():
            counted[cell] += times
        return counted

    def assumed(
        self, touches: Sequence[Touch], offers: Sequence[Returned]
    ) -> Mapping[int, list[Micros]]:
        """What these offers add to the cells while the history does not have them: impressions."""
        added: defaultdict[int, list[Micros]] = defaultdict(list)
        if offers and _ASSUMED in self._outcomes:
            cells_of = self._cells_of
            for returned in without(offers, settled(offers, touches)):
                decided_at, channel = returned.decided_at, returned.channel
                for action in returned.actions:
                    where = (_ASSUMED, action, channel)
                    for cell in cells_of.get(where) or self._found(where):
                        added[cell].append(decided_at)
        return added

    def _cell(self, place: int, scope: str) -> int:
        return self._cells.setdefault((place, scope), len(self._cells))

    def _found(self, where: tuple[str, ActionId, str]) -> tuple[int, ...]:
        """The cells in which an outcome of an action on a channel is counted."""
        cells = self._cells_of.get(where)
        if cells is None:
            outcome, action, channel = where
            cells = tuple(
                self._cell(place, scope)
                for place, tally in enumerate(self._tallies)
                if tally.counts(outcome)
                and not (tally.channels and channel not in tally.channels)
                and (scope := tally.scope(action)) is not None
            )
            if len(self._cells_of) >= _REMEMBERED:
                self._cells_of.clear()
            self._cells_of[where] = cells
        return cells
