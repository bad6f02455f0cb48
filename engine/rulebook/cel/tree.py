"""The rule language's checked syntax tree: every node knows its type and its place in the text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class CelType:
    """A CEL type: a name, and the types it is made of for lists, maps and `type`.

    Names: `bool int uint double string bytes null timestamp duration list map type dyn`, `wrapper`
    (a nullable scalar, with the scalar as parameter), or the name of anything else.

    >>> str(CelType("map", (CelType("string"), CelType("wrapper", (CelType("int"),)))))
    'map(string, int or null)'
    """

    name: str
    parameters: tuple["CelType", ...] = ()

    def __str__(self) -> str:
        if self.name == "wrapper":
            return f"{self.parameters[0]} or null"
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(map(str, self.parameters))})"


DYN = CelType("dyn")
BOOL = CelType("bool")
INT = CelType("int")
UINT = CelType("uint")
DOUBLE = CelType("double")
STRING = CelType("string")
BYTES = CelType("bytes")
NULL = CelType("null")
TIMESTAMP = CelType("timestamp")
DURATION = CelType("duration")


Literal: TypeAlias = bool | int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal. `type` tells int from uint; the value None is null."""

    type: CelType
    offset: int = field(compare=False)
    value: Literal


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or (with a `type` of type) the name of a type. Dotted if it is qualified."""

    type: CelType
    offset: int = field(compare=False)
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or with `test` the macro `has(operand.field)`."""

    type: CelType
    offset: int = field(compare=False)
    operand: "Node"
    field: str
    test: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator applied to its arguments; a method's receiver is the first of them."""

    type: CelType
    offset: int = field(compare=False)
    function: str
    arguments: tuple["Node", ...]
    method: bool


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list literal."""

    type: CelType
    offset: int = field(compare=False)
    elements: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map literal."""

    type: CelType
    offset: int = field(compare=False)
    entries: tuple[tuple["Node", "Node"], ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """What `all exists exists_one map filter` expand to: a loop with an accumulator."""

    type: CelType
    offset: int = field(compare=False)
    variable: str
    range: "Node"
    accumulator: str
    start: "Node"
    condition: "Node"
    step: "Node"
    result: "Node"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A part of the language the generator does not cover; `what` names it for people."""

    type: CelType
    offset: int = field(compare=False)
    what: str


Node: TypeAlias = Constant | Name | Select | Call | ListOf | MapOf | Fold | Unsupported


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order they are written."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.arguments
        case ListOf():
            return node.elements
        case MapOf():
            return tuple(part for entry in node.entries for part in entry)
        case Fold():
            return (node.range, node.start, node.condition, node.step, node.result)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first, without recursion.

    >>> [n.offset for n in walk(ListOf(DYN, 0, (Constant(INT, 1, 7), Constant(INT, 4, 8))))]
    [0, 1, 4]
    """
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


def dotted(node: Node) -> str:
    """`a.b.c` if the node is that, as written or as resolved; else "".

    >>> dotted(Select(DYN, 1, Name(DYN, 0, "customer"), "age", test=False))
    'customer.age'
    """
    fields: list[str] = []
    while isinstance(node, Select) and not node.test:
        fields.append(node.field)
        node = node.operand
    if not isinstance(node, Name):
        return ""
    return ".".join([node.name, *reversed(fields)])


def start(node: Node) -> int:
    """Where the node's text begins, in characters.

    The parser places operators and selections behind their first operand, and calls (and `has`) at
    the parenthesis; the checker leaves a qualified name at its last dot.
    """
    first = node.offset
    while True:
        match node:
            case Select(test=True):
                return min(first, node.offset - len("has"))
            case Select():
                node = node.operand
            case Call() if node.arguments and (node.method or not node.function.isidentifier()):
                node = node.arguments[0]
            case Call(method=False) if node.function.isidentifier():
                return min(first, node.offset - len(node.function))
            case Name():
                return max(0, min(first, node.offset - len(node.name.rpartition(".")[0])))
            case _:
                return min(first, node.offset)
        first = min(first, node.offset)
