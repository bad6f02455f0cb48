"""Turns checked expressions into source text, and source text into functions."""

from collections.abc import Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING

from engine.rulebook.cel.runtime import NAMESPACE

if TYPE_CHECKING:
    from engine.rulebook.cel.environment import Expression

_BUILTINS = {
    "dict": dict,
    "float": float,
    "len": len,
    "list": list,
    "range": range,
    "tuple": tuple,
    "zip": zip,
}


def generate(
    conditions: Sequence["Expression"],
    numbers: Sequence["Expression"],
    triggers: Sequence["Expression"] = (),
) -> str:
    """The source of a Python module defining `conditions_of(v)` and `numbers_of(v)`.

    `v` is the list of attribute values, by `Attribute.index`. `conditions_of` returns a list, a new one
    each time, of True, False or None (unknown), `numbers_of` a tuple of floats or None (unknown, infinite
    or not a number), both in the order given. Where there are conditions of `triggers`, `triggers_of(v)`
    returns their truths. The same expressions always give the same text.
    """
    from engine.rulebook.cel.function import write
    from engine.rulebook.cel.generator import Module, Writer
    from engine.rulebook.cel.tables import tables

    variables = {n: v for e in (*conditions, *numbers, *triggers) for n, v in e.variables.items()}
    module = Module(variables)
    roots = [e.tree for e in conditions]
    before = tables(roots, variables, module)
    functions = [
        write("conditions_of", roots, module, Writer.truth, before=before, listed=True),
        write("numbers_of", [e.tree for e in numbers], module, Writer.known, "finite({})"),
    ]
    if triggers:
        functions.append(write("triggers_of", [e.tree for e in triggers], module, Writer.truth))
    constants = [f"{name} = {expression}" for expression, name in module.constants.items()]
    return "\n\n\n".join(["\n".join(constants), *module.functions, *functions]).lstrip() + "\n"


def load(source: str | CodeType, given: Mapping[str, object] | None = None) -> Mapping[str, object]:
    """Runs generated source, or its code; returns what it defines, and the runtime it was given.

    Only the runtime's functions, `dict float len list range tuple zip` and what is `given` by name can be
    called from it.
    """
    namespace: dict[str, object] = {**NAMESPACE, **(given or {}), "__builtins__": _BUILTINS}
    code = compile(source, "<rule book>", "exec") if isinstance(source, str) else source
    exec(code, namespace)  # noqa: S102  # our own generator wrote it
    return namespace
