"""Journey stages: `stages: [active, at_risk]` stands for a condition on the attribute that holds a customer's stage."""

import json
from dataclasses import dataclass, field
from typing import Final

from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Kind
from engine.rulebook.fields import Fields
from engine.rulebook.names import Names
from engine.rulebook.nodes import Implied, ListNode, Node, Scalar, described
from engine.rulebook.readers import Reader, allowed, allowing, list_of, reference
from engine.rulebook.report import Mistake

USUAL: Final = "customer.stage"
"""The attribute that holds the stage unless policies.yaml names another one under `stages`."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages a customer goes through: the declared values of one attribute.

    `problem` says why there are none; it is empty if there are.
    """

    attribute: str = USUAL
    names: Names = field(default_factory=lambda: Names("stage", complete=False))
    problem: str = ""

    def filter(self, fields: Fields) -> Scalar | None:
        """The condition that the key `stages` stands for, at its place; None if it is absent or wrong."""
        found = fields.take("stages", self._reader(), ())
        node = fields.node("stages")
        first = node.items[0] if isinstance(node, ListNode) and node.items else None
        if not found or not isinstance(first, Scalar):
            return None
        written = f"{self.attribute} in {json.dumps(list(found))}"
        if len(found) == 1:
            written = f"{self.attribute} == {json.dumps(found[0])}"
        return Implied(first.source, first.start, first.end, "", written, written)

    def _reader(self) -> Reader[tuple[str, ...]]:
        names = list_of(reference(self.names), least=1)

        @allowing(type="array", items={"names": self.names.kind}, minItems=1)
        def read(node: Node) -> tuple[str, ...]:
            if self.problem:
                raise Mistake((node.place, self.problem))
            return names(node)

        return read


def read_stages(policies: Fields, attributes: Attributes) -> Stages:
    """The key stages of policies.yaml: the name of the attribute that holds a customer's stage."""
    known = attributes.names
    name = policies.take("stages", _holder(known), USUAL)
    attribute = attributes.named(name)
    if attribute is None:
        doubtful = name in attributes.doubtful or known.problem(name) is None
        problem = "" if doubtful else f"{known.problem(name)} Its values are the stages."
        return Stages(name, Names("stage", complete=False), problem)
    if attribute.type.kind is not Kind.STRING or not attribute.values:
        problem = f"the stages are the values of {name}: declare it as a string with 'values'"
        if "stages" in policies:
            policies.report.error(policies.place_of("stages"), problem)
        return Stages(name, Names("stage", complete=False), problem)
    return Stages(name, Names.of("stage", attribute.values))


def _holder(known: Names) -> Reader[str]:
    """The attribute that holds the stage."""
    referred = reference(known)

    @allowing(**allowed(referred))
    def read(node: Node) -> str:
        if isinstance(node, Scalar):
            return referred(node)
        said = f"expected the attribute whose values are the stages, like {USUAL}"
        raise Mistake((node.place, f"{said}, found {described(node)}"))

    return read
