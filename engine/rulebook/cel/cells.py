"""Which conditions one attribute alone decides, and the values between which their answers change.

Conditions compare the same few attributes with many literals. Between two neighbouring literals every
one of those comparisons has the same answer, whatever the value.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from engine.rulebook.cel.generator import Variable
from engine.rulebook.cel.operators import EXACT, kind
from engine.rulebook.cel.tree import Call, Constant, ListOf, Name, Node

Number: TypeAlias = int | float

SORTED: Final = frozenset({"int", "double", "timestamp", "duration"})
"""Kinds whose values lie in an order, with literals between them."""

_OTHERS: Final = frozenset({"string", "bool"})
"""Kinds whose values are only equal to a literal or not."""

_ORDERS: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_EQUALITIES: Final = frozenset({"_==_", "_!=_"})
_LOGIC: Final = frozenset({"_&&_", "_||_", "!_"})
_FLIPPED: Final = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}
_NUMBERS: Final = frozenset({"int", "double"})


def decided_by(node: Node, variables: Mapping[str, Variable]) -> str | None:
    """The attribute that alone decides a truth, by comparing it with literals; None if none does.

    Such are comparisons of an attribute with a literal, whether it is in a list of literals, and what
    `&& || !` make of them, all of one attribute. Literals are exact beside the attribute's values: a
    number beside a number of the other type is below 2^53.
    """
    if not isinstance(node, Call):
        return None
    if node.function in _LOGIC:
        names = {of_truth(argument, variables) for argument in node.arguments}
        return names.pop() if len(names) == 1 else None
    compared = _compared(node)
    if compared is None:
        return None
    name, function, literals = compared
    variable = variables.get(name)
    if variable is None or variable.presence:
        return None
    return name if all(_fits(literal, function, variable) for literal in literals) else None


def of_truth(node: Node, variables: Mapping[str, Variable]) -> str | None:
    """As `decided_by`; an attribute that is true or false decides itself."""
    if isinstance(node, Name) and kind(node.type) == "bool":
        name = node.name.removeprefix(".")
        variable = variables.get(name)
        return None if variable is None or variable.presence else name
    return decided_by(node, variables)


def _compared(node: Call) -> tuple[str, str, tuple[Constant, ...]] | None:
    """The attribute, the operator as if the attribute stood on its left, and the literals."""
    match node.arguments:
        case (Name() as name, Constant() as literal) if node.function in _ORDERS | _EQUALITIES:
            return name.name.removeprefix("."), node.function, (literal,)
        case (Constant() as literal, Name() as name) if node.function in _ORDERS | _EQUALITIES:
            function = _FLIPPED.get(node.function, node.function)
            return name.name.removeprefix("."), function, (literal,)
        case (Name() as name, ListOf() as listed) if node.function == "@in":
            literals = tuple(e for e in listed.elements if isinstance(e, Constant))
            whole = len(literals) == len(listed.elements) > 0
            return (name.name.removeprefix("."), "@in", literals) if whole else None
        case _:
            return None


def _fits(literal: Constant, function: str, variable: Variable) -> bool:
    """Whether the comparison of the attribute with this literal is one of those told of here."""
    attribute, written = kind(variable.type), kind(literal.type)
    if attribute not in SORTED | _OTHERS:
        return False
    if literal.value is None:
        return variable.nullable and function in _EQUALITIES
    if attribute in _NUMBERS and written in _NUMBERS and isinstance(literal.value, int | float):
        return math.isfinite(literal.value) and abs(literal.value) < EXACT
    return attribute == written and (attribute in SORTED or function not in _ORDERS)


def literals(node: Node) -> Iterator[tuple[str, Constant]]:
    """The literals that a truth decided by one attribute compares it with, and by which operator."""
    if not isinstance(node, Call):
        return
    if node.function in _LOGIC:
        for argument in node.arguments:
            yield from literals(argument)
    elif (compared := _compared(node)) is not None:
        yield from ((compared[1], literal) for literal in compared[2])


def splits(node: Node, of: str) -> frozenset[Number]:
    """The values at which the answer can become another: it is the same between two neighbours.

    `of` is the kind of the attribute, one of `SORTED`. Each is the first value of what begins there.

    >>> from engine.rulebook.cel.tree import BOOL, INT
    >>> age, eighteen = Name(INT, 0, "age"), Constant(INT, 0, 18)
    >>> [sorted(splits(Call(BOOL, 0, f, (age, eighteen), False), "int")) for f in ("_<_", "_>_", "_==_")]
    [[18], [19], [18, 19]]
    """
    found: set[Number] = set()
    for function, literal in literals(node):
        if isinstance(literal.value, int | float):
            if function not in {"_>_", "_<=_"}:
                found.add(_from(literal.value, of))
            if function not in {"_<_", "_>=_"}:
                found.add(_after(literal.value, of))
    return frozenset(found)


def _from(value: Number, of: str) -> Number:
    """The least value of this kind that is not below the literal."""
    return float(value) if of == "double" else math.ceil(value)


def _after(value: Number, of: str) -> Number:
    """The least value of this kind that is above the literal."""
    return math.nextafter(value, math.inf) if of == "double" else math.floor(value) + 1


def before(value: Number, of: str) -> Number:
    """A value of this kind below a split."""
    return math.nextafter(value, -math.inf) if of == "double" else value - 1
