"""Limits as they answered once: what they kept out then is kept out again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from engine.arbitration import Candidates
from engine.challenger.common import STOPPED
from engine.grounds import Answer, Prices
from engine.limits.limits import Limit, Limits
from engine.limits.reach import UNTRAINED
from engine.model import Reason, Stage
from engine.rulebook.book import RuleBook
from engine.rulebook.snapshot import STOPS

A = TypeVar("A", bound=Answer)


class Recalled(Limits):
    """Gives the recorded answers in their order, to the same questions.

    A question that was not asked then has no answer here: it closes nothing. What is given is in
    `answers` again, so that any difference shows there. `witnesses` are asked for the reasons of what
    was kept back, where there are any for that stage; else the record and the book must do.
    """

    __slots__ = ("_at", "_book", "_channel", "_recorded", "_witnesses")

    def __init__(
        self,
        recorded: Sequence[Answer],
        book: RuleBook,
        channel: str,
        witnesses: Mapping[Stage, Limit],
        *,
        telling: bool = False,
    ) -> None:
        super().__init__((), telling=telling)
        self._recorded = recorded
        self._at = 0
        self._book = book
        self._channel = channel
        self._witnesses = witnesses

    def open_to(self, treatments: list[int]) -> list[int]:
        """Those that were admitted."""
        narrowed = self._next(tuple, ())
        closed = {treatment: one.stage for one in narrowed for treatment in one.closed}
        if self._telling:
            self.told.update((t, self._reasons(t, Stage(stage))) for t, stage in closed.items())
        return [treatment for treatment in treatments if treatment not in closed]

    def held_out(self) -> list[int]:
        """What nothing but holdouts kept back."""
        return [treatment for one in self._next(tuple, ()) for treatment in one.closed]

    def tell(self, treatments: Iterable[int]) -> None:
        """Tells nothing: of those that did not come so far, no answer is known."""

    def net(self, candidates: Candidates) -> Candidates:
        """The candidates at their priorities net of the prices of that moment."""
        prices: Prices = self._next(dict, {})
        priorities = candidates.priorities.copy()
        kept = []
        for at, treatment in enumerate(candidates.treatments.tolist()):
            price = prices.get(treatment, 0.0)
            worth = priorities.item(at)
            priorities[at] = worth - price
            if price and worth <= price:
                self.exclude({treatment: self._outbid(treatment, worth, price)})
            else:
                kept.append(at)
        where = np.array(kept, dtype=np.intp)
        treatments, actions, _, ties = candidates
        return Candidates(treatments[where], actions[where], priorities[where], ties[where])

    def together(self, treatments: Sequence[int]) -> bool:  # noqa: ARG002  # answered by its turn
        """Whether all of these could be offered together."""
        return self._next(bool, True)

    def steady(self, picks: int) -> bool:
        """Whether so many offers more closed nothing."""
        return picks <= 0 or self._next(bool, True)

    def chosen(self, treatments: Iterable[int]) -> None:
        """Counts nothing, since later answers are known; only witnesses do, for their reasons."""
        for treatment in treatments:
            for witness in self._witnesses.values():
                witness.chosen(treatment)

    def _next(self, kind: type[A], otherwise: A) -> A:
        """The next answer, if it is one of this kind."""
        answer: Answer = otherwise
        if self._at < len(self._recorded) and isinstance(self._recorded[self._at], kind):
            answer = self._recorded[self._at]
            self._at += 1
        self.answers.append(answer)
        return answer  # type: ignore[return-value]  # of that kind, either way

    def _reasons(self, treatment: int, stage: Stage) -> tuple[Reason, ...]:
        """All that witnesses know, if one of them knows of this stage; else what record and book tell."""
        witness = self._witnesses.get(stage)
        if witness is None or not witness.reasons(treatment):
            return (self._reason(treatment, stage),)
        return tuple(r for each in self._witnesses.values() for r in each.reasons(treatment))

    def _reason(self, treatment: int, stage: Stage) -> Reason:
        """What kept a treatment out, as far as record and book tell."""
        book = self._book
        action = book.actions[book.treatments[treatment].action]
        if stage is Stage.ARBITRATION:
            return Reason(stage, UNTRAINED, False, "untrained: not yet for this customer", "", {})
        if stage is Stage.AVAILABILITY:
            return Reason(stage, STOPPED, False, "stopped for the champion", STOPS, {})
        if stage is Stage.CONSENT_AND_CONTACT:
            own = [p for p in book.contact.policies if p.name in action.contact_policies]
            by = [(p.code, p.name, p.place) for p in own if p.holds_on(self._channel)]
            what = "contact policies kept it back"
            if not by:
                what = "the champion's contact policies, or a consent it asks for, kept it back"
        elif stage is Stage.CAPS_AND_BUDGETS:
            caps = [cap for cap in book.caps if treatment in cap.treatments]
            by = list(dict.fromkeys((cap.code, cap.name, cap.place) for cap in caps))
            what = "no room was left in a cap"
        else:
            limits = [one for one in book.arbitration.limits if one.kinds[action.index]]
            by = [(f"limit.{one.name}", one.name, one.place) for one in limits]
            what = "the answer held enough of its kind"
        return _told_by(stage, what, by)

    def _outbid(self, treatment: int, worth: float, price: float) -> Reason:
        caps = [cap for cap in self._book.caps if treatment in cap.treatments]
        by = [(f"{cap.code}.bid_price", cap.name, cap.place) for cap in caps]
        what = f"worth {worth:.4g} here; a scarce cap was kept for customers worth more than {price:.4g}"
        return _told_by(Stage.CAPS_AND_BUDGETS, what, by)


def _told_by(stage: Stage, what: str, by: Sequence[tuple[str, str, str]]) -> Reason:
    """A reason by the only limit that it can have been, or naming all it can have been."""
    names = ", ".join(name for _, name, _ in by)
    if len(by) == 1:
        [(code, name, place)] = by
        return Reason(stage, code, False, f"{what}: {name}", place, {})
    text = f"{what}: one of {names}" if by else what
    return Reason(stage, stage.name.lower(), False, text, "", {})
