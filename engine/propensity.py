"""Score: how likely each candidate is to be taken, for all of them in one pass."""

from collections.abc import Sequence
from itertools import islice
from typing import Self

import numpy as np
import numpy.typing as npt

from engine.features import FeatureSchema
from engine.kernels.loops import loops
from engine.learn import Learner
from engine.learning.evidence import Evidence
from engine.model import Value
from engine.rulebook.book import RuleBook


class Propensities:
    """A learner as the actions of one rule book see it; made anew for each book, swapped with it.

    It scores from the very memory that river learns in, so every lesson counts in the next decision
    and nothing is ever exported. What was learned of an action, a group or a channel is found by
    name and so outlives the book it was learned under.
    """

    def __init__(
        self, learner: Learner, book: RuleBook, features: FeatureSchema | None = None
    ) -> None:
        self.features = FeatureSchema.for_book(book) if features is None else features
        learner.register(self.features)
        self._learner = learner
        self._score = loops().score
        groups = list(dict.fromkeys(action.group for action in book.actions))
        self._group_slot = {group: slot for slot, group in enumerate(groups, 1)}
        self._slot_of = np.array([self._group_slot[a.group] for a in book.actions], dtype=np.intp)
        self._action = {a.action_id: a.index for a in book.actions}
        self._shared = np.zeros(1 + len(groups), dtype=np.intp)
        self._rows = {channel: np.zeros(len(book.actions), np.intp) for channel in book.channels}
        self._nowhere = np.zeros(len(book.actions), dtype=np.intp)
        self._known = 0
        self._find_new_rows()

    @classmethod
    def bind(cls, learner: Learner, book: RuleBook, features: FeatureSchema | None = None) -> Self:
        """The learner bound to the actions of `book`; registers its features with it.

        `features` are those of the book, where they are known already.
        """
        return cls(learner, book, features)

    @property
    def lessons(self) -> int:
        """How many lessons the learner has learned."""
        return self._learner.version

    @property
    def version(self) -> str:
        """Names the weights as they are now."""
        return self._learner.model_version

    @property
    def evidence(self) -> Evidence:
        """How much has been seen of each action."""
        return self._learner.evidence

    def predict(
        self, features: Sequence[Value], channel: str, actions: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        """The propensity in [0, 1] of each of `actions` (indexes of the book), shape (K,).

        `features` are raw values as `features.read` gives them. The result does not depend on which
        other actions are asked about: it is the same number, to the last bit.
        """
        if len(self._learner.table.rows) != self._known:
            self._find_new_rows()
        seen = self._learner.see(self.features.digest, features)
        logit, slope = self._learner.shared(seen)
        propensities = np.empty(len(actions))
        self._score(
            seen.columns,
            seen.values * slope,
            self._learner.table.matrix,
            self._known,
            self._shared,
            self._slot_of,
            self._rows.get(channel, self._nowhere),
            actions,
            logit,
            propensities,
        )
        return propensities

    def _find_new_rows(self) -> None:
        """Looks up the rows learned since last time: each costs the same, however many there are."""
        rows = self._learner.table.rows
        for row, place in islice(reversed(rows.items()), len(rows) - self._known):
            self._find(row, place)
        self._known = len(rows)

    def _find(self, row: tuple[str, ...], place: int) -> None:
        if len(row) == 1:
            slot = self._group_slot.get(row[0])
            if slot is not None:
                self._shared[slot] = place
        elif len(row) == 2:
            action, channel = row
            index = self._action.get(action)  # type: ignore[call-overload]  # keyed by ActionId
            if index is not None and channel in self._rows:
                self._rows[channel][index] = place
