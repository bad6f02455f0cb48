"""How candidates compete: the key arbitration of policies.yaml."""

from dataclasses import dataclass
from typing import Final

from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Placement
from engine.rulebook.conditions import (
    WrittenCondition,
    WrittenNumber,
    expression,
    number_or_expression,
)
from engine.rulebook.fields import Fields
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, Node, described
from engine.rulebook.placements import channel_reader
from engine.rulebook.readers import allowing, list_of, number, one_of, reference, text
from engine.rulebook.report import Mistake, Place, Report

FACTORS: Final = "PCVL"
POLICIES: Final = ("squarecb", "greedy", "thompson")
TIES: Final = ("value", "id")


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
class WrittenThreshold:
    """A least propensity, and where it applies ("" = anywhere)."""

    channel: str
    issue: str
    group: str
    action: str
    propensity: float


@dataclass(frozen=True, slots=True)
class WrittenExploration:
    """How chance enters; `none_when` is compiled later."""

    policy: str = "squarecb"
    gamma: float = 50.0
    growth: float = 0.0
    none_when: WrittenCondition | None = None


@dataclass(frozen=True, slots=True)
class WrittenArbitration:
    """The whole key, with the defaults of what is left out."""

    factors: frozenset[str] = frozenset(FACTORS)
    context_weights: tuple[WrittenWeight, ...] = ()
    thresholds: tuple[WrittenThreshold, ...] = ()
    exploration: WrittenExploration = WrittenExploration()
    ties: tuple[str, ...] = ("value", "id")

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


def read_arbitration(node: Node | None, scope: Scope, report: Report) -> WrittenArbitration:
    """The key arbitration."""
    if node is None:
        return WrittenArbitration()
    fields = Fields(node, report, "arbitration")
    arbitration = WrittenArbitration(
        factors=fields.take("priority", factors, frozenset(FACTORS)),
        context_weights=tuple(
            weight
            for item in _items(fields.node("context_weights"), report)
            if (weight := _weight(item, scope, report))
        ),
        thresholds=tuple(
            _threshold(item, scope, report) for item in _items(fields.node("thresholds"), report)
        ),
        exploration=_exploration(fields.node("exploration"), report),
        ties=_with_id(fields.take("ties", list_of(one_of("tie-breaker", TIES)), ("value", "id"))),
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
    fields.require("when")
    condition = _condition(fields, "when", "context_weights")
    issue, group, action = _target(fields, scope)
    weight = fields.need("weight", number_or_expression(-100, 10_000), 0.0)
    fields.close()
    place = fields.place_of("weight")
    return WrittenWeight(condition, issue, group, action, weight, place) if condition else None


def _condition(fields: Fields, key: str, test: str) -> WrittenCondition | None:
    scalar = fields.take(key, expression, None)
    if scalar is None:
        return None
    return WrittenCondition(test, "", "arbitration", "", scalar.place, scalar)


def _target(fields: Fields, scope: Scope) -> tuple[str, str, str]:
    """The issue, group and action something applies to: one of them, or none for all."""
    names = (scope.hierarchy.issue_names, scope.hierarchy.group_names, scope.actions)
    issue, group, action = (fields.take(n.kind, reference(n), "") for n in names)
    given = [n.kind for n in names if n.kind in fields]
    if len(given) > 1:
        fields.report.error(
            fields.key_place(given[1]), f"'{given[0]}' and '{given[1]}': name only one of them"
        )
    return issue, group, action


def _threshold(node: Node, scope: Scope, report: Report) -> WrittenThreshold:
    fields = Fields(node, report, "a threshold")
    channel = fields.take("channel", channel_reader(scope.attributes, scope.placements), "")
    issue, group, action = _target(fields, scope)
    propensity = fields.need("propensity", number(0, 1), 0.0)
    fields.close()
    return WrittenThreshold(channel, issue, group, action, propensity)


def _exploration(node: Node | None, report: Report) -> WrittenExploration:
    if node is None:
        return WrittenExploration()
    fields = Fields(node, report, "exploration")
    policy = fields.take("policy", one_of("exploration policy", POLICIES), "squarecb")
    if policy == "thompson":
        report.notice(
            "thompson",
            fields.place_of("policy"),
            "not enforced yet: exploration policy 'thompson'; 'squarecb' explores instead",
        )
    exploration = WrittenExploration(
        policy="squarecb" if policy == "thompson" else policy,
        gamma=fields.take("gamma", number(0, 1e9), 50.0),
        growth=fields.take("growth", number(0, 10), 0.0),
        none_when=_condition(fields, "none_when", "none_when"),
    )
    fields.close()
    return exploration
