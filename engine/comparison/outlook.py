"""Outlook: for a batch of customers, whom each of two books lets through and whom it shows, by placement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.comparison.funnel import Funnel
from engine.comparison.judgement import Flags, Judge, Judged, Numbers
from engine.comparison.layout import NOW, Layout
from engine.comparison.propensities import Recorded
from engine.comparison.ranking import Place, Ranking, Shown
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

    def only(self, rows: Flags) -> "Batch":
        """Some of the rows."""
        recorded = None if self.recorded is None else self.recorded.only(rows)
        return Batch(self.ids.filter(rows), self.frame.filter(rows), self.visits, recorded)


class Sight(NamedTuple):
    """What one book says at a placement.

    `passing` has a flag for each row and each action with a treatment there; `shown` are indexes of
    the book's actions.
    """

    passing: Mapping[ActionId, Flags]
    shown: Shown


@dataclass(slots=True)
class _Side:
    """One of the two books during one visit, which filled these placements so far."""

    book: RuleBook
    funnel: Funnel
    ranking: Ranking
    filled: list[tuple[PlacementId, Shown]] = field(default_factory=list)

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
        now: npt.NDArray[np.int64],
    ) -> Sight:
        """Fills the placement from those passing, without actions shown at others already."""
        if at not in self.book.placements or not len(now):
            return Sight(passing, np.full((len(now), 0), -1, np.intp))
        slots = self.book.placements[at].slots
        place = Place(
            at,
            visit.channel,
            min(slots, visit.most or slots),
            int(now[0]),
            len(now),
            self.filled,
            len(visit.placements) == 1,
        )
        index = {action.action_id: action.index for action in self.book.actions}
        shown = self.ranking.shown(
            place,
            {index[name]: self._untaken(index[name], flags) for name, flags in passing.items()},
            judged,
            None if propensities is None else {index[n]: propensities[n] for n in passing},
        )
        self.filled.append((at, shown))
        return Sight(passing, shown)

    def _untaken(self, action: int, flags: Flags) -> Flags:
        """Where the action is not shown in another placement already."""
        for _, shown in self.filled:
            flags = flags & ~(shown == action).any(axis=1)
        return flags


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

    def by_season(self, batch: Batch) -> Iterator[Batch]:
        """The batch, parted where levers.csv of either book changes between its rows' times."""
        dates = {
            date
            for book in (self.old, self.new)
            for action in book.actions
            for override in action.overrides
            for date in override.valid
            if date is not None
        }
        season = np.searchsorted(np.array(sorted(dates), np.int64), batch.frame[NOW], side="right")
        if not len(season) or (season == season[0]).all():
            yield batch
            return
        for number in np.unique(season):
            yield batch.only(season == number)

    def sights(self, batch: Batch) -> Iterator[tuple[PlacementId, Sight, Sight]]:
        """Placement by placement, visit by visit: what the old book says, and what the new one.

        The rows must be of one season (`by_season`).
        """
        frame = self._layout.filled(batch.frame, self._context)
        anywhere, now = self._judge.anywhere(frame), frame[NOW].to_numpy()
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
                    old.show(placement, before, by_old, visit, given, now),
                    new.show(placement, after, by_new, visit, given, now),
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
