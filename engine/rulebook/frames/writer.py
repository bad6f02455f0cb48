"""Writes checked expressions as polars expressions: the second back end beside `cel.generator`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import polars as pl

from engine.rulebook.cel.generator import Variable
from engine.rulebook.cel.operators import kind
from engine.rulebook.cel.tree import (
    BOOL,
    Call,
    Constant,
    Fold,
    ListOf,
    Name,
    Node,
    Select,
    walk,
)
from engine.rulebook.frames import functions, operators
from engine.rulebook.frames.columns import Column
from engine.rulebook.frames.pieces import NotExpressible, Piece, nothing, truth, where

_ORDER: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_ARITHMETIC: Final = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_"})
_TEXT_TESTS: Final = frozenset({"contains", "startsWith", "endsWith", "matches"})
_UNITS: Final = frozenset({"days", "hours", "minutes"})
_CONVERSIONS: Final = frozenset({"int", "double", "bool", "string", "timestamp", "duration"})
_DTYPES: Final = {
    "bool": pl.Boolean,
    "int": pl.Int64,
    "double": pl.Float64,
    "string": pl.String,
    "timestamp": pl.Int64,
    "duration": pl.Int64,
}

Columns: TypeAlias = Sequence[Column]
"""The column of each attribute of a book, in the book's order."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Turns nodes into pieces; `locals` are the variables of the loops around.

    Raises (in every method):
        NotExpressible: polars would not answer as the serving function does.
    """

    variables: Mapping[str, Variable]
    columns: Columns
    locals: Mapping[str, Piece] = field(default_factory=dict)

    def truth(self, node: Node) -> pl.Expr:
        """The node where a truth is needed."""
        piece = self.piece(node).known
        if kind(piece.type) != "bool":
            raise NotExpressible(f"{piece.type} as a truth")
        return piece.value

    def number(self, node: Node) -> pl.Expr:
        """The node as a finite double; no value elsewhere."""
        piece = self.piece(node).known
        if kind(piece.type) not in {"int", "double"}:
            raise NotExpressible(f"{piece.type} as a number")
        value = operators.as_double(piece).value
        return where(value.is_finite(), value)

    def piece(self, node: Node) -> Piece:
        """The node's value."""
        match node:
            case Constant():
                return _constant(node)
            case Name():
                return self._name(node)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case Fold():
                return self._fold(node)
            case ListOf():
                raise NotExpressible("a list written out other than behind 'in'")
            case _:
                raise NotExpressible("a map written out")

    def _name(self, node: Name) -> Piece:
        if (local := self.locals.get(node.name)) is not None:
            return local
        variable = self.variables.get(node.name.removeprefix("."))
        if variable is None or node.type.name == "type":
            raise NotExpressible("the name of a type")
        column = self.columns[variable.index]
        value = pl.col(column.name)
        if variable.presence:
            return truth(value.is_not_null())
        if not variable.nullable:
            return Piece(value, variable.type)
        null = value.is_null()
        if column.unknown:
            null &= ~pl.col(column.unknown)
        return Piece(value, variable.type, null)

    def _select(self, node: Select) -> Piece:
        container = self.piece(node.operand)
        if container.type.name != "map":
            raise NotExpressible(f"a field of {container.type}")
        if node.test:
            return operators.has_key(container, node.field)
        return operators.lookup(container, node.field)

    def _call(self, node: Call) -> Piece:
        function, arguments = node.function, node.arguments
        match function:
            case "_&&_":
                return truth(self.truth(arguments[0]) & self.truth(arguments[1]))
            case "_||_":
                return truth(self.truth(arguments[0]) | self.truth(arguments[1]))
            case "!_":
                return truth(~self.truth(arguments[0]))
            case "_?_:_":
                return self._choice(node)
            case "_==_":
                return operators.equality(self.piece(arguments[0]), self.piece(arguments[1]))
            case "_!=_":
                same = operators.equality(self.piece(arguments[0]), self.piece(arguments[1]))
                return truth(~same.value)
            case "@in":
                return self._membership(*arguments)
            case "_[_]":
                return self._index(*arguments)
            case "-_":
                return operators.negative(self.piece(arguments[0]))
            case "size":
                return operators.length(self.piece(arguments[0]))
            case _:
                return self._function(node)

    def _function(self, node: Call) -> Piece:
        if node.function == "_/_" and not any(isinstance(each, Name) for each in walk(node)):
            raise NotExpressible("a division of numbers written out")
        pieces = [self.piece(argument) for argument in node.arguments]
        match node.function, pieces:
            case sign, [a, b] if sign in _ORDER:
                return operators.order(sign, a, b)
            case sign, [a, b] if sign in _ARITHMETIC:
                return operators.arithmetic(sign, a, b)
            case test, [subject, text] if test in _TEXT_TESTS:
                return functions.text_test(test, subject, text, node.arguments[1])
            case unit, [count] if unit in _UNITS and kind(count.type) == "int":
                return functions.span(unit, count)
            case "date", [text] if kind(text.type) == "string":
                return functions.date(text)
            case getter, [subject, *_] if getter.startswith("get"):
                return functions.calendar(node, subject)
            case converted, [operand] if converted in _CONVERSIONS:
                return functions.conversion(converted, operand)
            case _:
                types = ", ".join(str(piece.type) for piece in pieces)
                raise NotExpressible(f"{node.function}({types})")

    def _choice(self, node: Call) -> Piece:
        condition = self.truth(node.arguments[0])
        yes, no = (self.piece(branch) for branch in node.arguments[1:])
        if kind(yes.type) != kind(no.type):
            raise NotExpressible("a choice of two types")
        chosen = pl.when(condition).then(yes.value).when(~condition).then(no.value)
        null = None
        if yes.null is not None or no.null is not None:
            absent = pl.lit(value=False)
            null = (
                pl.when(condition)
                .then(absent if yes.null is None else yes.null)
                .when(~condition)
                .then(absent if no.null is None else no.null)
                .otherwise(statement=False)
            )
        return Piece(chosen, yes.type, null, yes.not_nan and no.not_nan)

    def _membership(self, item: Node, container: Node) -> Piece:
        if not isinstance(container, ListOf):
            return operators.member(self.piece(item), self.piece(container))
        piece = self.piece(item)
        values = [e.value for e in container.elements if isinstance(e, Constant)]
        kinds = {kind(element.type) for element in container.elements} | {kind(piece.type)}
        if len(values) == len(container.elements) and len(kinds) == 1 and kinds != {"double"}:
            operators.scalar_kind(piece)
            return operators.among_values(piece, values)
        return operators.among(piece, [self.piece(element) for element in container.elements])

    def _index(self, container: Node, key: Node) -> Piece:
        held = self.piece(container)
        match kind(held.type), key:
            case "map", Constant(value=str() as text):
                return operators.lookup(held, text)
            case "list", Constant(value=int() as index) if kind(key.type) == "int":
                return operators.at(held, index)
            case _:
                raise NotExpressible("an index that is not written out")

    # --- loops ------------------------------------------------------------------------------------

    def _fold(self, node: Fold) -> Piece:
        """`list.all(…)` and `list.exists(…)` of what concerns nothing but the element."""
        items = self.piece(node.range).known
        condition = _condition_of(node)
        if kind(items.type) != "list" or condition is None:
            raise NotExpressible("exists_one, map, filter, or a loop over a map")
        if not _only_of(condition, node.variable):
            raise NotExpressible("a loop whose condition reads more than the element")
        element = Piece(pl.element(), items.type.parameters[0])
        inner = Writer({}, (), {node.variable: element})
        truths = items.value.list.eval(inner.truth(condition))
        unknown = truths.list.eval(pl.element().is_null()).list.any()
        decisive = isinstance(node.start, Constant) and node.start.value is False
        settled = truths.list.eval(pl.element() == decisive).list.any()
        answer = (
            pl.when(settled)
            .then(pl.lit(decisive))
            .when(unknown)
            .then(nothing())
            .otherwise(pl.lit(not decisive))
        )
        return truth(where(items.value.is_not_null(), answer))


def _constant(node: Constant) -> Piece:
    if node.value is None:
        return Piece(nothing(), node.type, pl.lit(value=True))
    dtype = _DTYPES.get(kind(node.type))
    if dtype is None:
        raise NotExpressible(f"{node.type} written out")
    return Piece(pl.lit(node.value, dtype), node.type, not_nan=True, literal=True)


def _condition_of(node: Fold) -> Node | None:
    """What `all` or `exists` asks of each element; None if it is another macro."""
    match node.step:
        case Call(function="_&&_" | "_||_", arguments=(Name(name=total), asked)):
            plain = total == node.accumulator and node.step.type == BOOL
            is_bool = isinstance(node.start, Constant) and node.start.type == BOOL
            return asked if plain and is_bool and isinstance(node.result, Name) else None
        case _:
            return None


def _only_of(node: Node, variable: str) -> bool:
    return all(each.name == variable for each in walk(node) if isinstance(each, Name))
