"""What is known of the declared attributes while the rest of a book is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from engine.model import Value
from engine.rulebook.attribute_types import value_of
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.names import Names, did_you_mean, listed
from engine.rulebook.nodes import ListNode, Node, Scalar, shortened
from engine.rulebook.report import Mistake, Place

FILLED_BY_ENGINE: Final = {
    "request.channel": Type(Kind.STRING),
    "request.placement": Type(Kind.STRING),
    "now": Type(Kind.TIMESTAMP),
}
"""What nobody sets: the engine fills these where a book declares them."""


@dataclass(frozen=True)
class Attributes:
    """The declared attributes in the order of the file.

    `doubtful` names those whose type is not plain: what is said of them cannot be checked. `lost`
    are words of lines that could not be read, `complete` is False if there is nothing else.
    """

    declared: tuple[Attribute, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    complete: bool = False

    @cached_property
    def index(self) -> dict[str, int]:
        """The place of each attribute among the values a rule sees."""
        return {attribute.name: attribute.index for attribute in self.declared}

    @cached_property
    def names(self) -> Names:
        """What may be referred to."""
        return Names.of("attribute", self.places, complete=self.complete, lost=self.lost)

    @cached_property
    def protected(self) -> frozenset[str]:
        """The names of those that nothing may be decided by."""
        return frozenset(one.name for one in self.declared if one.protected)

    def among(self, name: str, values: Names) -> "Attributes":
        """The same, but one of them, which has no values of its own, is among these."""
        attribute = self.named(name)
        if attribute is None or attribute.values or not values.complete or values.lost:
            return self
        declared = list(self.declared)
        declared[attribute.index] = replace(attribute, values=tuple(sorted(values.known)))
        return replace(self, declared=tuple(declared))

    def named(self, name: str) -> Attribute | None:
        """The declaration of a name; None if there is none or it is in doubt."""
        if name not in self.places or name in self.doubtful:
            return None
        return self.declared[self.index[name]]


def written_value(node: Node, attribute: Attribute) -> Value:
    """A value somebody wrote for an attribute: of its type, among its values, in its range.

    Raises:
        Mistake: at the first thing that is not so.
    """
    if isinstance(node, Scalar) and node.value is None and not node.style and attribute.nullable:
        return None
    value = value_of(node, attribute.type)
    strings = node.items if isinstance(node, ListNode) else (node,)
    for item in strings if attribute.values else ():
        if isinstance(item, Scalar) and item.text not in attribute.values:
            raise Mistake((item.place, value_problem(item.text, attribute)))
    span = attribute.range
    if span and isinstance(value, int | float) and not span[0] <= value <= span[1]:
        bounds = f"{span[0]:g} to {span[1]:g}"
        raise Mistake((node.place, f"{value} is not in the range of {attribute.name} ({bounds})"))
    return value


def protected_problem(attribute: Attribute) -> str:
    """What to say where an attribute is used that nothing may be decided by."""
    return (
        f"'{attribute.name}' is {attribute.sensitivity} (attributes.yaml): no condition, number, text "
        "or model may use it"
    )


def value_problem(found: str, attribute: Attribute) -> str:
    """What to say of a text that is not among an attribute's declared values."""
    return (
        f"'{shortened(found)}' is not a value of {attribute.name}{listed(attribute.values)}."
        f"{did_you_mean(found, attribute.values)}"
    )
