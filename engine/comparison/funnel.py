"""Funnel: in which rows an action passes all the rules at a placement, with a treatment to show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.comparison.fitting import fits
from engine.comparison.judgement import Flags, Judged
from engine.comparison.layout import NOW
from engine.model import Micros, PlacementId
from engine.rulebook.book import Action, RuleBook, Treatment
from engine.rulebook.frames import Column


@dataclass(frozen=True, slots=True)
class Funnel:
    """The rules of one book; `columns` are those of its attributes."""

    book: RuleBook
    columns: Sequence[Column]

    def passing(
        self, placement: PlacementId, judged: Judged, frame: pl.DataFrame
    ) -> Mapping[int, Flags]:
        """For each action with a treatment at the placement (by index): the rows in which it passes.

        As `RuleBook.select_for` has it: validity dates, stops, the conditions of action and treatment,
        attributes the texts name and how they fit.
        """
        found: dict[int, Flags] = {}
        now = frame[NOW].to_numpy()
        for index in self.book.placements[placement].treatments:
            treatment = self.book.treatments[index]
            action = self.book.actions[treatment.action]
            by_this = self._treatment(action, treatment, judged, frame, now)
            before = found.get(action.index)
            found[action.index] = by_this if before is None else before | by_this
        return found

    def _treatment(
        self,
        action: Action,
        treatment: Treatment,
        judged: Judged,
        frame: pl.DataFrame,
        now: npt.NDArray[np.int64],
    ) -> Flags:
        through = _within(action.valid, now)
        for stop in treatment.stops:
            through &= ~_within(self.book.stops[stop].valid, now)
        for condition in (*action.conditions, *treatment.conditions):
            through &= judged.truths[condition]
        for need in treatment.needs:
            through &= frame[self.columns[need].name].is_not_null().to_numpy()
        return fits(treatment, self.columns, frame, through)


def _within(span: tuple[Micros | None, Micros | None], now: npt.NDArray[np.int64]) -> Flags:
    """Which moments lie in [from, to), open where that is None."""
    begin, end = span
    within = np.ones(len(now), np.bool_)
    if begin is not None:
        within &= now >= begin
    if end is not None:
        within &= now < end
    return within
