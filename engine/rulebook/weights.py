"""Context weights checked together: those that can apply at once must not turn a priority negative."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from engine.rulebook.book import Action, ContextWeight
from engine.rulebook.cel import Expression
from engine.rulebook.cel.tree import Call, Constant, ListOf, Node, dotted
from engine.rulebook.report import Place, Report

Wanted: TypeAlias = Mapping[str, frozenset[object]]
"""The values a condition wants of attributes: with any other it is not true."""


class Weighed(NamedTuple):
    """A context weight, its condition, and where the weight stands."""

    weight: ContextWeight
    condition: Expression
    place: Place


def check_weights(weighed: Sequence[Weighed], actions: Iterable[Action], report: Report) -> None:
    """Reports each weight with which the negative ones of an action can add up to below -100 %.

    Only weights that are written as constants count. Two that want different values of the same
    attribute (`request.reason == "bill"`, `… == "move"`) never count together.
    """
    lowering = [one for one in weighed if (one.weight.weight.constant or 0.0) < 0]
    of_action: dict[int, list[Weighed]] = defaultdict(list)
    for one in lowering:
        for index in one.weight.actions:
            of_action[index].append(one)
    told: set[Place] = set()
    for action in actions:
        own = of_action.get(action.index, [])
        for count in range(2, len(own) + 1):
            total = lowest(own[:count])
            place = own[count - 1].place
            if total < -100 and place not in told:
                told.add(place)
                report.error(
                    place,
                    f"the context weights that can apply to {action.action_id} at once add up to "
                    f"{total:g} %: less than -100 % would turn the priority negative",
                )
            if total < -100:
                break


def lowest(weighed: Iterable[Weighed]) -> float:
    """The lowest sum, in percent, of weights that can apply at once.

    Exact where every condition is about one attribute's values at most; lower than what can really
    happen where it takes several attributes to see that two conditions exclude each other.
    """
    always = 0.0
    by_value: dict[str, dict[object, float]] = defaultdict(lambda: defaultdict(float))
    for one in weighed:
        percent = one.weight.weight.constant or 0.0
        wanted = wanted_by(one.condition.tree)
        if not wanted:
            always += percent
            continue
        name = min(wanted)
        for value in wanted[name]:
            by_value[name][value] += percent
    return always + sum(min(sums.values()) for sums in by_value.values())


def wanted_by(tree: Node) -> Wanted:
    """The values that a condition's parts joined by `&&` want, where they are written out."""
    match tree:
        case Call(function="_&&_", arguments=(left, right)):
            one, other = wanted_by(left), wanted_by(right)
            return {
                name: one[name] & other[name] if name in one and name in other else wanted[name]
                for wanted in (one, other)
                for name in wanted
            }
        case Call(function="_==_", arguments=(left, right)):
            for subject, literal in ((left, right), (right, left)):
                if dotted(subject) and isinstance(literal, Constant):
                    return {dotted(subject): frozenset({literal.value})}
        case Call(function="@in", arguments=(subject, ListOf(elements=elements))):
            literals = [e.value for e in elements if isinstance(e, Constant)]
            if dotted(subject) and len(literals) == len(elements) > 0:
                return {dotted(subject): frozenset(literals)}
        case Call(function="!_", arguments=(subject,)) if dotted(subject):
            return {dotted(subject): frozenset({False})}
        case _ if dotted(tree):
            return {dotted(tree): frozenset({True})}
    return {}
