"""Outlook: for a batch of customers, whom each of two books lets through and whom it shows, by placement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.comparison.funnel import Funnel
from engine.comparison.judgement import Flags, Judge, Judged, Numbers
from engine.comparison.layout import Layout
from engine.comparison.propensities import Recorded
from engine.comparison.ranking import Ranking, Shown
from engine.model import ActionId, PlacementId, Value
from engine.rulebook.book import RuleBook
from engine.rulebook.frames.conditions import ByRow
from engine.rulebook.loaded import Loaded


class Visit(NamedTuple):
    """Where offers are asked for at once; `most` 0 means as many as a placement has slots."""

    channel: str
    placements: tuple[PlacementId, ...]
    most: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Customers to be asked about.

    Attributes:
        ids: whom each row is about.
        frame: one column for each attribute that is known, named like it, and `layout.NOW`.
        visits: what is asked of each row, one after the other.
        recorded: the propensities of then; None where P is to be 1, as the model was not asked.
    """

    ids: pl.Series
    frame: pl.DataFrame
    visits: Sequence[Visit]
    recorded: Recorded | None = None


class Sight(NamedTuple):
    """What one book says at a placement.

    `passing` has a flag for each row and each action with a treatment there; `shown` are indexes of
    the book's actions.
    """

    passing: Mapping[ActionId, Flags]
    shown: Shown


@dataclass(slots=True)
class _Side:
    """One of the two books during one visit; `shown` are the selections of its placements so far."""

    book: RuleBook
    funnel: Funnel
    ranking: Ranking
    shown: list[Shown] = field(default_factory=list)

    def passing(
        self, at: PlacementId, judged: Judged, frame: pl.DataFrame
    ) -> Mapping[ActionId, Flags]:
        """Who passes the rules at a placement; nobody where the book has no such placement."""
        if at not in self.book.placements:
            return {}
        passing = self.funnel.passing(at, judged, frame)
        return {self.book.actions[index].action_id: flags for index, flags in passing.items()}

    def show(
        self,
        at: PlacementId,
        passing: Mapping[ActionId, Flags],
        judged: Judged,
        visit: Visit,
        propensities: Mapping[ActionId, Numbers] | None,
        rows: int,
    ) -> Sight:
        """Fills the placement from those passing, without actions shown at others already."""
        if at not in self.book.placements:
            return Sight({}, np.full((rows, 0), -1, np.intp))
        index = {action.action_id: action.index for action in self.book.actions}
        shown = self.ranking.shown(
            {index[name]: self._untaken(index[name], flags) for name, flags in passing.items()},
            judged,
            rows,
            self._slots(at, visit),
            None if propensities is None else {index[n]: propensities[n] for n in passing},
            visit.channel,
        )
        self.shown.append(shown)
        return Sight(passing, shown)

    def _untaken(self, action: int, flags: Flags) -> Flags:
        """Where the action is not shown in another placement already."""
        for shown in self.shown:
            flags = flags & ~(shown == action).any(axis=1)
        return flags

    def _slots(self, at: PlacementId, visit: Visit) -> int:
        slots = self.book.placements[at].slots
        return min(slots, visit.most or slots)


class Outlook:
    """Looks at customers by two books; `context` is said with every request.

    Both must be loaded with their expressions (`engine.rulebook.load`). Nothing is left to chance: the
    best always wins. Neither contact policies nor caps are looked at: they depend on what happens
    until then.

    Raises:
        ValueError: a book has mistakes.
    """

    def __init__(
        self, old: Loaded, new: Loaded, context: Mapping[str, Value] | None = None
    ) -> None:
        self.old, self.new = _book(old), _book(new)
        self._layout = Layout.of(self.old, self.new)
        self._judge = Judge(old, new, self._layout)
        self._funnels = (
            Funnel(self.old, self._layout.old),
            Funnel(self.new, self._layout.new),
        )
        self._rankings = Ranking(self.old), Ranking(self.new)
        self._context = context or {}

    @property
    def by_row(self) -> tuple[ByRow, ...]:
        """The expressions that are answered by the serving function, row by row."""
        return tuple(self._judge.by_row)

    def sights(self, batch: Batch) -> Iterator[tuple[PlacementId, Sight, Sight]]:
        """Placement by placement, visit by visit: what the old book says, and what the new one."""
        frame = self._layout.filled(batch.frame, self._context)
        anywhere = self._judge.anywhere(frame)
        for visit in batch.visits:
            old, new = (
                _Side(book, funnel, ranking)
                for book, funnel, ranking in zip(
                    (self.old, self.new), self._funnels, self._rankings, strict=True
                )
            )
            for placement in visit.placements:
                at = self._layout.at(frame, visit.channel, placement)
                by_old, by_new = self._judge.here(at, anywhere)
                before = old.passing(placement, by_old, at)
                after = new.passing(placement, by_new, at)
                given = self._propensities(batch.recorded, before, after, frame.height)
                yield (
                    placement,
                    old.show(placement, before, by_old, visit, given, frame.height),
                    new.show(placement, after, by_new, visit, given, frame.height),
                )

    def _propensities(
        self,
        recorded: Recorded | None,
        before: Mapping[ActionId, Flags],
        after: Mapping[ActionId, Flags],
        rows: int,
    ) -> Mapping[ActionId, Numbers] | None:
        """The propensity of everybody who passes by either book; None if P is 1."""
        if recorded is None:
            return None
        by_version = {self.new.version: after, self.old.version: before}
        through = by_version.get(recorded.version, {})
        nobody = np.zeros(rows, np.bool_)
        return {
            name: recorded.of(name, through.get(name, nobody))
            for name in dict.fromkeys((*before, *after))
        }


def _book(loaded: Loaded) -> RuleBook:
    if loaded.book is None:
        raise ValueError("a book with mistakes cannot be compared")
    return loaded.book
