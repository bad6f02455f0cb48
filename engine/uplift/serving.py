"""Score: of measured actions P is what the offer changes, by the model that learns online."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from engine.decide import Consulted, Model
from engine.learning.curriculum import Curriculum
from engine.learning.evidence import Evidence
from engine.model import Degradation, Value
from engine.rulebook.book import Measured, RuleBook
from engine.uplift.lines import FIRST_GUESS, Group, both
from engine.uplift.online import OnlineUplift

KIND = "+uplift/1."
"""Stands between the version of the propensities' model and the number of lessons in uplift."""

EXPECTED_PAIRS = 100.0
"""What is expected beforehand counts as much as so many observations of each group."""

TRIED_OUT = 300.0
"""Until so many of each group are observed, at least what is expected is assumed of everybody."""


def uplift_lessons_of(model_version: str) -> int:
    """How many lessons of uplift the model of this version had learned; −1 if it knows of none.

    >>> uplift_lessons_of("hierarchical_logistic/1.20+uplift/1.3"), uplift_lessons_of("even")
    (3, -1)
    """
    lessons = model_version.partition(KIND)[2]
    return int(lessons) if lessons.isascii() and lessons.isdecimal() else -1


class Uplifted:
    """A model of propensities in which P of measured actions is what they change, in [−1, 1].

    It is the learned uplift, weighed against what the book expects as `pairs : EXPECTED_PAIRS`, and at
    least what is expected until the action is tried out: a few bad weeks at the start would otherwise
    keep it from ever being offered, and learned about, again.
    """

    def __init__(
        self,
        model: Model,
        uplift: OnlineUplift,
        book: RuleBook,
        curriculum: Curriculum,
        asked: Consulted | None = None,
    ) -> None:
        self.features = curriculum
        self._model = model
        self._asked = asked
        self._uplift = uplift
        self._measured = tuple(
            (book.actions[one.action].action_id, one) for one in book.measured.values()
        )
        self._places = np.array([one.action for _, one in self._measured], dtype=np.intp)
        self._is_measured = np.zeros(len(book.actions), dtype=np.bool_)
        self._is_measured[self._places] = True
        self._lessons = -1
        self._weights = np.zeros((0, 0))
        self._groups: tuple[Group, ...] = ()
        uplift.register(curriculum.default)

    @property
    def asks_river(self) -> bool:
        """Whether there is anything to consult."""
        return self._asked is not None

    def consult(
        self,
        propensities: npt.NDArray[np.float64],
        features: Sequence[Value],
        channel: str,
        candidates: Collection[int],
        left: Callable[[], float],
    ) -> tuple[Degradation, ...]:
        """Has those of the `candidates` asked about that are not measured; see `engine.learning.panel.Panel`."""
        if self._asked is None:
            return ()
        others = [action for action in candidates if not self._is_measured[action]]
        return self._asked.consult(propensities, features, channel, others, left)

    @property
    def lessons(self) -> int:
        """How many lessons the model of propensities has learned."""
        return self._model.lessons

    @property
    def version(self) -> str:
        """Names the weights as they are now."""
        return f"{self._model.version}{KIND}{self._uplift.lessons}"

    @property
    def evidence(self) -> Evidence:
        """How much has been seen of each action."""
        return self._model.evidence

    def predict(
        self, features: Sequence[Value], channel: str, actions: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        """P of each of `actions` (indexes of the book), shape (K,): the propensity, or the uplift."""
        found = self._model.predict(features, channel, actions)
        if not self._is_measured[actions].any():
            return found
        changes = np.full(len(self._is_measured), np.nan)
        changes[self._places] = self.changes(features)
        asked = changes[actions]
        np.copyto(found, asked, where=~np.isnan(asked))
        return found

    def changes(self, features: Sequence[Value]) -> npt.NDArray[np.float64]:
        """What each measured action changes for the better, in the book's order of them."""
        if self._uplift.lessons != self._lessons:
            self._take_up()
        seen = self._uplift.see(
            self.features.default.digest, self.features.seen_by_default(features)
        )
        logits = (self._weights[:, seen.columns] * seen.values).sum(axis=1).tolist()
        return np.array(
            [
                _better(one, group, FIRST_GUESS + logits[2 * at], logits[2 * at + 1])
                for at, ((_, one), group) in enumerate(
                    zip(self._measured, self._groups, strict=True)
                )
            ]
        )

    def _take_up(self) -> None:
        """The weights as they are now: of each action two rows, usual and change."""
        uplift = self._uplift
        self._weights = np.zeros((2 * len(self._measured), uplift.width))
        for at, (name, one) in enumerate(self._measured):
            for lines in uplift.lines(one.outcome, name):
                self._weights[2 * at] += lines.usual.means
                self._weights[2 * at + 1] += lines.change.means
        self._groups = tuple(uplift.group(one.outcome, name) for name, one in self._measured)
        self._lessons = uplift.lessons


def _better(measured: Measured, group: Group, usual: float, change: float) -> float:
    """What is learned of a customer, weighed against what was expected."""
    alone, treated = both(usual, change, group.share)
    learned = alone - treated if measured.better_absent else treated - alone
    weight = group.pairs / (group.pairs + EXPECTED_PAIRS)
    found = weight * learned + (1.0 - weight) * measured.expected
    return found if group.pairs >= TRIED_OUT else max(found, measured.expected)
