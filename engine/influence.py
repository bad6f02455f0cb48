"""Arbitrate: what a customer's own past adds to or takes from C, for a time."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.eligibility import show_length
from engine.model import Customer, Micros
from engine.rulebook.book import Action, RuleBook
from engine.rulebook.influencer import Influencer

Vector = npt.NDArray[np.float64]


class _Wired(NamedTuple):
    """An influencer with its circles: all actions whose outcomes count as one another's.

    `circle_of` names an action's circle by its id; `moved` are the indexes of those whose priority
    it moves, by circle.
    """

    influencer: Influencer
    circle_of: Mapping[str, str]
    moved: Mapping[str, npt.NDArray[np.intp]]


class Influences:
    """The influencers of one book, asked about one customer at a time."""

    def __init__(self, book: RuleBook) -> None:
        self._count = len(book.actions)
        is_used = "C" in book.arbitration.factors
        declared = book.arbitration.influencers if is_used else ()
        self._wired = tuple(_wired(book, one) for one in declared)

    def pull(self, customer: Customer, now: Micros) -> Vector | None:
        """Percent to be added to C, over all actions of the book; None if nothing is to be.

        What was said to offers whose action is no longer in the book does not count.
        """
        percent: Vector | None = None
        for wired in self._wired:
            for circle, elapsed in _since(wired, customer, now):
                added = wired.influencer.percent(elapsed)
                if added:
                    percent = np.zeros(self._count) if percent is None else percent
                    percent[wired.moved[circle]] += added
        return percent

    def felt(self, customer: Customer, now: Micros) -> "Felt":
        """What of the customer's past moves anything now; it stays so whatever they say next."""
        return Felt(
            tuple(
                (frozenset(wired.moved[circle].tolist()), _told(wired.influencer, added, elapsed))
                for wired in self._wired
                for circle, elapsed in _since(wired, customer, now)
                if (added := wired.influencer.percent(elapsed))
            )
        )


class Felt(NamedTuple):
    """What moves actions (their indexes in the book), each with the words for it."""

    moves: tuple[tuple[frozenset[int], str], ...]

    def told(self, action: Action) -> tuple[str, ...]:
        """What moves this action, in words; () if nothing does."""
        return tuple(words for moved, words in self.moves if action.index in moved)


def _wired(book: RuleBook, influencer: Influencer) -> _Wired:
    moved: dict[str, list[int]] = {}
    for action in book.actions:
        indexes = moved.setdefault(_circle(influencer, action), [])
        if _concerns(influencer, action):
            indexes.append(action.index)
    return _Wired(
        influencer,
        {action.action_id: _circle(influencer, action) for action in book.actions},
        {circle: np.array(indexes, dtype=np.intp) for circle, indexes in moved.items()},
    )


def _circle(influencer: Influencer, action: Action) -> str:
    circles = {"action": action.action_id, "group": action.group, "issue": action.issue}
    return circles[influencer.scope]


def _concerns(influencer: Influencer, action: Action) -> bool:
    return (
        influencer.issue in {"", action.issue}
        and influencer.group in {"", action.group}
        and influencer.action in {"", action.action_id}
    )


def _since(wired: _Wired, customer: Customer, now: Micros) -> Iterator[tuple[str, Micros]]:
    """Each circle in which the customer gave the outcome, and how long ago last."""
    influencer = wired.influencer
    last, end = customer.last.get(influencer.outcome), influencer.end
    if last is None or (end is not None and now - last >= end):
        return
    latest: dict[str, Micros] = {}
    for touch in customer.touches:
        reported = touch.outcomes.get(influencer.outcome)
        if reported is None or (influencer.channels and touch.channel not in influencer.channels):
            continue
        circle = wired.circle_of.get(touch.action_id)
        if circle is not None:
            latest[circle] = max(reported[0], latest.get(circle, reported[0]))
    for circle, moment in latest.items():
        yield circle, now - moment


def _told(influencer: Influencer, added: float, elapsed: Micros) -> str:
    whose = {"action": "to it", "group": "in its group", "issue": "in its issue"}
    return (
        f"{influencer.name} adds {added:+.3g} % to C: the last {influencer.outcome} "
        f"{whose[influencer.scope]} was {show_length(max(elapsed, 0))} ago"
    )
