"""Explain: every candidate with its factors and rank, every other action with all that keeps it out."""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from engine import effects
from engine.arbitration import Arbiter, Merit, Vector
from engine.eligibility import reasons
from engine.model import (
    ActionId,
    CandidateTrace,
    Decision,
    Factors,
    Offer,
    PlacementId,
    PlacementOffers,
    Reason,
    Stage,
    Trace,
    Value,
)
from engine.native import native
from engine.rulebook.book import Action, ActionClass, RuleBook, Truth
from engine.rulebook.trial import Arm
from engine.stopwatch import UNREAD


@native.quick
class Sight(NamedTuple):
    """What the rules see and say for one placement, and the treatments they let through.

    `arm` is the experiment that holds there.
    """

    placement: PlacementId
    values: list[Value]
    truths: Sequence[Truth]
    treatments: list[int]
    arm: Arm | None = None


class Telling:
    """The story of a decision while it is told: of 2,000 actions that takes a while, so it is told in parts.

    All it is made of stays as it is now, whatever becomes of the customer meanwhile.

    Args:
        limited: the reasons by which limits kept treatments out (`Limits.told`).
        pull: what the customer's past adds to C; `moved` says so in words.
    """

    def __init__(
        self,
        book: RuleBook,
        arbiter: Arbiter,
        sights: Sequence[Sight],
        propensities: Vector | None,
        decision: Decision,
        limited: Mapping[int, tuple[Reason, ...]],
        pull: Vector | None,
        moved: Callable[[Action], tuple[str, ...]],
    ) -> None:
        self.stopwatch = UNREAD
        self._book = book
        self._arbiter = arbiter
        self._sights = sights
        self._propensities = propensities
        self._decision = decision
        self._limited = limited
        self._pull = pull
        self._moved = moved
        self._told: list[CandidateTrace] = []
        self._steps = self._go_through()

    def tell_some(self, enough: Callable[[], bool]) -> bool:
        """Tells of one action after the other until `enough` says so, of one at least; True once of all."""
        return all(not enough() for _ in self._steps)

    def leave(self) -> None:
        """See `engine.model.Telling`."""
        self._steps.close()

    def trace(self, timings_us: Mapping[str, float]) -> Trace:
        """Every action of the book in every placement asked for; the shown first, then by priority.

        Tells what is not told yet.
        """
        for _ in self._steps:
            pass
        return Trace(tuple(self._told), timings_us)

    def _go_through(self) -> Generator[None, None, None]:
        """Tells of another action whenever it is asked."""
        shown_before: dict[ActionId, PlacementId] = {}
        for sight, placed in zip(self._sights, self._decision.placements, strict=True):
            shown = {} if placed.fallback else {offer.action_id: offer for offer in placed.offers}
            story = self._story(sight, placed)
            here: list[CandidateTrace] = []
            for action in self._book.actions:
                here.append(story.tell(action, shown.get(action.action_id), shown_before))
                yield
            here.sort(key=_by_rank_then_priority)
            self._told += here
            shown_before |= dict.fromkeys(shown, sight.placement)

    def _story(self, sight: Sight, placed: PlacementOffers) -> "_Story":
        decision, book = self._decision, self._book
        contest = next((c for c in decision.contests if c.placement == sight.placement), None)
        competing = frozenset(() if contest is None else contest.actions.tolist())
        return _Story(
            book,
            self._arbiter,
            sight,
            self._arbiter.merit(sight.truths, sight.values, decision.decided_at, self._pull),
            self._propensities,
            decision,
            self._limited,
            self._moved,
            frozenset(sight.treatments),
            competing,
            "" if contest is None else contest.calm,
            _last_won(book, placed),
            _ended_early(book, placed, competing),
        )


def _ended_early(book: RuleBook, placed: PlacementOffers, competing: frozenset[int]) -> bool:
    """Whether fewer were shown than competed and had a slot, as happens where nothing was drawn."""
    if all(one.action not in competing for one in book.measured.values()):
        return False
    shown = 0 if placed.fallback else len(placed.offers)
    return shown < min(book.placements[placed.placement].slots, len(competing))


def _last_won(book: RuleBook, placed: PlacementOffers) -> float:
    """The least priority that won here by itself; infinite if none is known to have.

    What is shown in a bundle may owe that to the priority of another, and a mandatory action has
    not won.
    """
    if placed.fallback or any(placed.placement in bundle.placements for bundle in book.bundles):
        return math.inf
    led = {a.action_id for a in book.actions if a.action_class is ActionClass.MANDATORY}
    return min((o.priority for o in placed.offers if o.action_id not in led), default=math.inf)


def _by_rank_then_priority(candidate: CandidateTrace) -> tuple[float, bool, float, str]:
    priority = candidate.factors.priority if candidate.factors else 0.0
    return (
        candidate.rank or float("inf"),
        candidate.factors is None,
        -priority,
        candidate.action_id,
    )


