"""Truths as expressions over columns of tables: what `&& || !` make of conditions of one attribute each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from engine.rulebook.cel.cells import decided_by, literals, of_truth
from engine.rulebook.cel.generator import Variable, flat
from engine.rulebook.cel.kleene import Form
from engine.rulebook.cel.tree import BOOL, Call, Node

MOST_LEAVES: Final = 12
"""Columns in one expression: it nests as deep."""

MOST_LITERALS: Final = 4
"""Literals of one column: each makes rows of its table."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A truth that one attribute decides."""

    attribute: str
    node: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """`&&` or `||` of several truths, `!` of one."""

    function: str
    operands: "tuple[Plan, ...]"


Plan: TypeAlias = Leaf | Logic

Forms: TypeAlias = dict[Form, str]
"""Where one truth is found, by form: a local, or an element of one."""


def plan_of(node: Node, variables: Mapping[str, Variable]) -> Plan | None:
    """How a truth is made of such as one attribute decides; None if it is not, or of too many."""
    made = _plan(node, variables)
    return made if made is not None and _leaves(made) <= MOST_LEAVES else None


def _plan(node: Node, variables: Mapping[str, Variable]) -> Plan | None:
    name = decided_by(node, variables)
    if name is not None:
        return _leaf(name, node)
    match node:
        case Call(function="_&&_" | "_||_" as function):
            operands = _together(node, function, variables)
        case Call(function="!_" as function):
            operands = list(node.arguments)
        case _:
            return None
    planned = [_operand(operand, variables) for operand in operands]
    made = tuple(plan for plan in planned if plan is not None)
    return Logic(function, made) if len(made) == len(planned) else None


def _operand(node: Node, variables: Mapping[str, Variable]) -> Plan | None:
    name = of_truth(node, variables)
    return _plan(node, variables) if name is None else _leaf(name, node)


def _leaf(name: str, node: Node) -> Leaf | None:
    """None for a truth with so many literals that a table of it would be large."""
    return Leaf(name, node) if sum(1 for _ in literals(node)) <= MOST_LITERALS else None


def _together(node: Call, function: str, variables: Mapping[str, Variable]) -> list[Node]:
    """The operands of a run of `&&` or of `||`, those of one attribute put together."""
    alone: list[Node] = []
    by_name: dict[str, list[Node]] = {}
    for operand in flat(node, function):
        name = of_truth(operand, variables)
        (alone if name is None else by_name.setdefault(name, [])).append(operand)
    joined = [
        nodes[0] if len(nodes) == 1 else Call(BOOL, node.offset, function, tuple(nodes), False)
        for nodes in by_name.values()
    ]
    return [*joined, *alone]


def _leaves(plan: Plan) -> int:
    return 1 if isinstance(plan, Leaf) else sum(map(_leaves, plan.operands))


@dataclass(slots=True)
class Columns:
    """The columns that are needed, by the attribute and what they tell of; then where each is found."""

    by_attribute: dict[str, dict[Node, Forms]] = field(default_factory=dict)

    def need(self, plan: Plan) -> None:
        """Notes the columns that a truth is made of."""
        self._written(plan, Form.TRUTH)

    def truth(self, plan: Plan) -> str:
        """The expression for a truth, once it is known where its columns are found."""
        return self._written(plan, Form.TRUTH)

    @property
    def count(self) -> int:
        """How many columns are needed."""
        return sum(len(forms) for nodes in self.by_attribute.values() for forms in nodes.values())

    def _written(self, plan: Plan, form: Form) -> str:
        """The expression for a truth or its number."""
        if isinstance(plan, Leaf):
            forms = self.by_attribute.setdefault(plan.attribute, {}).setdefault(plan.node, {})
            return forms.setdefault(form, "")
        numbered = "" if form is Form.TRUTH else "_NUMBER"
        if plan.function == "!_":
            return f"OPPOSITE{numbered}[{self._written(plan.operands[0], Form.NUMBER)}]"
        word = "BOTH" if plan.function == "_&&_" else "EITHER"
        return self._joined(plan.operands, word, numbered)

    def _joined(self, operands: Sequence[Plan], word: str, numbered: str) -> str:
        """Each operand picks by what the operands after it come to."""
        first, *rest = operands
        if not rest:
            return self._written(first, Form.NUMBER)
        number = self._joined(rest, word, "_NUMBER")
        if isinstance(first, Leaf):
            return f"{self._written(first, Form[f'{word}{numbered}'])}[{number}]"
        return f"{word}{numbered}[{self._written(first, Form.NUMBER)}][{number}]"
