"""Conditions and numbers as they are written, before their expressions are compiled."""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from engine.model import Stage
from engine.rulebook.fields import Fields, named
from engine.rulebook.nodes import MapNode, Node, Scalar, described
from engine.rulebook.readers import SCALAR, Reader, allowed, allowing, amount_meant, number
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.stages import Stages

STAGES: Final = {
    "when": Stage.AVAILABILITY,
    "eligible_when": Stage.ELIGIBILITY,
    "applicable_when": Stage.APPLICABILITY,
    "suitable_when": Stage.SUITABILITY,
    "consent": Stage.CONSENT_AND_CONTACT,
}
"""The stage of a condition by the key it stands under, unless it asks for consent. A treatment's
`when` decides whether the treatment is available, with the reason code `when`."""

POLICY_TESTS: Final = ("eligible_when", "applicable_when", "suitable_when")

_IN_STAGE: Final = "applicable_when"
"""The test that the key `stages` is part of."""


@dataclass(frozen=True, slots=True, eq=False)
class WrittenCondition:
    """A condition and where it applies; `place` is its name's, `scalar` its CEL text."""

    test: str
    name: str
    level: str
    owner: str
    place: Place
    scalar: Scalar


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A CEL expression for a number, which must be from `least` to `most` if it is always the same."""

    scalar: Scalar
    least: float
    most: float


WrittenNumber: TypeAlias = float | Formula
"""A number, or the expression for it."""


@allowing(type=SCALAR)
def expression(node: Node) -> Scalar:
    """A CEL expression: any single value, taken as it is written."""
    if isinstance(node, Scalar) and node.text.strip():
        return node
    found = "nothing" if isinstance(node, Scalar) else described(node)
    raise Mistake((node.place, f"expected a condition, found {found}"))


def number_or_expression(least: float, most: float = float("inf")) -> Reader[WrittenNumber]:
    """A number in its range, or a text to be compiled as CEL."""
    constant = number(least, most)

    def read(node: Node) -> WrittenNumber:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.text.strip():
            if hint := amount_meant(node.text, most):
                raise Mistake((node.place, f"expected a number, found {described(node)}{hint}"))
            return Formula(node, least, most)
        return constant(node)

    return allowing(anyOf=(allowed(constant), {"type": "string"}))(read)


_OF_STAGES: Final = {
    "all_actions": "all_stages",
    "issue": "issue_stages",
    "group": "group_stages",
    "action": "stages",
}
"""The name of the condition that the key `stages` stands for, by level."""


class PolicyTests(NamedTuple):
    """The conditions of one level; `complete` is False if some may be lost by a mistake."""

    conditions: tuple[WrittenCondition, ...]
    complete: bool


def policy_tests(fields: Fields, level: str, owner: str, stages: Stages) -> PolicyTests:
    """The conditions of one level of the hierarchy: under the three policy tests, and by `stages`."""
    before = fields.report.errors
    conditions = tuple(
        condition
        for test in POLICY_TESTS
        for condition in named_conditions(fields.node(test), fields.report, test, level, owner)
    )
    in_stage = stages.filter(fields)
    if in_stage is not None:
        name = _OF_STAGES[level]
        for taken in conditions:
            if (taken.test, taken.name) == (_IN_STAGE, name):
                message = f"'{name}' is the name of what 'stages' asks for: name this one otherwise"
                fields.report.error(taken.place, message)
        asked = WrittenCondition(
            _IN_STAGE, name, level, owner, fields.key_place("stages"), in_stage
        )
        conditions = (asked, *conditions)
    lost = fields.report.errors > before or any(
        _is_damaged(fields.node(test)) if test in fields else fields.lost(test)
        for test in (*POLICY_TESTS, "stages")
    )
    return PolicyTests(conditions, not lost)


def _is_damaged(node: Node | None) -> bool:
    return isinstance(node, MapNode) and bool(node.emptied)


def named_conditions(
    node: Node | None, report: Report, test: str, level: str, owner: str
) -> list[WrittenCondition]:
    """The conditions of a mapping from name to expression."""
    if isinstance(node, Scalar) and node.text.strip():
        report.error(node.place, f"give the condition a name: {test}: {{name: expression}}")
        return []
    conditions = []
    for name, key, value in named(node, report, "conditions"):
        try:
            scalar = expression(value)
        except Mistake as mistake:
            report.mistake(mistake)
        else:
            conditions.append(WrittenCondition(test, name, level, owner, key.place, scalar))
    return conditions


def treatment_conditions(
    node: Node | None, report: Report, owner: str
) -> tuple[WrittenCondition, ...]:
    """A treatment's `when`: one expression without a name, or several by name."""
    if isinstance(node, MapNode):
        return tuple(named_conditions(node, report, "when", "treatment", owner))
    if node is None:
        return ()
    try:
        scalar = expression(node)
    except Mistake as mistake:
        report.mistake(mistake)
        return ()
    return (WrittenCondition("when", "", "treatment", owner, scalar.place, scalar),)
