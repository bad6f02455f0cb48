"""Explain: every candidate with its factors and rank, every other action with all that keeps it out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    Reason,
    Stage,
    Trace,
    Value,
)
from engine.rulebook.book import Action, ActionClass, RuleBook, Truth
from engine.rulebook.trial import Arm


class Sight(NamedTuple):
    """What the rules see and say for one placement, and the treatments they let through.

    `arm` is the experiment that holds there.
    """

    placement: PlacementId
    values: list[Value]
    truths: Sequence[Truth]
    treatments: list[int]
    arm: Arm | None = None


def explain(
    book: RuleBook,
    arbiter: Arbiter,
    sights: Sequence[Sight],
    propensities: Vector | None,
    decision: Decision,
    limited: Mapping[int, tuple[Reason, ...]],
    pull: Vector | None,
    moved: Callable[[Action], tuple[str, ...]],
    timings_us: Mapping[str, float],
) -> Trace:
    """Every action of the book in every placement asked for; the shown first, then by priority.

    `limited` are the reasons by which limits kept treatments out (`Limits.told`); `pull` is what the
    customer's past adds to C, and `moved` says so in words.
    """
    candidates: list[CandidateTrace] = []
    shown_before: dict[ActionId, PlacementId] = {}
    for sight, placed in zip(sights, decision.placements, strict=True):
        shown = {} if placed.fallback else {offer.action_id: offer for offer in placed.offers}
        merit = arbiter.merit(sight.truths, sight.values, decision.decided_at, pull)
        story = _Story(book, arbiter, sight, merit, propensities, decision, limited, moved)
        candidates += sorted(
            (
                story.tell(action, shown.get(action.action_id), shown_before)
                for action in book.actions
            ),
            key=_by_rank_then_priority,
        )
        shown_before |= dict.fromkeys(shown, sight.placement)
    return Trace(tuple(candidates), timings_us)


def _by_rank_then_priority(candidate: CandidateTrace) -> tuple[float, bool, float, str]:
    priority = candidate.factors.priority if candidate.factors else 0.0
    return (
        candidate.rank or float("inf"),
        candidate.factors is None,
        -priority,
        candidate.action_id,
    )


class _Story(NamedTuple):
    """One placement's contest, told action by action."""

    book: RuleBook
    arbiter: Arbiter
    sight: Sight
    merit: Merit
    propensities: Vector | None
    decision: Decision
    limited: Mapping[int, tuple[Reason, ...]]
    moved: Callable[[Action], tuple[str, ...]]

    def tell(
        self, action: Action, shown: Offer | None, shown_before: Mapping[ActionId, PlacementId]
    ) -> CandidateTrace:
        book, sight = self.book, self.sight
        through = [t for t in action.treatments if t in sight.treatments]
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
            factors = factors if self._competed(action) else None
        rank = shown.rank if shown else 0
        return CandidateTrace(
            action.action_id,
            treatment,
            sight.placement,
            rank,
            factors,
            told,
            self._notes(action) + self._calm(rank),
        )

    def _notes(self, action: Action) -> tuple[str, ...]:
        """What moves its priority and does not stand in the action's own file."""
        now = self.decision.decided_at
        override = action.override_at(now)
        overridden = () if override is None else (override.text,)
        return overridden + self._waived(action) + self.moved(action)

    def _waived(self, action: Action) -> tuple[str, ...]:
        """What the rules would ask of it that an experiment does not."""
        arm, treatments = self.sight.arm, self.sight.treatments
        if arm is not Arm.ELIGIBILITY_ONLY or not any(t in treatments for t in action.treatments):
            return ()
        waived = [
            self.book.conditions[index].code
            for index in action.conditions
            if self.sight.truths[index] is not True
        ]
        return (f"{arm.code} does not ask {', '.join(waived)}",) if waived else ()

    def _calm(self, rank: int) -> tuple[str, ...]:
        """For what is shown: why nothing else was tried out, though the policy explores."""
        calm = {contest.placement: contest.calm for contest in self.decision.contests}
        why = calm.get(self.sight.placement, "") if rank else ""
        return (f"no exploration: {why}",) if why else ()

    def _competed(self, action: Action) -> bool:
        """Whether an action was in the contest, whatever kept it out in the end."""
        contests = self.decision.contests
        here = (c.actions for c in contests if c.placement == self.sight.placement)
        return any(action.index in actions for actions in here)

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
        if not told and self._ended_early():
            text = "chance tried offering nothing instead (exploration)"
            told.append(_of_the_engine(Stage.ARBITRATION, effects.NOTHING, text))
        if not told and factors.priority > self._last_shown():
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

    def _ended_early(self) -> bool:
        """Whether fewer were shown than competed and had a slot, as happens where nothing was drawn."""
        contest = next(c for c in self.decision.contests if c.placement == self.sight.placement)
        measured = {one.action for one in self.book.measured.values()}
        if measured.isdisjoint(contest.actions.tolist()):
            return False
        placed = next(p for p in self.decision.placements if p.placement == self.sight.placement)
        shown = 0 if placed.fallback else len(placed.offers)
        return shown < min(self.book.placements[placed.placement].slots, len(contest.actions))

    def _last_shown(self) -> float:
        """The least priority that won here by itself; infinite if none is known to have.

        What is shown in a bundle may owe that to the priority of another, and a mandatory action has
        not won.
        """
        if any(self.sight.placement in bundle.placements for bundle in self.book.bundles):
            return math.inf
        placed = next(p for p in self.decision.placements if p.placement == self.sight.placement)
        led = {a.action_id for a in self.book.actions if a.action_class is ActionClass.MANDATORY}
        won = (offer.priority for offer in placed.offers if offer.action_id not in led)
        return math.inf if placed.fallback else min(won, default=math.inf)


def _in_order(told: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple(sorted(told, key=lambda reason: reason.stage))


def _of_the_engine(stage: Stage, code: str, detail: str, *, unknown: bool = False) -> Reason:
    return Reason(stage, code, unknown, detail, "", {})
