"""How candidates compete: the key arbitration of policies.yaml."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.rulebook.answer_limits import WrittenLimit, read_answer_limits
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Placement, Threshold, Untrained
from engine.rulebook.conditions import (
    WrittenCondition,
    WrittenNumber,
    expression,
    number_or_expression,
)
from engine.rulebook.doubts import remark_fraction
from engine.rulebook.fields import Fields
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.influencer import Influencer
from engine.rulebook.influencers import read_influencers
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, Node, described
from engine.rulebook.placements import channel_reader
from engine.rulebook.readers import allowing, list_of, number, one_of, text
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.stages import Stages
from engine.rulebook.target import Targets, read_target

FACTORS: Final = "PCVL"
POLICIES: Final = ("squarecb", "epsilon", "thompson", "greedy")
_OF_POLICY: Final = {
    "gamma": ("squarecb",),
    "epsilon": ("epsilon",),
    "growth": ("squarecb", "epsilon"),
}
"""The policies that look at a number of exploration."""

_GAMMA: Final = 50.0
"""What grows where `growth` is given alone."""

TIES: Final = ("value", "id")
_LEAST: Final = ("propensity", "priority")


@dataclass(frozen=True, slots=True)
class WrittenWeight:
    """A context weight: when, for which issue, group or action ("" = any), and how much percent.

    `place` is that of the percentage.
    """

    condition: WrittenCondition
    issue: str
    group: str
    action: str
    weight: WrittenNumber
    place: Place


@dataclass(frozen=True, slots=True)
class WrittenExploration:
    """How chance enters; `none_when` is compiled later."""

    policy: str = "squarecb"
    gamma: float | None = None
    growth: float = 0.0
    none_when: WrittenCondition | None = None
    epsilon: float = 0.1
    give_up_per_day: float | None = None
    untrained: Untrained | None = None


@dataclass(frozen=True, slots=True)
class WrittenArbitration:
    """The whole key, with the defaults of what is left out."""

    factors: frozenset[str] = frozenset(FACTORS)
    context_weights: tuple[WrittenWeight, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    exploration: WrittenExploration = WrittenExploration()
    ties: tuple[str, ...] = ("value", "id")
    influencers: tuple[Influencer, ...] = ()
    limits: tuple[WrittenLimit, ...] = ()

    @property
    def conditions(self) -> tuple[WrittenCondition, ...]:
        """Every condition of arbitration."""
        none_when = self.exploration.none_when
        weights = tuple(weight.condition for weight in self.context_weights)
        return (*weights, none_when) if none_when else weights


@dataclass(frozen=True, slots=True)
class Scope:
    """What the parts of arbitration may refer to."""

    attributes: Attributes
    hierarchy: Hierarchy
    placements: dict[str, Placement]
    actions: Names
    outcomes: Names
    stages: Stages

    @property
    def targets(self) -> Targets:
        """What a weight, threshold or influencer may concern."""
        return Targets(self.hierarchy, self.actions)


def read_arbitration(node: Node | None, scope: Scope, report: Report) -> WrittenArbitration:
    """The key arbitration."""
    if node is None:
        return WrittenArbitration()
    fields = Fields(node, report, "arbitration")
    used = fields.take("priority", factors, frozenset(FACTORS))
    arbitration = WrittenArbitration(
        factors=used,
        context_weights=tuple(
            weight
            for item in _items(fields.node("context_weights"), report)
            if (weight := _weight(item, scope, report))
        ),
        thresholds=tuple(_thresholds(_items(fields.node("thresholds"), report), scope, report)),
        exploration=_exploration(fields.node("exploration"), used, report),
        ties=_with_id(fields.take("ties", list_of(one_of("tie-breaker", TIES)), ("value", "id"))),
        influencers=read_influencers(
            fields.node("influencers"),
            scope.targets,
            scope.outcomes,
            channel_reader(scope.attributes, scope.placements),
            report,
        ),
        limits=read_answer_limits(fields.node("limits"), scope.targets, report),
    )
    fields.close()
    return arbitration


@allowing(type="string", pattern=r"^[PCVL](\s*\*\s*[PCVL])*\s*$")
def factors(node: Node) -> frozenset[str]:
    """The factors of a product like `P * C * V * L`; one left out counts as 1."""
    found = [factor.strip() for factor in text(node).split("*")]
    if all(factor in FACTORS and factor for factor in found) and len(set(found)) == len(found):
        return frozenset(found)
    raise Mistake(
        (
            node.place,
            f"expected a product of P, C, V and L like 'P * C * V * L', found {described(node)}",
        )
    )


def _with_id(ties: tuple[str, ...]) -> tuple[str, ...]:
    """The id comes last, so that no tie is left to the order of a file."""
    return ties if "id" in ties else (*ties, "id")


def _items(node: Node | None, report: Report) -> tuple[Node, ...]:
    if node is None or isinstance(node, ListNode):
        return node.items if node else ()
    report.error(node.place, f"expected a list, found {described(node)}")
    return ()


def _weight(node: Node, scope: Scope, report: Report) -> WrittenWeight | None:
    fields = Fields(node, report, "a context weight")
    condition = _when_or_stages(fields, scope)
    issue, group, action = read_target(fields, scope.targets)
    weight = fields.need("weight", number_or_expression(-100, 10_000), 0.0)
    fields.close()
    place = fields.place_of("weight")
    remark_fraction(weight, place, report)
    return WrittenWeight(condition, issue, group, action, weight, place) if condition else None


def _when_or_stages(fields: Fields, scope: Scope) -> WrittenCondition | None:
    """When a context weight counts: a condition, or the stages of the customer."""
    if "stages" not in fields:
        fields.require("when")
    elif "when" in fields:
        message = "'when' and 'stages': give one of them, or ask for the stage under 'when'"
        fields.report.error(fields.key_place("stages"), message)
    in_stage = scope.stages.filter(fields)
    when = _condition(fields, "when", "context_weights")
    if in_stage is None:
        return when
    return WrittenCondition("context_weights", "", "arbitration", "", in_stage.place, in_stage)


def _condition(fields: Fields, key: str, test: str) -> WrittenCondition | None:
    scalar = fields.take(key, expression, None)
    if scalar is None:
        return None
    return WrittenCondition(test, "", "arbitration", "", scalar.place, scalar)


def _thresholds(nodes: Iterable[Node], scope: Scope, report: Report) -> Iterator[Threshold]:
    """Each threshold; two may not ask the same of the same."""
    known: dict[tuple[str, ...], Place] = {}
    for node in nodes:
        fields = Fields(node, report, "a threshold")
        channel = fields.take("channel", channel_reader(scope.attributes, scope.placements), "")
        issue, group, action = read_target(fields, scope.targets)
        propensity = fields.take("propensity", number(0, 1), None)
        priority = fields.take("priority", number(0), None)
        if not any(key in fields or fields.lost(key) for key in _LEAST):
            message = "a threshold needs the key 'propensity', 'priority' or both"
            report.error(fields.place, message)
        fields.close()
        for key in (key for key in _LEAST if key in fields):
            first = known.setdefault((key, channel, issue, group, action), node.place)
            if first != node.place:
                message = f"line {first.line} has a threshold of {key} for the same already"
                report.error(fields.key_place(key), message)
        yield Threshold(channel, issue, group, action, propensity, priority)


def _exploration(node: Node | None, used: frozenset[str], report: Report) -> WrittenExploration:
    """How chance enters into priorities of these factors."""
    if node is None:
        return WrittenExploration()
    fields = Fields(node, report, "exploration")
    policy = fields.take("policy", one_of("exploration policy", POLICIES), "squarecb")
    if policy == "thompson" and "P" not in used:
        message = "policy 'thompson' doubts P, and the priority leaves P out"
        report.error(fields.place_of("policy"), message)
    for key, policies in _OF_POLICY.items():
        if key in fields and policy not in policies:
            message = f"'{key}' has no effect: the policy is '{policy}'"
            report.notice(f"exploration.{key}", fields.key_place(key), message)
    exploration = WrittenExploration(
        policy=policy,
        gamma=fields.take("gamma", number(0, 1e9), _GAMMA if "growth" in fields else None),
        growth=fields.take("growth", number(0, 10), 0.0),
        none_when=_condition(fields, "none_when", "none_when"),
        epsilon=fields.take("epsilon", number(0, 1), 0.1),
        give_up_per_day=fields.take("give_up_per_day", number(0), None),
        untrained=_untrained(fields.node("untrained"), report),
    )
    fields.close()
    return exploration


def _untrained(node: Node | None, report: Report) -> Untrained | None:
    if node is None:
        return None
    fields = Fields(node, report, "untrained")
    untrained = Untrained(
        reach=fields.take("reach", number(0, 1), 0.02),
        positives=fields.take("positives", number(1, 1e9), 200.0),
    )
    fields.close()
    return untrained
