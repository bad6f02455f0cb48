"""What many conditions ask of one attribute, looked up together instead of asked one after the other.

A row of a table has the truth of each of those conditions for all values between two neighbouring
literals; finding the row takes a few comparisons, however many conditions there are. The rows are
answers of the ordinary generated code, for one value out of each interval: so they cannot differ.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from engine.model import UNKNOWN
from engine.rulebook.cel.cells import SORTED, Number, before, literals, splits
from engine.rulebook.cel.code import Code
from engine.rulebook.cel.generator import Beforehand, Module, Variable, Writer
from engine.rulebook.cel.kleene import Form, Truth
from engine.rulebook.cel.lookups import Columns, Leaf, Plan, plan_of
from engine.rulebook.cel.operators import kind
from engine.rulebook.cel.parts import evaluator
from engine.rulebook.cel.tree import BOOL, Fold, Node, children

MOST: Final = 32
"""Columns of one table: its size grows with their square."""

Column: TypeAlias = tuple[Node, Form]


@dataclass(frozen=True, slots=True)
class _Table:
    """Conditions that one attribute decides, and the values that make the rows.

    `cells` are values of the attribute: for those in an order, one of each interval between `splits`,
    ascending; else one for each literal, and at last one that equals none.
    """

    variable: Variable
    columns: Mapping[Column, str]
    splits: tuple[Number, ...]
    cells: tuple[object, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What the columns tell of, each once."""
        return tuple(dict.fromkeys(node for node, _ in self.columns))

    @property
    def samples(self) -> tuple[object, ...]:
        """A value for each row: unknown and null, for doubles what is not a number, then the cells."""
        rest = (math.nan,) if kind(self.variable.type) == "double" else ()
        return (UNKNOWN, None, *rest, *self.cells)


def tables(roots: Sequence[Node], variables: Mapping[str, Variable], module: Module) -> Beforehand:
    """What of these truths can be looked up; the tables themselves are added to the module."""
    columns = Columns()
    answers = {
        node: _code(number, plan, columns)
        for number, (node, plan) in enumerate(_plans(roots, variables).items())
    }
    by_name: defaultdict[str, dict[Column, str]] = defaultdict(dict)
    for (leaf, form), local in columns.locals.items():
        by_name[leaf.attribute][leaf.node, form] = local
    made = [
        table for name, found in by_name.items() for table in _tables_of(variables[name], found)
    ]
    lines = [
        f"    {', '.join(table.columns.values())}, = {_row(table, rows, module)}"
        for table, rows in zip(made, _filled(made, variables), strict=True)
    ]
    places = sorted({table.variable.index for table in made})
    return Beforehand(tuple(lines), answers, tuple(f"x{place}" for place in places))


def _plans(roots: Sequence[Node], variables: Mapping[str, Variable]) -> dict[Node, Plan]:
    """The distinct truths that can be looked up, each as large as possible, outside of loops."""
    found: dict[Node, Plan] = {}
    pending = list(reversed(roots))
    while pending:
        node = pending.pop()
        if node in found:
            continue
        plan = plan_of(node, variables)
        if plan is not None:
            found[node] = plan
        elif not isinstance(node, Fold):
            pending.extend(reversed(children(node)))
    return found


def _code(number: int, plan: Plan, columns: Columns) -> Code:
    """The truth, which may be unknown, as a piece of generated code."""
    written = columns.truth(plan)
    if isinstance(plan, Leaf):
        return Code(written, BOOL, (f"{written} is None",))
    local = f"d{number}"
    return Code(local, BOOL, (f"({local} := {written}) is None",), depth=1)


def _tables_of(variable: Variable, columns: Mapping[Column, str]) -> Iterator[_Table]:
    """Tables of about `MOST` columns, neighbours together."""
    of = kind(variable.type)
    nodes = list(dict.fromkeys(node for node, _ in columns))
    forms: defaultdict[Node, dict[Column, str]] = defaultdict(dict)
    for column, local in columns.items():
        forms[column[0]][column] = local
    if of not in SORTED:
        for part in _parts(nodes):
            cells = (False, True) if of == "bool" else _texts(part)
            yield _Table(variable, _of_all(part, forms), (), cells)
        return
    bounds = {node: splits(node, of) for node in nodes}
    for part in _parts(sorted(nodes, key=lambda node: min(bounds[node], default=-math.inf))):
        ends = tuple(sorted({end for node in part for end in bounds[node]}))
        first = before(ends[0], of) if ends else 0.0 if of == "double" else 0
        yield _Table(variable, _of_all(part, forms), ends, (first, *ends))


def _of_all(nodes: Sequence[Node], forms: Mapping[Node, Mapping[Column, str]]) -> dict[Column, str]:
    return {column: local for node in nodes for column, local in forms[node].items()}


def _parts(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    """The nodes in as few parts as may be, none larger than `MOST` or much smaller than the others."""
    count = -(-len(nodes) // MOST)
    for number in range(count):
        yield nodes[number * len(nodes) // count : (number + 1) * len(nodes) // count]


def _texts(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The literals these conditions compare a text with, and one that is none of them."""
    written = [literal.value for node in nodes for _, literal in literals(node)]
    texts = dict.fromkeys(text for text in written if isinstance(text, str))
    return (*texts, max(texts, key=len, default="") + ".")


def _filled(made: Sequence[_Table], variables: Mapping[str, Variable]) -> Iterator[list[str]]:
    """The rows of each table as the runtime's `rows` reads them, filled in by the ordinary code."""
    nodes = [node for table in made for node in table.nodes]
    answer: Any = evaluator(nodes, variables, Writer.truth)
    values: list[object] = [UNKNOWN] * (1 + max((v.index for v in variables.values()), default=-1))
    first = 0
    for table in made:
        last = first + len(table.nodes)
        rows = []
        for sample in table.samples:
            values[table.variable.index] = sample
            truths: dict[Node, Truth] = dict(
                zip(table.nodes, answer(values)[first:last], strict=True)
            )
            rows.append("".join(form.letter(truths[node]) for node, form in table.columns))
        values[table.variable.index] = UNKNOWN
        yield rows
        first = last


def _row(table: _Table, rows: Sequence[str], module: Module) -> str:
    """The expression for the row of a value."""
    value, of = f"x{table.variable.index}", kind(table.variable.type)
    if of not in SORTED | {"bool"}:
        *texts, _ = table.cells
        by_text = module.constant(f"dict(zip({(None, *texts)!r}, rows({' '.join(rows[1:-1])!r})))")
        other = module.constant(f"rows({f'{rows[0]} {rows[-1]}'!r})")
        return f"{other}[0] if {value} is UNKNOWN else {by_text}.get({value}, {other}[1])"
    first = len(rows) - len(table.cells)
    if of == "bool":
        place = f"{first + 1} if {value} else {first}"
    else:
        place = _place(value, table.splits, first, nan=2 if of == "double" else None)
    every = module.constant(f"rows({' '.join(rows)!r})")
    return f"{every}[0 if {value} is UNKNOWN else 1 if {value} is None else {place}]"


def _place(value: str, ends: Sequence[Number], first: int, nan: int | None) -> str:
    """The number of the cell a value is in, `first` for one below all splits, found by halving."""
    if not ends:
        return str(first) if nan is None else f"({first} if {value} == {value} else {nan})"
    middle = len(ends) // 2
    below = _place(value, ends[:middle], first, None)
    above = _place(value, ends[middle + 1 :], first + middle + 1, nan)
    return f"({below} if {value} < {ends[middle]!r} else {above})"
