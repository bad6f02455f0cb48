"""The parts of checked expressions as one function, for whoever wants to know why the whole is as it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from engine.model import Value
from engine.rulebook.cel.function import Reading, write
from engine.rulebook.cel.generator import Module, Variable, Writer
from engine.rulebook.cel.load import load
from engine.rulebook.cel.tree import Node

Parts: TypeAlias = Callable[[Sequence[Value]], tuple[object, ...]]


def evaluator(
    nodes: Sequence[Node], variables: Mapping[str, Variable], reading: Reading = Writer.read
) -> Parts:
    """The function from an attribute vector to the value of each node: None is unknown, `NULL` is null.

    Nodes are taken by `reading`: by `Writer.truth` they are truths, and null is unknown as well.
    The nodes must not stand inside a loop (`Fold`), whose variable only the loop knows.
    """
    module = Module(variables)
    body = write("parts_of", nodes, module, reading)
    constants = [f"{name} = {expression}" for expression, name in module.constants.items()]
    defined = load("\n\n\n".join(["\n".join(constants), *module.functions, body]))
    return cast("Parts", defined["parts_of"])
