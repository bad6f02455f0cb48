"""Explore by Thompson sampling: how likely each candidate is the best, given how little is known of it.

What is uncertain of a candidate is its propensity: `p + Beta(α, β) − α/(α + β)`, kept in [0, 1], with
α = 1 + positives and β = 1 + negatives of its action (the noise around any model's propensity that Pega
Customer Decision Hub documents). It is chosen with the probability that its priority at that propensity
is the greatest of all. Nothing is drawn to find that out: the probabilities are reckoned, and the
choice is drawn from them, so that the probability reported is the one that was drawn from.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.grounds import Shape
from engine.learning.evidence import Evidence
from engine.rulebook.book import RuleBook

Vector = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

_POINTS: Final = 257
"""Points of the table of a noise's distribution: in between it is linear, off by less than 0.001."""

_GRID: Final = 96
"""Priorities at which candidates are compared; more change no probability by more than some thousandths."""

_LOW, _HIGH = -5.0, 12.0
_MARKS: Final = np.concatenate(
    (np.linspace(_LOW, 3.0, 25), np.linspace(3.0, _HIGH, 13)[1:]),
)[:, None]
"""Where, in standard deviations from its mean, the grid looks at a candidate."""


class Doubt(NamedTuple):
    """How sure the propensities of one contest are; arrays over all actions of the book.

    `worth` is C · V · L: what a unit of propensity adds to the priority.
    """

    propensities: Vector
    worth: Vector
    tables: "Tables"


class Doubts:
    """How sure propensities are for the actions of one book, as the evidence grows."""

    def __init__(self, book: RuleBook) -> None:
        self._index = {action.action_id: action.index for action in book.actions}
        self._tables = Tables(len(book.actions))
        self._evidence: Evidence | None = None
        self._lessons = 0

    def at(self, evidence: Evidence) -> "Tables":
        """How sure they are by this evidence."""
        if evidence is not self._evidence:
            self._evidence, self._lessons = evidence, 0
            self._take_up(self._index)
        elif evidence.lessons != self._lessons:
            self._take_up(evidence.since(self._lessons))
        self._lessons = evidence.lessons
        return self._tables

    def _take_up(self, actions: Iterable[str]) -> None:
        for action_id in actions:
            index = self._index.get(action_id)  # type: ignore[call-overload]  # keyed by ActionId
            if index is not None and self._evidence is not None:
                tally = self._evidence.of(action_id)  # type: ignore[arg-type]
                self._tables.note(index, tally.positives, tally.negatives)


class Tables:
    """The distribution of the noise of each action, as a table of its cumulative probabilities.

    It goes from `low` to `high`, values of the Beta distribution, in equal steps.
    """

    def __init__(self, count: int) -> None:
        self.cumulative = np.zeros((count, _POINTS))
        self.low = np.zeros(count)
        self.high = np.ones(count)
        self.mean = np.zeros(count)
        self.deviation = np.zeros(count)
        self._shapes: dict[int, Shape] = {}
        for action in range(count):
            self.note(action, 0.0, 0.0)

    def shapes(self, actions: Indexes) -> dict[int, Shape]:
        """The shapes of these actions now, by action."""
        return {action: self._shapes[action] for action in actions.tolist()}

    def note(self, action: int, positives: float, negatives: float) -> None:
        """Takes up what is known of an action now.

        Counts are taken to 8 binary digits: the table of an action of which much is known changes
        rarely, and the noise's deviation is off by less than 1 %.
        """
        self.shape(action, (coarse(1.0 + positives), coarse(1.0 + max(negatives, 0.0))))

    def shape(self, action: int, shape: Shape) -> None:
        """Takes up the shape of an action's distribution."""
        if self._shapes.get(action) == shape:
            return
        self._shapes[action] = alpha, beta = shape
        mean = alpha / (alpha + beta)
        deviation = math.sqrt(mean * (1.0 - mean) / (alpha + beta + 1.0))
        low, high = max(mean + _LOW * deviation, 0.0), min(mean + _HIGH * deviation, 1.0)
        from scipy.special import betainc  # type: ignore[import-untyped]  # it ships no types

        cumulative = betainc(alpha, beta, np.linspace(low, high, _POINTS))
        cumulative[0], cumulative[-1] = 0.0, 1.0
        self.cumulative[action] = cumulative
        self.low[action], self.high[action] = low, high
        self.mean[action], self.deviation[action] = mean, deviation

    def below(self, actions: Indexes, values: Vector) -> Vector:
        """The probability that the Beta of `actions`, shape (K,), is at most `values`, (N, K)."""
        low = self.low[actions]
        places = (values - low) * ((_POINTS - 1) / (self.high[actions] - low))
        np.clip(places, 0.0, _POINTS - 1, out=places)
        steps = np.minimum(places.astype(np.intp), _POINTS - 2)
        places -= steps
        flat = self.cumulative.ravel()
        steps += actions * _POINTS
        left = flat[steps]
        steps += 1
        found: Vector = left + places * (flat[steps] - left)
        return found


