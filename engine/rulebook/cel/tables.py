"""What many conditions ask of one attribute, looked up together instead of asked one after the other.

A row of a table has the truth of each of those conditions for all values between two neighbouring
literals; finding the row takes a few comparisons, however many conditions there are. The rows are
answers of the ordinary generated code, for one value out of each interval: so they cannot differ.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from engine.model import UNKNOWN, Value
from engine.rulebook.cel.cells import SORTED, Number, before, literals, splits
from engine.rulebook.cel.code import Code
from engine.rulebook.cel.function import Beforehand
from engine.rulebook.cel.generator import Module, Variable, Writer
from engine.rulebook.cel.lookups import Columns, Forms, Plan, plan_of
from engine.rulebook.cel.operators import kind
from engine.rulebook.cel.parts import evaluator
from engine.rulebook.cel.tree import BOOL, Fold, Node, children

_T = TypeVar("_T")

MOST: Final = 32
"""Conditions told of in one table: its size grows with their square."""

MOST_UNPACKED: Final = 220
"""Columns that get a local each: beyond 256 locals Python takes longer for each of them."""

MOST_WRITTEN_OUT: Final = 64
"""Splits halved in the code itself: of more, each would take kilobytes to compile."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Conditions that one attribute decides, each in the forms wanted, and the values that make the rows.

    `cells` are values of the attribute: for those in an order, one of each interval between `splits`,
    ascending; else one for each literal, and at last one that equals none.
    """

    name: str
    variable: Variable
    conditions: Sequence[tuple[Node, Forms]]
    splits: tuple[Number, ...]
    cells: tuple[Value, ...]

    @property
    def samples(self) -> tuple[Value, ...]:
        """A value for each row: unknown and null, for doubles what is not a number, then the cells."""
        rest = (math.nan,) if kind(self.variable.type) == "double" else ()
        return (UNKNOWN, None, *rest, *self.cells)

    def rows(self) -> list[str]:
        """The rows as the runtime's `rows` reads them, filled in by the ordinary code."""
        place = self.variable.index
        nodes = [node for node, _ in self.conditions]
        answer = evaluator(nodes, {self.name: self.variable}, Writer.truth)
        wanted = [tuple(forms) for _, forms in self.conditions]
        values: list[Value] = [UNKNOWN] * (place + 1)
        written = []
        for values[place] in self.samples:
            truths = [1 if truth else 2 if truth is None else 0 for truth in answer(values)]
            pairs = zip(wanted, truths, strict=True)
            written.append("".join(form.value[truth] for forms, truth in pairs for form in forms))
        return written


def tables(roots: Sequence[Node], variables: Mapping[str, Variable], module: Module) -> Beforehand:
    """What of these truths can be looked up; the tables themselves are added to the module."""
    found, columns = _found(roots, variables), Columns()
    for one in found.values():
        columns.need(one.plan)
    made = [
        table
        for name, conditions in columns.by_attribute.items()
        for table in _tables_of(name, variables[name], list(conditions.items()))
    ]
    lines = ["    unknown = UNKNOWN"] if made else []
    unpacked = columns.count <= MOST_UNPACKED
    for number, table in enumerate(made):
        assigned = _places(number, table, unpacked=unpacked)
        lines.append(f"    {assigned} = {_row(table, module)}")
    answers: dict[Node, Code] = {}
    for number, (node, one) in enumerate(found.items()):
        truth, local = columns.truth(one.plan), f"d{number}"
        if one.times > 1 and not truth.isidentifier():
            lines.append(f"    {local} = {truth}")
            truth = local
        answers[node] = _code(local, truth)
    places = sorted({table.variable.index for table in made})
    return Beforehand(tuple(lines), answers, tuple(f"x{place}" for place in places))


@dataclass(slots=True)
class _Found:
    """A truth that can be looked up, and how often it is wanted."""

    plan: Plan
    times: int = 1


def _found(roots: Sequence[Node], variables: Mapping[str, Variable]) -> dict[Node, _Found]:
    """The distinct truths that can be looked up, each as large as possible, outside of loops."""
    found: dict[Node, _Found] = {}
    pending = list(reversed(roots))
    while pending:
        node = pending.pop()
        if (known := found.get(node)) is not None:
            known.times += 1
            continue
        plan = plan_of(node, variables)
        if plan is not None:
            found[node] = _Found(plan)
        elif not isinstance(node, Fold):
            pending.extend(reversed(children(node)))
    return found


