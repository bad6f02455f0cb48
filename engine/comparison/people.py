"""People: how many of many customers another rule book would treat otherwise, counted batch by batch."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.comparison.judgement import Flags
from engine.comparison.outlook import Batch, Outlook
from engine.comparison.ranking import Shown
from engine.comparison.tally import Ids, PlacementTally, Tally
from engine.model import ActionId
from engine.rulebook.book import RuleBook


class People:
    """Counts, over all batches, who gains and loses which action and is shown something else."""

    def __init__(self, outlook: Outlook, sample: int = 5) -> None:
        self._outlook = outlook
        self._names = _common_names(outlook.old, outlook.new)
        self.tally = Tally(sample)
        for name in self._names.ids[1:]:
            self.tally.action(name)

    def add(self, batch: Batch) -> None:
        """Counts the customers of a batch."""
        for part in self._outlook.by_season(batch):
            self._add(part)

    def _add(self, batch: Batch) -> None:
        ids, size = Ids(batch.ids), len(self._names.ids)
        old_passes: dict[ActionId, Flags] = {}
        new_passes: dict[ActionId, Flags] = {}
        seen_before, seen_after = (np.zeros((len(ids), size), np.bool_) for _ in range(2))
        changed = np.zeros(len(ids), np.bool_)
        for placement, old, new in self._outlook.sights(batch):
            _join(old_passes, old.passing)
            _join(new_passes, new.passing)
            before, after = self._names.old[old.shown], self._names.new[new.shown]
            np.put_along_axis(seen_before, before, values=True, axis=1)
            np.put_along_axis(seen_after, after, values=True, axis=1)
            changed |= self._shown(self.tally.placement(placement), ids, before, after)
        self._passes(ids, old_passes, new_passes)
        self._seen(seen_before, seen_after)
        self.tally.rows += len(ids)
        self.tally.changed += _count(changed)

    def _passes(
        self, ids: Ids, old: Mapping[ActionId, Flags], new: Mapping[ActionId, Flags]
    ) -> None:
        nowhere = np.zeros(len(ids), np.bool_)
        gaining, losing = nowhere.copy(), nowhere.copy()
        for name in dict.fromkeys((*old, *new)):
            before, after = old.get(name, nowhere), new.get(name, nowhere)
            self.tally.action(name).passes(ids, before, after)
            gaining |= after & ~before
            losing |= before & ~after
        self.tally.gaining += _count(gaining)
        self.tally.losing += _count(losing)

    def _seen(self, before: Flags, after: Flags) -> None:
        """Counts the rows that each action is shown in, at whichever placement."""
        counts = zip(self._names.ids, before.sum(axis=0), after.sum(axis=0), strict=True)
        for name, old, new in counts:
            if name:
                tally = self.tally.action(name)
                tally.shown_before += int(old)
                tally.shown_after += int(new)

    def _shown(self, tally: PlacementTally, ids: Ids, before: Shown, after: Shown) -> Flags:
        """Counts what is shown at a placement; returns where it is something else."""
        changed = _differ(np.sort(before), np.sort(after))
        tally.rows += len(ids)
        tally.changed += _count(changed)
        tally.reordered += _count(_differ(before, after) & ~changed)
        tally.ids.add(ids, changed)
        was, becomes = _first(before), _first(after)
        moved = was != becomes
        size = len(self._names.ids)
        pairs = np.bincount(was[moved] * size + becomes[moved])
        for pair in np.flatnonzero(pairs):
            move = self._names.ids[pair // size], self._names.ids[pair % size]
            tally.moves[move] += int(pairs[pair])
        return changed


class _Names(NamedTuple):
    """The actions of both books under common numbers, 0 for nobody.

    `old` and `new` translate each book's indexes, -1 among them.
    """

    ids: tuple[ActionId, ...]
    old: npt.NDArray[np.intp]
    new: npt.NDArray[np.intp]


def _common_names(old: RuleBook, new: RuleBook) -> _Names:
    actions = (*old.actions, *new.actions)
    ids = tuple(dict.fromkeys((ActionId(""), *(action.action_id for action in actions))))
    numbers = {name: number for number, name in enumerate(ids)}
    return _Names(
        ids,
        np.array([*(numbers[a.action_id] for a in old.actions), 0], np.intp),
        np.array([*(numbers[a.action_id] for a in new.actions), 0], np.intp),
    )


def _join(passes: dict[ActionId, Flags], passing: Mapping[ActionId, Flags]) -> None:
    """An action passes where it passes at one placement or another."""
    for name, flags in passing.items():
        passes[name] = passes[name] | flags if name in passes else flags


def _first(shown: Shown) -> npt.NDArray[np.intp]:
    return shown[:, 0] if shown.shape[1] else np.zeros(len(shown), np.intp)


def _differ(a: Shown, b: Shown) -> Flags:
    """In which rows two selections differ; the narrower one has empty slots (0) before it."""
    width = max(a.shape[1], b.shape[1])
    wide = [np.pad(each, ((0, 0), (width - each.shape[1], 0))) for each in (a, b)]
    different: Flags = (wide[0] != wide[1]).any(axis=1)
    return different


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))