class _Story(NamedTuple):
    """One placement's contest, told action by action.

    `open` are the treatments the rules let through, `competing` the actions that were in the contest;
    `calm` says why nothing was tried out there, `last_won` is the least priority that won by itself, and
    `ended_early` says that chance offered nothing in the end.
    """

    book: RuleBook
    arbiter: Arbiter
    sight: Sight
    merit: Merit
    propensities: Vector | None
    decision: Decision
    limited: Mapping[int, tuple[Reason, ...]]
    moved: Callable[[Action], tuple[str, ...]]
    open: frozenset[int]
    competing: frozenset[int]
    calm: str
    last_won: float
    ended_early: bool

    def tell(
        self, action: Action, shown: Offer | None, shown_before: Mapping[ActionId, PlacementId]
    ) -> CandidateTrace:
        book, sight = self.book, self.sight
        through = [t for t in action.treatments if t in self.open]
        if shown is None and not through:
            nearest, told = reasons(
                book, action, sight.placement, sight.truths, sight.values, self.decision.decided_at
            )
            treatment = None if nearest is None else nearest.treatment_id
            if nearest is not None:
                told = _in_order(told + self.limited.get(nearest.index, ()))
            return CandidateTrace(
                action.action_id, treatment, sight.placement, 0, None, told, self._notes(action)
            )
        treatment = book.treatments[through[0]].treatment_id
        weighed = self._factors(action)
        factors: Factors | None = weighed
        told = () if shown else self._outdone(action, weighed, shown_before)
        if not shown and through[0] in self.limited:
            told = self.limited[through[0]]
            factors = factors if action.index in self.competing else None
        rank = shown.rank if shown else 0
        return CandidateTrace(
            action.action_id,
            treatment,
            sight.placement,
            rank,
            factors,
            told,
            self._notes(action) + self._tried_nothing(rank),
        )

    def _notes(self, action: Action) -> tuple[str, ...]:
        """What moves its priority and does not stand in the action's own file."""
        now = self.decision.decided_at
        override = action.override_at(now)
        overridden = () if override is None else (override.text,)
        return overridden + self._waived(action) + self.moved(action)

    def _waived(self, action: Action) -> tuple[str, ...]:
        """What the rules would ask of it that an experiment does not."""
        arm = self.sight.arm
        if arm is not Arm.ELIGIBILITY_ONLY or self.open.isdisjoint(action.treatments):
            return ()
        waived = [
            self.book.conditions[index].code
            for index in action.conditions
            if self.sight.truths[index] is not True
        ]
        return (f"{arm.code} does not ask {', '.join(waived)}",) if waived else ()

    def _tried_nothing(self, rank: int) -> tuple[str, ...]:
        """For what is shown: why nothing else was tried out, though the policy explores."""
        return (f"no exploration: {self.calm}",) if self.calm and rank else ()

    def _factors(self, action: Action) -> Factors:
        propensity = None if self.propensities is None else float(self.propensities[action.index])
        return self.arbiter.factors(action.index, propensity, self.merit)

    def _outdone(
        self, action: Action, factors: Factors, shown_before: Mapping[ActionId, PlacementId]
    ) -> tuple[Reason, ...]:
        """Why an action that every rule lets through is not shown."""
        told = list(self._changing_nothing(action))
        competes = action.action_class is not ActionClass.MANDATORY and not told
        floor = self.arbiter.floor(self.decision.channel, action.index)
        if competes and self.propensities is not None and self.propensities[action.index] < floor:
            text = f"propensity {self.propensities[action.index]:.4g} is below {floor:g}"
            told.append(_of_the_engine(Stage.PROPENSITY_THRESHOLD, "propensity_threshold", text))
        least = self.arbiter.least_priority(self.decision.channel, action.index)
        if competes and self.propensities is not None and factors.priority < least:
            text = f"priority {factors.priority:.4g} is below {least:g}"
            told.append(_of_the_engine(Stage.ARBITRATION, "priority_threshold", text))
        if competes and np.isnan(factors.value):
            text = f"its value ({action.value.text}) cannot be told, or is negative"
            told.append(
                _of_the_engine(Stage.ARBITRATION, "arbitration.value_unknown", text, unknown=True)
            )
        if action.action_id in shown_before:
            text = f"already shown in {shown_before[action.action_id]}"
            told.append(_of_the_engine(Stage.PLACEMENT, "placement.taken", text))
        if not told and not competes:
            text = "other mandatory actions fill the slots"
            told.append(_of_the_engine(Stage.PLACEMENT, "placement.full", text))
        arm = self.sight.arm
        if not told and arm is not None and arm is not Arm.ELIGIBILITY_ONLY:
            told.append(_of_the_engine(Stage.ARBITRATION, arm.code, f"in this arm {arm.text}"))
        if not told and self.ended_early:
            text = "chance tried offering nothing instead (exploration)"
            told.append(_of_the_engine(Stage.ARBITRATION, effects.NOTHING, text))
        if not told and factors.priority > self.last_won:
            text = f"chance tried another (exploration); its priority was {factors.priority:.4g}"
            told.append(_of_the_engine(Stage.ARBITRATION, "arbitration.explored", text))
        if not told:
            text = f"others came first (priority {factors.priority:.4g})"
            told.append(_of_the_engine(Stage.ARBITRATION, "arbitration.outranked", text))
        return tuple(told)

    def _changing_nothing(self, action: Action) -> Iterator[Reason]:
        """Why a measured action is not worth offering to this customer."""
        measured = self.book.measured.get(action.action_id)
        if measured is None or self.propensities is None:
            return
        change = float(self.propensities[action.index])
        if not change > 0.0:
            text = effects.told(measured, change)
            yield _of_the_engine(Stage.ARBITRATION, effects.NONE, text)


def _in_order(told: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple(sorted(told, key=lambda reason: reason.stage))


def _of_the_engine(stage: Stage, code: str, detail: str, *, unknown: bool = False) -> Reason:
    return Reason(stage, code, unknown, detail, "", {})
