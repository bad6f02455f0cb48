"""Limit: the one point at the end of the journey that every offer passes, whatever path it came by.

A `Guard` keeps one kind of limit (contact policies, caps, …) for the life of a rule book. For each
answer it says how its limits stand, as a `Limit`, which is asked before arbitration and again between
slots, so that what an answer holds already counts against what it may hold besides. Nothing is counted
for later answers before `Guard.commit`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Protocol

from engine.arbitration import Candidates
from engine.circumstances import Circumstances
from engine.grounds import Answer, Narrowed, Prices
from engine.model import Decision, Question, Reason, Stage, Value


class Limit(Protocol):
    """One kind of limit, as it stands for one answer. Treatments are indexes of the book."""

    stage: ClassVar[Stage]
    """The step of the funnel it belongs to."""

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those of `treatments` that may be offered now, in the same order.

        Mandatory actions are always among them.
        """

    def steady(self, picks: int) -> bool:
        """Whether `picks` more offers, whichever they are, would close nothing that is open now.

        If it cannot be told cheaply: False. `picks` is 1 or more.
        """

    def chosen(self, treatment: int) -> None:
        """Counts an offer of this answer at once: the next `open_to` sees it."""

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """All that keeps a treatment out now, in the order of the funnel; () if nothing does."""


class Foreseeing(ABC):
    """A limit that can tell beforehand whether several offers may be made together."""

    __slots__ = ()

    @abstractmethod
    def together(self, treatments: Sequence[int]) -> bool:
        """Whether all of these may be offered besides what is counted, one after the other."""


class Priced(ABC):
    """A limit some of whose treatments have a price: what they take could go to somebody else."""

    __slots__ = ()

    prices: Mapping[int, float]
    """What each treatment asked about so far has to pay, where that is not 0."""

    @abstractmethod
    def net(self, candidates: Candidates) -> tuple[Candidates, Mapping[int, Reason]]:
        """The candidates at their priorities net of the price, and why others are not worth it."""


class Guard(Protocol):
    """One kind of limit, for the life of a rule book."""

    def limit(
        self, question: Question, given: Circumstances, values: Sequence[Value]
    ) -> Limit | None:
        """How it stands for this answer; None if it can touch nothing in it.

        `values` are what the rules see (`Knowledge.values`). Changes nothing.
        """

    def commit(self, decision: Decision) -> None:
        """Counts what a final decision offers, before any other decision is begun. Never waits."""


class Limits:
    """All limits that stand for one answer; with `telling`, every exclusion's reasons are kept.

    Attributes:
        told: by treatment all that kept it out, as it stood when it was kept out.
        answers: what was answered so far, for the record; nothing while no limit stands.
    """

    __slots__ = ("_by_lot", "_held", "_standing", "_telling", "answers", "told")

    def __init__(
        self, standing: Sequence[Limit], *, telling: bool = False, held: Limit | None = None
    ) -> None:
        self._standing = standing
        self._held = held
        self._by_lot: tuple[Narrowed, ...] = ()
        self._telling = telling
        self.told: dict[int, tuple[Reason, ...]] = {}
        self.answers: list[Answer] = []

    @classmethod
    def standing(
        cls,
        guards: Sequence[Guard],
        question: Question,
        given: Circumstances,
        values: Sequence[Value],
        held: Limit | None = None,
    ) -> "Limits":
        """How the limits of all `guards` stand for this answer; `held` is what holdouts keep back."""
        if not (guards or held or question.explain):
            return NO_LIMITS
        found = (guard.limit(question, given, values) for guard in guards)
        limits = [limit for limit in found if limit is not None]
        if held is not None:
            limits.append(held)
        if not (limits or question.explain):
            return NO_LIMITS
        return cls(limits, telling=question.explain, held=held)

    def open_to(self, treatments: list[int]) -> list[int]:
        """Those of `treatments` that every limit admits now."""
        if not self._standing:
            return treatments
        admitted = treatments
        narrowed: tuple[Narrowed, ...] = ()
        self._by_lot = ()
        for limit in self._standing:
            asked, admitted = admitted, limit.open_to(admitted)
            if len(admitted) < len(asked):
                one = Narrowed(limit.stage, asked, admitted)
                narrowed += (one,)
                if limit is self._held:
                    self._by_lot = (one,)
        self.answers.append(narrowed)
        if self._telling and len(admitted) < len(treatments):
            self.tell(set(treatments).difference(admitted))
        return admitted

    def held_out(self) -> list[int]:
        """What nothing but holdouts kept back when it was last asked what is open."""
        if not self._standing:
            return []
        self.answers.append(self._by_lot)
        return [treatment for one in self._by_lot for treatment in one.closed]

    def tell(self, treatments: Iterable[int]) -> None:
        """Keeps what excludes these treatments now; of no effect unless `telling`."""
        if not self._telling:
            return
        for treatment in treatments:
            reasons = tuple(r for limit in self._standing for r in limit.reasons(treatment))
            if reasons:
                self.told[treatment] = reasons

    def net(self, candidates: Candidates) -> Candidates:
        """The candidates at their priorities net of the price of what they take."""
        prices: Prices = {}
        for limit in self._standing:
            if isinstance(limit, Priced):
                candidates, apart = limit.net(candidates)
                self.exclude(apart)
                prices = limit.prices
        if self._standing:
            self.answers.append(prices)
        return candidates

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether all of these may be offered together, each of which is open now.

        A limit that cannot tell beforehand says no wherever some offer could close another.
        """
        if not self._standing:
            return True
        answer = all(
            limit.together(treatments)
            if isinstance(limit, Foreseeing)
            else len(treatments) == 1 or limit.steady(len(treatments) - 1)
            for limit in self._standing
        )
        self.answers.append(answer)
        return answer

    def exclude(self, reasons: Mapping[int, Reason]) -> None:
        """Keeps why treatments are out that no limit closes; of no effect unless `telling`."""
        if self._telling:
            self.told.update((treatment, (reason,)) for treatment, reason in reasons.items())

    def steady(self, picks: int) -> bool:
        """Whether `picks` more offers, whichever they are, would close nothing that is open now."""
        if not self._standing or picks <= 0:
            return True
        answer = all(limit.steady(picks) for limit in self._standing)
        self.answers.append(answer)
        return answer

    def chosen(self, treatments: Iterable[int]) -> None:
        """Counts offers of this answer."""
        if self._standing:
            for treatment in treatments:
                for limit in self._standing:
                    limit.chosen(treatment)


NO_LIMITS = Limits(())
"""What stands where nothing limits an answer."""
