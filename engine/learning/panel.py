"""Panel: the models of one rule book as a decision asks them; each answers for the actions it is set over."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog

from engine.deadline import Pace
from engine.estimators.additive import Own
from engine.estimators.estimator import Estimator
from engine.estimators.inputs import Input, Inputs, form_for
from engine.learning.curriculum import Course, Curriculum
from engine.learning.evidence import Evidence
from engine.learning.mind import Mind
from engine.model import Degradation, Step, Value
from engine.propensity import Propensities
from engine.rulebook.book import RuleBook

log = structlog.get_logger(__name__)

Vector = npt.NDArray[np.float64]

_GUESS: Final = 0.000_3
"""Seconds that one question to a classifier of river may take, before that is known."""

_REST: Final = 0.001_5
"""Seconds kept for what comes after: arbitration, placement and the reply."""


def no_hurry() -> float:
    """For `Panel.consult`: the seconds left to one who has all the time in the world."""
    return 1e9


class Panel:
    """The default model, and the estimators that answer instead of it for some actions.

    Linear models and naive Bayes are asked about all their actions in one step (`predict`). Any other
    classifier is asked by river, candidate by candidate, while there is time (`consult`). Until a model
    has learned from as many exposures as the book asks for, and where it cannot tell, the default
    model's propensity stands.
    """

    def __init__(
        self, default: Propensities, mind: Mind, book: RuleBook, curriculum: Curriculum
    ) -> None:
        self.features = curriculum
        self._default = default
        self._mind = mind
        self._everything = np.arange(len(book.actions))
        learning = [spec for spec in book.models.others if spec.learns_by_itself]
        self._seats = [
            _Seat(course, mind, book, curriculum, spec.answers_after)
            for course, spec in zip(curriculum.courses, learning, strict=True)
        ]

    @property
    def lessons(self) -> int:
        """How many lessons have been learned; they name the state of every model."""
        return self._default.lessons

    @property
    def version(self) -> str:
        """Names the state of every model."""
        return self._default.version

    @property
    def evidence(self) -> Evidence:
        """How much has been seen of each action."""
        return self._default.evidence

    def predict(
        self, features: Sequence[Value], channel: str, actions: npt.NDArray[np.intp]
    ) -> Vector:
        """The propensity of each of `actions` (indexes of the book), shape (K,), in [0, 1].

        That of the default model where `consult` has to be asked.
        """
        seen = self.features.seen_by_default(features)
        found = self._default.predict(seen, channel, self._everything)
        for seat in self._seats:
            seat.predict(found, features, channel)
        chosen: Vector = found[actions]
        return chosen

    def consult(
        self,
        propensities: Vector,
        features: Sequence[Value],
        channel: str,
        candidates: Collection[int],
        left: Callable[[], float],
    ) -> tuple[Degradation, ...]:
        """Asks river about those of the `candidates` that only river can tell of, in place.

        `left` says how many seconds are left. Of two candidates the one the default model thinks more
        of is asked about first; what there is no time for keeps the default's propensity.

        Returns:
            What could not be asked, for the answer to say so.
        """
        told = (
            seat.consult(propensities, features, channel, candidates, left) for seat in self._seats
        )
        return tuple(Degradation(Step.PROPENSITY, text) for text in told if text)

    @property
    def asks_river(self) -> bool:
        """Whether there is anything to consult."""
        return any(not seat.is_sum for seat in self._seats)


class _Seat:
    """One model on the panel, with its own actions (indexes of the book)."""

    def __init__(
        self,
        course: Course,
        mind: Mind,
        book: RuleBook,
        curriculum: Curriculum,
        answers_after: int,
    ) -> None:
        spec = course.spec
        own = [a for a in book.actions if curriculum.course_of(a.action_id, a.group) is course]
        inputs = Inputs(spec.features, form_for(spec.innermost))
        self.key, self.name = spec.key, spec.name
        self.is_sum = spec.is_sum
        self.actions = np.array([action.index for action in own], dtype=np.intp)
        self._inputs: dict[int, Input] = {
            action.index: inputs.of_action(
                action.action_id, curriculum.attributes.get(action.action_id, {})
            )
            for action in own
        }
        self._own = Own.of(tuple(self._inputs.values())) if self.is_sum else None
        self._course = course
        self._mind = mind
        self._answers_after = answers_after
        self._pace = Pace(_GUESS, _REST)

    def _ready(self) -> Estimator | None:
        """The estimator, once it has learned enough."""
        estimator = self._mind.estimator(self.key)
        if estimator is None or estimator.lessons < self._answers_after or not estimator.can_tell:
            return None
        return estimator

    def predict(self, propensities: Vector, features: Sequence[Value], channel: str) -> None:
        """Writes its propensities over those of its actions, if one sum says them all."""
        if self._own is None:
            return
        estimator = self._ready()
        if estimator is None or estimator.sum is None:
            return
        x = estimator.inputs.of_customer(self._course.pick(features), channel)
        shared = estimator.sum.shared(x)
        found = estimator.propensities(shared + estimator.sum.of_each(self._own))
        can_tell = np.isfinite(found)
        propensities[self.actions[can_tell]] = found[can_tell]

    def consult(
        self,
        propensities: Vector,
        features: Sequence[Value],
        channel: str,
        candidates: Collection[int],
        left: Callable[[], float],
    ) -> str:
        """Asks river about its actions among the candidates; says what there was no time for."""
        estimator = None if self.is_sum else self._ready()
        wanted = [action for action in self._inputs if action in candidates]
        if estimator is None or not wanted:
            return ""
        wanted.sort(key=lambda action: -propensities[action])
        customer = estimator.inputs.of_customer(self._course.pick(features), channel)
        for asked, action in enumerate(wanted):
            before = left()
            if not self._pace.allows(before):
                rest = f"{len(wanted) - asked} of {len(wanted)} actions"
                return f"deadline: model '{self.name}' was not asked about {rest}, the default was"
            try:
                propensity = estimator.answer(customer | self._inputs[action])
            except Exception:
                log.exception("model.failed", model=self.name)
                return f"model '{self.name}' failed, the default was asked instead"
            if propensity is not None:
                propensities[action] = propensity
            self._pace.took(before - left())
        return ""
