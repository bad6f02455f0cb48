"""The model as it was: learned again from the journal, lesson by lesson, and asked what it was asked then."""

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.codec import DecisionRecord
from engine.decide import Propensities
from engine.edges.state.rebuild import rebuild
from engine.effects import Effects
from engine.learn import lessons_of
from engine.learning.binding import Bound, bind, consulted
from engine.learning.mind import Mind
from engine.learning.panel import no_hurry
from engine.model import Decision, DecisionId, Lesson, Step
from engine.replay.comparing import Check, Verdict
from engine.replay.replay import Books, NoBook
from engine.rulebook.book import RuleBook
from engine.uplift.serving import uplift_lessons_of

STEP = "propensities"

Advance = Callable[[int, int], None]
"""Hears how many lessons have been learned again, of how many."""


def taught(
    data: Path, records: Iterable[DecisionRecord], books: Books, advance: Advance
) -> dict[DecisionId, Check]:
    """Whether the model gave what the records say, for each of them.

    The journal may be that of a running service. Holds all customers and these records in memory.

    Raises:
        StorageError: the journal cannot be read.
    """
    checks: dict[DecisionId, Check] = {}
    waiting: list[_Waiting] = []
    for record in records:
        lessons = lessons_of(record.decision.model_version)
        if record.decision.features is None or lessons is None:
            text = "the model was not asked"
            checks[record.decision.decision_id] = Check(STEP, Verdict.RECORDED, text)
        else:
            uplift = uplift_lessons_of(record.decision.model_version)
            waiting.append(_Waiting(lessons, uplift, record.decision))
    waiting.sort(key=lambda one: (one.lessons, one.uplift))
    school = _School(waiting, books, advance)
    if waiting:
        rebuild(data, teach=school.teach, register=school.mind.register, enough=school.is_out)
        school.ask()
    return checks | school.checks


class _Waiting(NamedTuple):
    """A decision, and after how many lessons it was made; of uplift −1 if no action was measured."""

    lessons: int
    uplift: int
    decision: Decision


class _School:
    """Teaches lesson after lesson, and asks in between what each decision's model said."""

    def __init__(self, waiting: list[_Waiting], books: Books, advance: Advance) -> None:
        self.mind = Mind()
        self.checks: dict[DecisionId, Check] = {
            decision.decision_id: Check(STEP, Verdict.UNTOLD, _missing(lessons))
            for lessons, _, decision in waiting
        }
        self._last = waiting[-1].lessons if waiting else 0
        self._waiting = deque(waiting)
        self._books = books
        self._bound: dict[str, tuple[RuleBook, Bound]] = {}
        self._advance = advance

    def is_out(self) -> bool:
        """Whether no later lesson matters."""
        return self.mind.learner.version > self._last

    def teach(self, lesson: Lesson) -> None:
        """Learns the next lesson, once all are asked for whom it came later."""
        self.ask()
        before = self.mind.learner.version
        self.mind.teach(lesson)
        if self.mind.learner.version > before:
            self._advance(self.mind.learner.version, self._last)

    def ask(self) -> None:
        """Asks for every decision that was made after just so many lessons as are learned now."""
        while self._waiting and self._is_due(self._waiting[0]):
            decision = self._waiting.popleft().decision
            self.checks[decision.decision_id] = self._check(decision)

    def _is_due(self, one: _Waiting) -> bool:
        is_learned = one.lessons == self.mind.learner.version
        return is_learned and one.uplift in (-1, self.mind.uplift.lessons)

    def _check(self, decision: Decision) -> Check:
        try:
            book, model = self._model(decision.rulebook_version)
        except NoBook as missing:
            return Check(STEP, Verdict.UNTOLD, str(missing))
        features = decision.features or ()
        if decision.schema != model.features.digest:
            return Check(STEP, Verdict.DIFFERS, f"the book's features are {model.features.digest}")
        every = np.arange(len(book.actions))
        anew = model.predict(features, decision.channel, every)
        by_default = None
        asked = consulted(model)
        if asked is not None:
            by_default = anew.copy() if _was_hurried(decision) else None
            asked.consult(anew, features, decision.channel, every.tolist(), no_hurry)
        if book.measured:
            anew = Effects(book).expecting(decision.customer_id, decision.decided_at, anew)
        for contest in decision.contests:
            if contest.propensities is not None:
                difference = _first(contest.propensities, anew, book, by_default)
                if difference:
                    return Check(STEP, Verdict.DIFFERS, difference)
        return Check(STEP, Verdict.EQUAL, f"learned again from {self.mind.learner.version} lessons")

    def _model(self, version: str) -> tuple[RuleBook, Bound]:
        if version not in self._bound:
            book = self._books(version)
            self._bound[version] = book, bind(self.mind, book)
        return self._bound[version]


def _was_hurried(decision: Decision) -> bool:
    """Whether there was no time to ask every model, so that the default one stood in."""
    return any(step is Step.PROPENSITY for step, _ in decision.degraded)


def _first(
    then: Propensities, now: Propensities, book: RuleBook, instead: Propensities | None
) -> str:
    """The first propensity known then of which not all bits are equal now, or as they are in `instead`."""
    is_other = then.view(np.uint64) != now.view(np.uint64)
    if instead is not None:
        is_other &= then.view(np.uint64) != instead.view(np.uint64)
    differing = np.flatnonzero(is_other & ~np.isnan(then))
    if not differing.size:
        return ""
    at = differing[0]
    return f"{book.actions[at].action_id} had {then[at]!r}, has {now[at]!r}"


def _missing(lessons: int) -> str:
    return f"the journal does not hold the {lessons} lessons that its model had learned"