def _places(number: int, table: _Table, *, unpacked: bool) -> str:
    """Says of each column where it is found; returns what is assigned a row of the table."""
    row, count = f"r{number}", 0
    for _, forms in table.conditions:
        for form in forms:
            forms[form] = f"{row}_{count}" if unpacked else f"{row}[{count}]"
            count += 1
    return "".join(f"{row}_{at}, " for at in range(count)).rstrip() if unpacked else row


def _code(local: str, truth: str) -> Code:
    """A truth, which may be unknown, as a piece of generated code; `local` is for it alone."""
    if truth.isidentifier():
        return Code(truth, BOOL, (f"{truth} is None",))
    return Code(local, BOOL, (f"({local} := {truth}) is None",), depth=1)


def _tables_of(
    name: str, variable: Variable, conditions: Sequence[tuple[Node, Forms]]
) -> Iterator[_Table]:
    """Tables of about `MOST` conditions, neighbours together."""
    of = kind(variable.type)
    if of not in SORTED:
        for part in _parts(conditions):
            cells = (False, True) if of == "bool" else _texts(part)
            yield _Table(name, variable, part, (), cells)
        return
    bounds = [splits(node, of) for node, _ in conditions]
    order = sorted(range(len(bounds)), key=lambda at: min(bounds[at], default=-math.inf))
    for places in _parts(order):
        ends = tuple(sorted({end for place in places for end in bounds[place]}))
        first = before(ends[0], of) if ends else 0.0 if of == "double" else 0
        part = [conditions[place] for place in places]
        yield _Table(name, variable, part, ends, (first, *ends))


def _parts(found: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """As few parts as may be, none larger than `MOST` or much smaller than the others."""
    count = -(-len(found) // MOST)
    for number in range(count):
        yield found[number * len(found) // count : (number + 1) * len(found) // count]


def _texts(conditions: Sequence[tuple[Node, Forms]]) -> tuple[str, ...]:
    """The literals these conditions compare a text with, and one that is none of them."""
    written = [literal.value for node, _ in conditions for _, literal in literals(node)]
    texts = dict.fromkeys(text for text in written if isinstance(text, str))
    return (*texts, max(texts, key=len, default="") + ".")


def _row(table: _Table, module: Module) -> str:
    """The expression for the row of a value."""
    rows, of = table.rows(), kind(table.variable.type)
    value = f"x{table.variable.index}"
    if of not in SORTED | {"bool"}:
        *texts, _ = table.cells
        by_text = module.constant(f"dict(zip({(None, *texts)!r}, rows({' '.join(rows[1:-1])!r})))")
        other = module.constant(f"rows({f'{rows[0]} {rows[-1]}'!r})")
        return f"{other}[0] if {value} is unknown else {by_text}.get({value}, {other}[1])"
    first = len(rows) - len(table.cells)
    if of == "bool":
        place = f"{first + 1} if {value} else {first}"
    else:
        place = _found_place(value, table.splits, first, module, nan=of == "double")
    every = module.constant(f"rows({' '.join(rows)!r})")
    return f"{every}[0 if {value} is unknown else 1 if {value} is None else {place}]"


def _found_place(
    value: str, ends: Sequence[Number], first: int, module: Module, *, nan: bool
) -> str:
    """The number of the cell a value is in: halving written out, or by a call where there are many splits."""
    if len(ends) <= MOST_WRITTEN_OUT:
        return _place(value, ends, first, nan=2 if nan else None)
    found = f"{first} + bisect({module.constant(repr(tuple(ends)))}, {value})"
    return f"({found} if {value} == {value} else 2)" if nan else found


def _place(value: str, ends: Sequence[Number], first: int, nan: int | None) -> str:
    """The number of the cell a value is in, `first` for one below all splits, found by halving."""
    if not ends:
        return str(first) if nan is None else f"({first} if {value} == {value} else {nan})"
    middle = len(ends) // 2
    below = _place(value, ends[:middle], first, None)
    above = _place(value, ends[middle + 1 :], first + middle + 1, nan)
    return f"({below} if {value} < {ends[middle]!r} else {above})"
