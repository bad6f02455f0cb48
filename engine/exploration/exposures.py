"""Explore by what is known: how often each action of a book was shown, as one array."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.learning.evidence import Evidence
from engine.rulebook.book import Exploration, RuleBook

Vector = npt.NDArray[np.float64]


def asks_for_exposures(exploration: Exploration, *, by_propensity: bool) -> bool:
    """Whether exploration goes by how often actions were shown.

    It cannot where P is no factor of the priority: then no experience makes a priority surer.
    """
    return exploration.policy == "squarecb" and exploration.gamma is None and by_propensity


class Experience(NamedTuple):
    """What inverse-gap weighting goes by where no gamma is given; arrays over all actions of the book.

    `worth` is C · V · L: what a unit of propensity adds to the priority.
    """

    propensities: Vector
    worth: Vector
    exposures: Vector


class Exposures:
    """How often the actions of one book were shown, as the evidence grows.

    >>> from engine.learning.evidence import imagined
    >>> from tests.rulebook.builders import book
    >>> rules = book()
    >>> shown = Exposures(rules).at(imagined({rules.actions[0].action_id: 12.0}))
    >>> shown[:2].tolist()
    [12.0, 0.0]
    """

    def __init__(self, book: RuleBook) -> None:
        self._index = {action.action_id: action.index for action in book.actions}
        self._counts = np.zeros(len(book.actions))
        self._evidence: Evidence | None = None
        self._lessons = 0

    def at(self, evidence: Evidence) -> Vector:
        """How often by this evidence, shape (actions,): an array that does not change any more."""
        if evidence is not self._evidence:
            self._evidence = evidence
            self._take_up(self._index)
        elif evidence.lessons != self._lessons:
            self._take_up(evidence.since(self._lessons))
        self._lessons = evidence.lessons
        return self._counts

    def _take_up(self, actions: Iterable[str]) -> None:
        counts = self._counts.copy()
        for action_id in actions:
            index = self._index.get(action_id)  # type: ignore[call-overload]  # keyed by ActionId
            if index is not None and self._evidence is not None:
                counts[index] = self._evidence.of(action_id).exposures  # type: ignore[arg-type]
        self._counts = counts
