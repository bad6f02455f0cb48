"""How CEL values are represented in generated Python: literals, static types, boxing."""

from dataclasses import replace

from engine.rulebook.cel.code import Code, Scope
from engine.rulebook.cel.tree import CelType, Constant

BOXED = frozenset({"uint", "timestamp", "duration", "double"})
"""Scalars whose boxed form is not just their plain one."""


class NotCovered(Exception):
    """Something the generator has no code for, with its place and how to say it."""

    def __init__(self, offset: int, message: str) -> None:
        self.offset = offset
        self.message = message
        super().__init__(message)


def literal(node: Constant) -> Code:
    """A literal. Doubles as Python writes them, null as `NULL`."""
    value = node.value
    if value is None:
        return Code("NULL", node.type, null=True)
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        return Code("INFINITY" if value > 0 else "(-INFINITY)", node.type)
    text = repr(value)
    return Code(f"({text})" if text[0] == "-" else text, node.type, literal=True)


def shape(type_: CelType) -> tuple[object, ...]:
    """What `runtime.box` needs to know of a static type."""
    if type_.name == "wrapper":
        return shape(type_.parameters[0])
    return (type_.name, *map(shape, type_.parameters))


def _plain(type_: CelType) -> bool:
    """Whether boxed and plain values of the type are the same."""
    if type_.name == "wrapper":
        return _plain(type_.parameters[0])
    return type_.name not in BOXED and all(map(_plain, type_.parameters))


def boxed(scope: Scope, code: Code) -> Code:
    """The same value where its type is known only at run time."""
    dyn = CelType("dyn")
    if code.type.name == "dyn" or _plain(code.type):
        scope.capture(code)
        return replace(code, type=dyn, not_null="")
    if code.null or code.type.parameters:
        body = f"box({code.body}, {shape(code.type)!r})"
    else:
        name = "float" if code.type.name == "double" else code.type.name.capitalize()
        body = f"{name}({code.body})"
    return scope.sure(body, dyn, [code], null=code.null)