def coarse(number: float) -> float:
    """A positive number to 8 binary digits.

    >>> coarse(200.0), coarse(1001.0)
    (200.0, 1000.0)
    """
    mantissa, exponent = math.frexp(number)
    return math.ldexp(round(mantissa * 256) / 256, exponent)


def shares(priorities: Vector, actions: Indexes, doubt: Doubt) -> Vector:
    """The probability of each candidate for one slot, shape (K,); they add up to 1.

    With `F_k` the distribution of candidate k's priority, the best lies between two neighbours of a grid
    of priorities with the probability `Π F` grows by; there it is k in the proportion of
    `ΔF_k / mean F_k`, which is exact as the grid gets finer (see `_GRID` for how near it comes). Below
    the grid, where nothing is left to tell candidates apart, all are equally likely.
    """
    marks = _marks(priorities, actions, doubt)
    floor = marks[0].max()
    rivals = np.flatnonzero(marks[-1] >= floor)
    reached = _reached(_grid(marks, floor), priorities[rivals], actions[rivals], doubt)
    grown = np.diff(np.multiply.reduce(reached, axis=1))
    sums = reached[1:] + reached[:-1]
    parts = np.divide(reached[1:] - reached[:-1], sums, out=np.zeros_like(sums), where=sums > 0.0)
    totals = np.add.accumulate(parts, axis=1)[:, -1]
    totals[0] += len(priorities) - len(rivals)
    weights = np.divide(grown, totals, out=np.zeros_like(grown), where=totals > 0.0)
    found = np.full(len(priorities), weights[0])
    found[rivals] = np.add.accumulate(parts * weights[:, None], axis=0)[-1]
    found /= np.add.accumulate(found)[-1]
    return found


def _worth(priorities: Vector, actions: Indexes, doubt: Doubt) -> Vector:
    """What a unit of propensity adds to each priority; never quite nothing."""
    worth = doubt.worth[actions]
    least = 1e-9 * max(float(worth.max()), float(np.abs(priorities).max()), 1e-150)
    return np.maximum(worth, least)


def _tops(count: int) -> Vector:
    """The greatest propensity each mark may have: apart from the last, just short of certainty.

    So the chance that several are kept at 1 lies in a step of its own, where they share it alike.
    """
    tops = np.full((count, 1), 1.0 - 1e-6)
    tops[-1] = 1.0
    return tops


_TOPS: Final = _tops(len(_MARKS))


def _marks(priorities: Vector, actions: Indexes, doubt: Doubt) -> Vector:
    """Priorities each candidate may have, shape (N, K), ascending, from hardly lower to hardly higher."""
    known = doubt.propensities[actions]
    propensities = np.clip(known + _MARKS * doubt.tables.deviation[actions], 0.0, _TOPS)
    marks: Vector = priorities + _worth(priorities, actions, doubt) * (propensities - known)
    return marks


def _grid(marks: Vector, floor: float) -> Vector:
    """Priorities, ascending, between which the best may lie; dense where candidates' own are."""
    points = np.sort(marks[marks >= floor])
    if len(points) <= _GRID:
        return points
    chosen: Vector = points[np.linspace(0, len(points) - 1, _GRID).astype(np.intp)]
    return chosen


def _reached(grid: Vector, priorities: Vector, actions: Indexes, doubt: Doubt) -> Vector:
    """How likely each candidate is worth at most each of `grid`, from never to surely."""
    known, tables = doubt.propensities[actions], doubt.tables
    propensities = (grid[:, None] - priorities) / _worth(priorities, actions, doubt) + known
    inner = tables.below(actions, propensities + (tables.mean[actions] - known))
    inner[propensities < 0.0] = 0.0
    inner[propensities >= 1.0] = 1.0
    end = np.zeros((1, len(actions)))
    return np.concatenate((end, inner, end + 1.0))
