"""From what is written to the rule book that decides: inheritance, indexes, compiled functions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from engine.model import ActionId, PlacementId, Stage, TreatmentId
from engine.rulebook.actions import WrittenAction, WrittenTreatment
from engine.rulebook.answer_limits import answer_limits
from engine.rulebook.arbitration import WrittenArbitration, WrittenWeight
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import (
    Action,
    Arbitration,
    ContextWeight,
    Exploration,
    Measured,
    Override,
    RuleBook,
    Treatment,
    compiled,
)
from engine.rulebook.bundle import Bundle
from engine.rulebook.bundles import Shelf, bundles_of
from engine.rulebook.cap import Cap
from engine.rulebook.capping import Capping
from engine.rulebook.cel import generate
from engine.rulebook.conditions import WrittenCondition
from engine.rulebook.expressions import Expressions
from engine.rulebook.measured import measured_actions, remark_thresholds
from engine.rulebook.model_spec import Models
from engine.rulebook.models import models_of
from engine.rulebook.policies import Policies, channels_of
from engine.rulebook.rendering import Hole, fitting, rendering
from engine.rulebook.report import Report
from engine.rulebook.selection import select_source
from engine.rulebook.stop import Stop
from engine.rulebook.trial import Arm, Trials
from engine.rulebook.trials import trials_of
from engine.rulebook.triggers import Triggered, triggers_of
from engine.rulebook.weights import Weighed, check_weights

_LEVELS: Final = ("all_actions", "issue", "group", "action", "treatment", "arbitration")


@dataclass(frozen=True, slots=True)
class Written:
    """Everything that was read, before it is put together."""

    version: str
    attributes: Attributes
    policies: Policies
    actions: tuple[WrittenAction, ...]
    overrides: Mapping[str, tuple[Override, ...]]
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """The parts of a book that refer to each other, in their final order."""

    expressions: Expressions
    actions: tuple[Action, ...]
    treatments: tuple[Treatment, ...]
    arbitration: Arbitration
    bundles: tuple[Bundle, ...] = ()
    caps: tuple[Cap, ...] = ()
    trials: Trials = field(default_factory=Trials)
    models: Models = field(default_factory=Models)
    measured: Mapping[ActionId, Measured] = field(default_factory=dict)
    triggered: Triggered = field(default_factory=Triggered)


def reason_codes(
    written: Written, draft: Draft, doubtful: frozenset[str]
) -> dict[str, frozenset[str]]:
    """For each action of which all is known, the reason codes of what can keep it out.

    Of `doubtful` actions there may be another of the same name.
    """
    limits = frozenset(f"limit.{limit.name}" for limit in written.policies.arbitration.limits)
    limits |= {arm.code for arm in Arm}
    return {
        action.action_id: limits.union(
            (f"bundle.{b.name}" for b in written.policies.bundles if action.action_id in b.actions),
            (f"contact_policy.{name}" for name in action.contact_policies),
            (
                f"{condition.test}.{condition.name}" if condition.name else condition.test
                for condition in _all_conditions(action, written.policies)
            ),
            (
                code
                for cap in draft.caps
                if not cap.treatments.isdisjoint(drafted.treatments)
                for code in (cap.code, f"{cap.code}.bid_price")
            ),
            (
                holdout.code
                for holdout in draft.trials.holdouts
                if not holdout.treatments.isdisjoint(drafted.treatments)
            ),
        )
        for action, drafted in zip(written.actions, draft.actions, strict=True)
        if action.complete and action.action_id not in doubtful
    }


def _all_conditions(action: WrittenAction, policies: Policies) -> Iterator[WrittenCondition]:
    yield from _inherited(action, policies)
    yield from action.conditions
    for treatment in action.treatments:
        yield from treatment.conditions


def _inherited(action: WrittenAction, policies: Policies) -> Iterator[WrittenCondition]:
    """What an action must meet by its place in the hierarchy and its purpose, without its opt-outs."""
    above = (c for level in policies.hierarchy.above(action.group) for c in level.conditions)
    for condition in (*above, *policies.consents.of(action.purpose)):
        if condition.name not in action.opt_out:
            yield condition


def draft(written: Written, report: Report) -> Draft:
    """Compiles every expression and resolves every reference; reports the mistakes it meets."""
    placements = written.policies.placement_names
    known = written.attributes.among("request.placement", placements)
    expressions = Expressions(known, report)
    indexes = {
        condition: index
        for condition in (
            *written.policies.hierarchy.conditions,
            *written.policies.consents.conditions,
        )
        if (index := expressions.condition(condition)) is not None
    }
    assembled = _Actions(
        written.policies, written.overrides, written.stops, expressions, indexes, [], []
    )
    for action in written.actions:
        assembled.add(action)
    actions = tuple(assembled.actions)
    arbitration = _arbitration(
        written.policies.arbitration, actions, written.policies.timezone, expressions, report
    )
    triggered = triggers_of(written.policies.triggers, expressions)
    treatments, policies = tuple(assembled.treatments), written.policies
    shelf = Shelf(actions, treatments, policies.placements)
    bundles = tuple(bundles_of(policies.bundles, shelf, report))
    capping = Capping(shelf, policies.timezone, policies.contact.outbound, expressions, report)
    own = [action.caps for action in written.actions if action.caps and action.action_id]
    caps = capping.caps([*policies.caps, *own])
    trials = trials_of(policies.holdouts, policies.experiments, actions, policies.timezone, report)
    models = models_of(policies.models, actions, policies.hierarchy, report)
    measures = {action.action_id: action.measured for action in written.actions if action.measured}
    measured = measured_actions(
        measures,
        actions,
        trials,
        report,
        complete=policies.trial_names.complete,
    )
    remark_thresholds(measured, measures, actions, arbitration.thresholds, report)
    return Draft(
        expressions,
        actions,
        treatments,
        arbitration,
        bundles,
        caps,
        trials,
        models,
        measured,
        triggered,
    )


@dataclass(frozen=True, slots=True)
class _Actions:
    """Actions and treatments as they take their places; `indexes` are the inherited conditions."""

    policies: Policies
    overrides: Mapping[str, tuple[Override, ...]]
    stops: tuple[Stop, ...]
    expressions: Expressions
    indexes: Mapping[WrittenCondition, int]
    actions: list[Action]
    treatments: list[Treatment]

    def add(self, written: WrittenAction) -> None:
        hierarchy = self.policies.hierarchy
        index = len(self.actions)
        inherited = [
            self.indexes[condition]
            for condition in _inherited(written, self.policies)
            if condition in self.indexes
        ]
        own = self._compiled(written.conditions)
        percent = hierarchy.percent(written.group) + written.lever
        first = len(self.treatments)
        for treatment in written.treatments:
            self.treatments.append(self._treatment(treatment, written, index))
        self.actions.append(
            Action(
                index=index,
                action_id=ActionId(written.action_id),
                title=written.title,
                issue=hierarchy.issue_of(written.group),
                group=written.group,
                action_class=written.action_class,
                valid=written.valid,
                conditions=tuple(sorted((*inherited, *own), key=self._funnel_order)),
                opt_out=written.opt_out,
                contact_policies=written.contact_policies,
                value=self.expressions.number(written.value),
                lever=1 + percent / 100,
                attributes=written.attributes,
                treatments=tuple(range(first, len(self.treatments))),
                file=written.place.file,
                line=written.place.line,
                column=written.place.column,
                valid_place=str(written.valid_place or ""),
                overrides=self.overrides.get(written.action_id, ()),
            )
        )

    def _funnel_order(self, index: int) -> tuple[Stage, int, int]:
        condition = self.expressions.conditions[index]
        return condition.stage, _LEVELS.index(condition.level), index

    def _compiled(self, conditions: Sequence[WrittenCondition]) -> list[int]:
        found = (self.expressions.condition(condition) for condition in conditions)
        return [index for index in found if index is not None]

    def _treatment(
        self, written: WrittenTreatment, of_action: WrittenAction, action: int
    ) -> Treatment:
        holes: dict[int, str] = {}
        for part in (part for parts in written.texts.values() for part in parts):
            if isinstance(part, Hole):
                holes.setdefault(part.index, part.place)
        placement = self.policies.placements.get(written.placement)
        limits = placement.texts if placement else {}
        return Treatment(
            index=len(self.treatments),
            treatment_id=TreatmentId(written.treatment_id),
            action=action,
            placement=PlacementId(written.placement),
            conditions=tuple(self._compiled(written.conditions)),
            texts=written.sources,
            needs=tuple(sorted(holes)),
            need_places=tuple(holes[index] for index in sorted(holes)),
            render=rendering(written.texts),
            fits=fitting(written.texts, limits, written.places) if holes else None,
            stops=self._stops(written, of_action, placement.channel if placement else ""),
        )

    def _stops(
        self, treatment: WrittenTreatment, action: WrittenAction, channel: str
    ) -> tuple[int, ...]:
        """The stops that concern a treatment."""
        names = {
            "action": action.action_id,
            "treatment": treatment.treatment_id,
            "placement": treatment.placement,
            "group": action.group,
            "issue": self.policies.hierarchy.issue_of(action.group),
            "channel": channel,
        }
        return tuple(i for i, stop in enumerate(self.stops) if names[stop.kind] == stop.name)


def _arbitration(
    written: WrittenArbitration,
    actions: tuple[Action, ...],
    timezone: str,
    expressions: Expressions,
    report: Report,
) -> Arbitration:
    found = ((w.place, _weight(w, actions, expressions)) for w in written.context_weights)
    weighed = [
        Weighed(weight, expressions.condition_sources[weight.condition], place)
        for place, weight in found
        if weight
    ]
    check_weights(weighed, actions, report)
    none_when = written.exploration.none_when
    return Arbitration(
        factors=written.factors,
        context_weights=tuple(one.weight for one in weighed),
        thresholds=written.thresholds,
        exploration=Exploration(
            policy=written.exploration.policy,
            gamma=written.exploration.gamma,
            growth=written.exploration.growth,
            none_when=expressions.condition(none_when) if none_when else None,
            epsilon=written.exploration.epsilon,
            give_up_per_day=written.exploration.give_up_per_day,
            timezone=timezone,
            untrained=written.exploration.untrained,
        ),
        ties=written.ties,
        influencers=written.influencers,
        limits=tuple(answer_limits(written.limits, actions, report)),
    )


def _weight(
    written: WrittenWeight, actions: tuple[Action, ...], expressions: Expressions
) -> ContextWeight | None:
    condition = expressions.condition(written.condition)
    weight = expressions.number(written.weight)
    if condition is None:
        return None
    concerned = tuple(
        action.index
        for action in actions
        if written.issue in {"", action.issue}
        and written.group in {"", action.group}
        and written.action in {"", action.action_id}
    )
    return ContextWeight(condition, concerned, weight)


def assemble(written: Written, draft: Draft, report: Report) -> RuleBook:
    """The finished book; to be called only if nothing is wrong."""
    policies, expressions = written.policies, draft.expressions
    shown: dict[str, list[int]] = defaultdict(list)
    for treatment in draft.treatments:
        shown[treatment.placement].append(treatment.index)
    placements = {
        PlacementId(name): replace(
            placement,
            treatments=tuple(shown[name]),
        )
        for name, placement in policies.placements.items()
    }
    source = generate(
        expressions.condition_sources, expressions.number_sources, draft.triggered.conditions
    ) + select_source(placements.values(), draft.actions, draft.treatments, written.stops)
    functions = compiled(source, tuple(placements), draft.treatments)
    return RuleBook(
        version=written.version,
        attributes=written.attributes.declared,
        index=written.attributes.index,
        conditions=tuple(expressions.conditions),
        actions=draft.actions,
        treatments=draft.treatments,
        placements=placements,
        channels=channels_of(written.attributes, policies.placements),
        issues=tuple(policies.hierarchy.issues),
        groups={name: level.issue for name, level in policies.hierarchy.groups.items()},
        arbitration=draft.arbitration,
        outcomes={name: reward.worth for name, reward in policies.outcomes.items()},
        model=policies.models.default,
        notices=report.diagnostics(),
        source=source,
        conditions_of=functions.conditions_of,
        select_for=functions.select_for,
        numbers_of=functions.numbers_of,
        caps=draft.caps,
        reads_placement="request.placement" in expressions.reads,
        stops=written.stops,
        contact=policies.contact,
        bundles=draft.bundles,
        trials=draft.trials,
        models=draft.models,
        windows={
            name: reward.window for name, reward in policies.outcomes.items() if reward.window
        },
        measured=draft.measured,
        triggers=draft.triggered.triggers,
        triggers_of=functions.triggers_of,
    )
