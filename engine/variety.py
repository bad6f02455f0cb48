"""Limit: how many offers of an issue, a group or a family one answer holds."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.circumstances import Circumstances
from engine.limits import Foreseeing
from engine.model import Decision, Question, Reason, Stage, Value
from engine.rulebook.answer_limit import AnswerLimit
from engine.rulebook.book import ActionClass, RuleBook


class _Kind(NamedTuple):
    """What is counted together: a kind of one limit, in one placement where each counts for itself."""

    limit: int
    kind: str
    placement: str


class VarietyGuard:
    """The answer limits of one book; they remember no other answer."""

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
        self.leads = tuple(each is ActionClass.MANDATORY for each in classes)

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

    __slots__ = ("_guard", "_held")

    def __init__(self, guard: VarietyGuard) -> None:
        self._guard = guard
        self._held: Counter[_Kind] = Counter()

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those of which there may be one more; mandatory ones always."""
        if not self._held:
            return list(treatments)
        leads = self._guard.leads
        return [t for t in treatments if leads[t] or not any(self._full(t, self._held))]

    def steady(self, picks: int) -> bool:
        """Whether there is room for so many more of every kind."""
        fullest = max(self._held.values(), default=0)
        return all(limit.at_most > fullest + picks for limit in self._guard.limits)

    def chosen(self, treatment: int) -> None:
        """Counts an offer of this answer."""
        self._held.update(self._guard.kinds_of[treatment])

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether there is room for all of these."""
        held = self._held.copy()
        for treatment in treatments:
            if not self._guard.leads[treatment] and any(self._full(treatment, held)):
                return False
            held.update(self._guard.kinds_of[treatment])
        return True

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """One for each limit that is reached."""
        if self._guard.leads[treatment]:
            return ()
        return tuple(_reason(limit, kind) for limit, kind in self._full(treatment, self._held))

    def _full(self, treatment: int, held: Counter[_Kind]) -> Iterator[tuple[AnswerLimit, _Kind]]:
        for kind in self._guard.kinds_of[treatment]:
            limit = self._guard.limits[kind.limit]
            if held[kind] >= limit.at_most:
                yield limit, kind


def _reason(limit: AnswerLimit, kind: _Kind) -> Reason:
    where = "one placement" if limit.by_placement else "one answer"
    title = f"{limit.title}: " if limit.title else ""
    text = f"{title}at most {limit.at_most} of {kind.kind} in {where}, and there is that already"
    return Reason(Stage.PLACEMENT, f"limit.{limit.name}", False, text, limit.place, {})
