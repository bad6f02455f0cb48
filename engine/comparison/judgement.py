"""Judgement: the conditions and numbers of two rule books over a frame, each asked once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.comparison.layout import PLACE, Layout
from engine.rulebook.cel import Expression
from engine.rulebook.frames import Answers, Asked, Column
from engine.rulebook.frames.conditions import ByRow
from engine.rulebook.loaded import Loaded

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


class Judged(NamedTuple):
    """What is held of each row at one placement.

    `truths` are true where a condition is definitely true; `numbers` NaN where there is none. Both are
    in the order of the book's.
    """

    truths: Sequence[Flags]
    numbers: Sequence[Numbers]


@dataclass(slots=True)
class _Bench:
    """Expressions to be asked together, of which equal ones over equal columns are one."""

    asked: list[Asked] = field(default_factory=list)
    seats: dict[tuple[object, ...], int] = field(default_factory=dict)

    def seat(self, asked: Asked) -> int:
        """Where the answers to this expression will be."""
        key = (asked.expression.text.strip(), asked.reads)
        if key not in self.seats:
            self.seats[key] = len(self.asked)
            self.asked.append(asked)
        return self.seats[key]


class _Benches:
    """Conditions and numbers that depend on the same things, and their answers."""

    def __init__(self) -> None:
        self.conditions, self.numbers = _Bench(), _Bench()
        self._answers: Answers | None = None

    @property
    def answers(self) -> Answers:
        """Who answers; to be asked when all are seated."""
        if self._answers is None:
            self._answers = Answers(self.conditions.asked, self.numbers.asked)
        return self._answers

    def over(self, frame: pl.DataFrame) -> Judged:
        """The answers, by seat."""
        told = self.answers.over(frame).get_columns()
        count = len(self.conditions.asked)
        return Judged(
            [series.fill_null(value=False).to_numpy() for series in told[:count]],
            [series.fill_null(float("nan")).to_numpy() for series in told[count:]],
        )


class _Seat(NamedTuple):
    """Where an answer stands; `here` if it depends on the placement."""

    here: bool
    at: int


class Judge:
    """Judges frames by two books: what does not depend on the placement only once for all of them."""

    def __init__(self, old: Loaded, new: Loaded, layout: Layout) -> None:
        self._anywhere, self._here = _Benches(), _Benches()
        self._old = self._seats(old, layout.old)
        self._new = self._seats(new, layout.new)

    def _seats(
        self, loaded: Loaded, columns: tuple[Column, ...]
    ) -> tuple[list[_Seat], list[_Seat]]:
        truths = []
        for expression in loaded.expressions:
            benches, here = self._benches(expression)
            truths.append(_Seat(here, benches.conditions.seat(Asked(expression, columns))))
        numbers = []
        for expression in loaded.numbers:
            benches, here = self._benches(expression)
            numbers.append(_Seat(here, benches.numbers.seat(Asked(expression, columns))))
        return truths, numbers

    def _benches(self, expression: Expression) -> tuple[_Benches, bool]:
        here = not PLACE.isdisjoint(expression.reads)
        return (self._here if here else self._anywhere), here

    @property
    def by_row(self) -> Iterator[ByRow]:
        """What the serving function answers, row by row."""
        yield from self._anywhere.answers.by_row
        yield from self._here.answers.by_row

    def anywhere(self, frame: pl.DataFrame) -> Judged:
        """What holds of the rows wherever the offer is shown, by seat."""
        return self._anywhere.over(frame)

    def here(self, frame: pl.DataFrame, anywhere: Judged) -> tuple[Judged, Judged]:
        """What the old book, and the new one, holds of the rows at the frame's placement."""
        here = self._here.over(frame)
        old, new = (
            Judged(
                [(here if seat.here else anywhere).truths[seat.at] for seat in truths],
                [(here if seat.here else anywhere).numbers[seat.at] for seat in numbers],
            )
            for truths, numbers in (self._old, self._new)
        )
        return old, new
