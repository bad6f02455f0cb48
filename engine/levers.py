"""Arbitrate: V, L and the order of equals, as the book and levers.csv have them at one moment."""

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.columns import Vector, column
from engine.model import Micros
from engine.rulebook.book import Action, Number, RuleBook


class Season(NamedTuple):
    """What holds for every action from one change in levers.csv to the next; not to be changed.

    `computed` are the actions whose value is an expression, each with its place among the numbers;
    their `value` here is 0. `ties` is each action's place among equals. `number` tells the seasons
    of a book apart.
    """

    number: int
    lever: Vector
    value: Vector
    computed: tuple[tuple[int, int], ...]
    ties: npt.NDArray[np.intp]


class Seasons:
    """The seasons of one book: a single one if its overrides have no dates, or it has none.

    A factor that the book's priority does not use is 1 at any time.
    """

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        dates = (date for a in book.actions for one in a.overrides for date in one.valid)
        self._changes = sorted({date for date in dates if date is not None})
        self._known: dict[int, Season] = {}

    def at(self, now: Micros) -> Season:
        """The season of this moment; worked out when it is first asked for."""
        number = bisect_right(self._changes, now)
        season = self._known.get(number)
        if season is None:
            season = self._known[number] = _season(self._book, number, now)
        return season


def _season(book: RuleBook, number: int, now: Micros) -> Season:
    used = book.arbitration.factors
    numbers = [_value(action, now) if "V" in used else Number(1.0) for action in book.actions]
    value = column([one.constant or 0.0 for one in numbers])
    lever = [_lever(action, now) if "L" in used else 1.0 for action in book.actions]
    return Season(
        number,
        column(lever),
        value,
        tuple((i, one.expression) for i, one in enumerate(numbers) if one.expression is not None),
        _order_of_equals(book, value),
    )


def _value(action: Action, now: Micros) -> Number:
    override = action.override_at(now)
    return action.value if override is None or override.value is None else Number(override.value)


def _lever(action: Action, now: Micros) -> float:
    override = action.override_at(now)
    return action.lever if override is None or override.lever is None else override.lever


def _order_of_equals(book: RuleBook, value: Vector) -> npt.NDArray[np.intp]:
    """Each action's place among equals: the more valuable first where `ties` says so, then by id."""
    by_value = "value" in book.arbitration.ties
    order = sorted(book.actions, key=lambda a: (-value[a.index] if by_value else 0.0, a.action_id))
    rank = np.empty(len(book.actions), dtype=np.intp)
    rank[[action.index for action in order]] = np.arange(len(order))
    return rank
