"""Tally: how many gain and lose each action, and are shown something else, with a sample of ids."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np
import polars as pl

from engine.comparison.judgement import Flags
from engine.model import ActionId, PlacementId

_SEED = 20


@dataclass(slots=True)
class Sample:
    """A few ids out of many, each as likely as any other, whatever the order they come in."""

    size: int
    _kept: list[tuple[int, str]] = field(default_factory=list)

    def add(self, ids: "Ids", among: Flags) -> None:
        """Considers the ids of these rows."""
        found = np.flatnonzero(among)
        if not self.size or not len(found):
            return
        if len(found) > self.size:
            least = np.argpartition(ids.lots[found], self.size - 1)[: self.size]
            found = found[least]
        drawn = {(int(ids.lots[row]), str(ids.names[int(row)])) for row in found}
        self._kept = nsmallest(self.size, drawn.union(self._kept))

    @property
    def ids(self) -> tuple[str, ...]:
        """The sample, in the order of the ids."""
        return tuple(sorted(name for _, name in self._kept))


class Ids:
    """The ids of a frame's rows, and the lot each draws: the same for the same id."""

    def __init__(self, names: pl.Series) -> None:
        self.names = names
        self.lots = names.hash(_SEED).to_numpy()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(slots=True)
class ActionTally:
    """One action: rows that pass its rules and rows it is shown in, by the old book and by the new.

    An action that a book has not got passes in no row of it.
    """

    action_id: ActionId
    gained_ids: Sample
    lost_ids: Sample
    before: int = 0
    after: int = 0
    gained: int = 0
    lost: int = 0
    shown_before: int = 0
    shown_after: int = 0

    def passes(self, ids: Ids, old: Flags, new: Flags) -> None:
        """Counts rows: where the action passes at least one of the placements asked for."""
        gained, lost = new & ~old, old & ~new
        self.before += int(np.count_nonzero(old))
        self.after += int(np.count_nonzero(new))
        self.gained += int(np.count_nonzero(gained))
        self.lost += int(np.count_nonzero(lost))
        self.gained_ids.add(ids, gained)
        self.lost_ids.add(ids, lost)


@dataclass(slots=True)
class PlacementTally:
    """One placement: rows in which something else would be shown there.

    `changed` counts rows with other actions, `reordered` those with the same in another order;
    `moves` counts which action would come first instead of which ("" where nothing fits).
    """

    placement: PlacementId
    ids: Sample
    rows: int = 0
    changed: int = 0
    reordered: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class Tally:
    """Everything counted over all rows.

    `gaining` and `losing` count rows that gain or lose at least one action, `changed` those to whom
    something else would be shown in at least one placement.
    """

    sample: int
    rows: int = 0
    gaining: int = 0
    losing: int = 0
    changed: int = 0
    actions: dict[ActionId, ActionTally] = field(default_factory=dict)
    placements: dict[PlacementId, PlacementTally] = field(default_factory=dict)

    def action(self, action_id: ActionId) -> ActionTally:
        """The tally of one action."""
        if action_id not in self.actions:
            made = ActionTally(action_id, Sample(self.sample), Sample(self.sample))
            self.actions[action_id] = made
        return self.actions[action_id]

    def placement(self, placement: PlacementId) -> PlacementTally:
        """The tally of one placement."""
        if placement not in self.placements:
            self.placements[placement] = PlacementTally(placement, Sample(self.sample))
        return self.placements[placement]

    def concerned(self) -> Iterator[ActionTally]:
        """The actions that somebody gains or loses, or that are shown more or less often."""
        for tally in self.actions.values():
            if tally.gained or tally.lost or tally.shown_before != tally.shown_after:
                yield tally
