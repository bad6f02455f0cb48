"""Limit: how many offers of an issue, a group or a family one answer holds."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from copy import copy
from typing import ClassVar, NamedTuple

from engine.circumstances import Circumstances
from engine.limits.limits import Foreseeing
from engine.model import Decision, Question, Reason, Stage, Value
from engine.rulebook.answer_limit import AnswerLimit
from engine.rulebook.book import ActionClass, RuleBook


class _Kind(NamedTuple):
    """What is counted together: a kind of one limit, in one placement where each counts for itself."""

    limit: int
    kind: str
    placement: str


class VarietyGuard:
    """The answer limits of one book; they remember no other answer.

    `kinds_of` are the kinds each treatment counts as; `of_kind` the treatments that no mandatory
    action owns, by kind.
    """

    def __init__(self, book: RuleBook) -> None:
        self.limits = book.arbitration.limits
        self.kinds_of = tuple(
            tuple(
                _Kind(i, limit.kinds[t.action], t.placement if limit.by_placement else "")
                for i, limit in enumerate(self.limits)
                if limit.kinds[t.action]
            )
            for t in book.treatments
        )
        classes = [book.actions[t.action].action_class for t in book.treatments]
        of_kind: dict[_Kind, set[int]] = defaultdict(set)
        for treatment, kinds in enumerate(self.kinds_of):
            for kind in kinds if classes[treatment] is not ActionClass.MANDATORY else ():
                of_kind[kind].add(treatment)
        self.of_kind = {kind: frozenset(treatments) for kind, treatments in of_kind.items()}

    def limit(
        self,
        question: Question,
        given: Circumstances,  # noqa: ARG002  # the guards' contract
        values: Sequence[Value],  # noqa: ARG002
    ) -> "Variety | None":
        """Nothing counted yet; None where an answer holds one offer at most."""
        is_single = question.max_offers == 1 and len(question.placements) == 1
        return None if is_single else Variety(self)

    def commit(self, decision: Decision) -> None:
        """Nothing is kept beyond an answer."""


class Variety(Foreseeing):
    """What one answer holds so far."""

    stage: ClassVar = Stage.PLACEMENT

    __slots__ = ("_closed", "_guard", "_held")

    def __init__(self, guard: VarietyGuard) -> None:
        self._guard = guard
        self._held: Counter[_Kind] = Counter()
        self._closed: frozenset[int] = frozenset()

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those of which there may be one more; mandatory ones always."""
        closed = self._closed
        return [t for t in treatments if t not in closed] if closed else list(treatments)

    def steady(self, picks: int) -> bool:
        """Whether there is room for so many more of every kind."""
        fullest = max(self._held.values(), default=0)
        return all(limit.at_most > fullest + picks for limit in self._guard.limits)

    def chosen(self, treatment: int) -> None:
        """Counts an offer of this answer."""
        for kind in self._guard.kinds_of[treatment]:
            self._held[kind] += 1
            if self._held[kind] >= self._guard.limits[kind.limit].at_most:
                self._closed |= self._guard.of_kind.get(kind, frozenset())

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether there is room for all of these."""
        trial = copy(self)
        trial._held = self._held.copy()
        for treatment in treatments:
            if treatment in trial._closed:
                return False
            trial.chosen(treatment)
        return True

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """One for each limit that is reached."""
        if treatment not in self._closed:
            return ()
        limits = self._guard.limits
        return tuple(
            _reason(limits[kind.limit], kind)
            for kind in self._guard.kinds_of[treatment]
            if self._held[kind] >= limits[kind.limit].at_most
        )


def _reason(limit: AnswerLimit, kind: _Kind) -> Reason:
    where = "one placement" if limit.by_placement else "one answer"
    title = f"{limit.title}: " if limit.title else ""
    text = f"{title}at most {limit.at_most} of {kind.kind} in {where}, and there is that already"
    return Reason(Stage.PLACEMENT, f"limit.{limit.name}", False, text, limit.place, {})
