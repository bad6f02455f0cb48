"""Loops: what a decision does once for every candidate, as machine code where it was compiled.

Two loops touch every candidate: `score` and `fill`. They are written twice: one candidate
after the other in C (`engine/native/loops.c`), and as steps over whole arrays in `engine.kernels.arrays`.
Both add in the same order and take exponentials from the same C library, so both give the same answers to
the last bit; a log can be replayed with either.

A decision comes about every millisecond, and by then the processor has forgotten the last one: what
counts is how much code it must fetch anew. One compiled loop costs a third of the dozens of small
array steps it replaces.
"""

from functools import cache
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.native import compiled

Numbers = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

DENSE: Final = 3
"""Rows of the weight table are read one by one while they are fewer than one in `DENSE` of all."""

LEAST: Final = 1e-150
"""A best candidate of less than this is as good as any other."""


class Score(Protocol):
    """Propensities from the weight table."""

    def __call__(
        self,
        columns: Indexes,
        values: Numbers,
        matrix: Numbers,
        known: int,
        shared: Indexes,
        slot_of: Indexes,
        own: Indexes,
        actions: Indexes,
        intercept: float,
        propensities: Numbers,
        /,
    ) -> None:
        """Writes to `propensities` that of each of `actions` (indexes of the book), in [0, 1].

        `columns` and `values` are the encoded features; `matrix[column, row]` the weights, of which
        `known` rows are in use. `shared` are the rows of everybody and of each group, `slot_of` says
        for each action which of them is its group's, `own` which row is its own. A logit is
        `intercept` + everybody's + the group's + the action's own part.
        """


class Fill(Protocol):
    """Choice by chance and merit."""

    def __call__(
        self,
        priorities: Numbers,
        ties: Indexes,
        gamma: float,
        greedy: bool,
        state: int,
        actions: Indexes,
        propensities: Numbers,
        worth: Numbers,
        exposures: Numbers,
        slots: int,
        /,
    ) -> list[tuple[int, float]]:
        """The position that fills each slot, and how probable it was; see `engine.exploration.choice.choose`.

        `actions` are the candidates' indexes in the next three, which are over all actions of the book:
        the evidence that the choice goes by, `gamma` times the square of a gap in standard errors. If
        `exposures` is empty it goes by `gamma` times the gap.
        There are at most as many slots as candidates. `state` is that of
        a `Chance` of which one number is drawn for each slot (none if `greedy`).
        """


class Loops(NamedTuple):
    """Both, one way or the other."""

    score: Score
    fill: Fill


@cache
def loops() -> Loops:
    """The loops of this machine."""
    from engine.kernels.arrays import ARRAYS

    return ARRAYS if compiled is None else Loops(compiled.score, compiled.fill)
