"""Type-checks the rule book's expressions with the official CEL checker and says what is wrong."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.model import Micros
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.cel import clock
from engine.rulebook.cel.arithmetic import ratio
from engine.rulebook.cel.code import Scope
from engine.rulebook.cel.declarations import configuration, overload_id
from engine.rulebook.cel.generator import Module, Variable, Writer
from engine.rulebook.cel.literals import folded, literal_problems
from engine.rulebook.cel.mistakes import Problem, problems
from engine.rulebook.cel.operators import kind
from engine.rulebook.cel.shapes import NotCovered
from engine.rulebook.cel.tree import (
    CelType,
    Constant,
    Fold,
    Name,
    Node,
    Select,
    Unsupported,
    children,
    dotted,
    start,
    walk,
)
from engine.rulebook.cel.wire import read

if TYPE_CHECKING:
    from cel_expr_python import cel

LONGEST = 4_000
"""Characters of one expression."""
LARGEST = 2_000
"""Nodes of one expression, macros expanded."""
DEEPEST = 100
"""Levels of one expression, as parsed."""
SHORT = 100
"""Characters of an expression that can be checked unseen: it has no more levels than that."""


class Expect(Enum):
    """What an expression must give. ANY is for conformance tests: whatever CEL can say."""

    BOOL = "bool"
    NUMBER = "number"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Expression:
    """One checked expression. `reads` are the attributes it names, sorted.

    `tree` and `variables` are what the generator needs; the whole can be pickled.
    """

    text: str
    reads: tuple[str, ...]
    tree: Node
    variables: Mapping[str, Variable]

    def offsets_of(self, index: int) -> tuple[int, ...]:
        """Where the text names the attribute at this index of the values, in characters."""
        found = set()
        for node in walk(self.tree):
            if isinstance(node, Name):
                name = node.name.removeprefix(".")
                variable = self.variables.get(name)
                if variable and variable.index == index:
                    name = name.removeprefix("has_") if variable.presence else name
                    found.add(_beginning(self.text, name, node.offset))
        return tuple(sorted(found))


_SCALARS = {
    Kind.BOOL: "bool",
    Kind.INT: "int",
    Kind.DOUBLE: "double",
    Kind.STRING: "string",
    Kind.TIMESTAMP: "timestamp",
    Kind.DURATION: "duration",
}
_WRAPPED = frozenset({"bool", "int", "uint", "double", "string", "bytes"})


def cel_type(type_: Type) -> CelType:
    """An attribute's type in CEL's terms."""
    if type_.element is None:
        return CelType(_SCALARS[type_.kind])
    element = cel_type(type_.element)
    if type_.kind is Kind.LIST:
        return CelType("list", (element,))
    return CelType("map", (CelType("string"), element))


def _signature(type_: CelType) -> str:
    """A type as `cel.Type` reads it."""
    if type_.name == "wrapper":
        return f"{type_.parameters[0]}_wrapper"
    if not type_.parameters:
        return "null_type" if type_.name == "null" else type_.name
    return f"{type_.name}<{', '.join(map(_signature, type_.parameters))}>"


class Environment:
    """What expressions may speak of, and the checker told so. Built once per rule book.

    Attributes are declared under their dotted names. A nullable scalar is declared as a wrapper, so
    that it can be compared with null. `has(customer.age)` is true where the attribute has a value
    that is not null, and false (never unknown) where it is null or missing.
    """

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self._attributes = {a.name: a for a in attributes}
        declared = {
            a.name: Variable(a.index, cel_type(a.type), nullable=a.nullable) for a in attributes
        }
        self._declare(declared, container="")

    @classmethod
    def of(cls, types: Mapping[str, CelType], container: str = "") -> "Environment":
        """An environment of variables of any CEL type, in this order among the values."""
        made = cls.__new__(cls)
        made._attributes = {}
        declared = {
            name: Variable(index, type_, nullable=type_.name in {"dyn", "null"})
            for index, (name, type_) in enumerate(types.items())
        }
        made._declare(declared, container)
        return made

    def _declare(self, declared: Mapping[str, Variable], container: str) -> None:
        presence = {
            _presence(name): Variable(v.index, v.type, v.nullable, presence=True)
            for name, v in declared.items()
        }
        self._variables = {**declared, **presence}
        self._names = {
            presence_name: name for name in declared for presence_name in [_presence(name)]
        }
        self._checker = checker({n: declaration(v) for n, v in self._variables.items()}, container)

    def compile(self, text: str, expect: Expect) -> Expression | tuple[Problem, ...]:
        """The checked expression, or every mistake found in it, in the order of the text."""
        if len(text) > LONGEST:
            said = f"an expression has at most {LONGEST} characters; this one has {len(text)}"
            return (Problem(LONGEST, said),)
        if not text.strip():
            return (Problem(0, "an expression is missing here"),)
        if (broken := _UNSPEAKABLE.search(text)) is not None:
            said = f"the character U+{ord(broken[0]):04X} cannot stand in an expression"
            return (Problem(broken.start(), said),)
        written = self._with_presence(text)
        if len(text) <= SHORT and (tree := self._at_once(written, expect)) is not None:
            return self._expression(text, folded(tree))
        return self._told(text, written, expect)

    def _at_once(self, written: str, expect: Expect) -> Node | None:
        """The checked tree of a text without mistakes; None if there may be some, or it may be too large."""
        try:
            tree = read(self._checker.compile(written).serialize())
        except RuntimeError:
            return None
        wrong = (
            literal_problems(tree, self._attributes),
            self._presence_problems(tree),
            _expectation(tree, 0, expect, self._attributes),
            _within_limits(tree),
        )
        return None if any(True for problems_ in wrong for _ in problems_) else tree

    def _told(self, text: str, written: str, expect: Expect) -> Expression | tuple[Problem, ...]:
        """The expression after all, or its mistakes, each where it stands in the text as parsed."""
        parsed = self._parsed(written)
        if not isinstance(parsed, _Parsed):
            return parsed
        found = [
            *literal_problems(parsed.tree, self._attributes),
            *self._presence_problems(parsed.tree),
        ]
        checked = self._checked(written, parsed.tree)
        if isinstance(checked, tuple):
            return tuple(sorted({*found, *checked}))
        if not found:
            found += _expectation(checked, start(parsed.tree), expect, self._attributes)
        if found:
            return tuple(sorted(set(found)))
        return self._expression(text, folded(checked))

    def _expression(self, text: str, tree: Node) -> Expression | tuple[Problem, ...]:
        names = {n.name.removeprefix(".") for n in walk(tree) if isinstance(n, Name)}
        used = {name: v for name, v in self._variables.items() if name in names}
        reads = tuple(sorted({self._names.get(name, name) for name in used}))
        try:
            Writer(Module(used), Scope()).read(tree)
        except NotCovered as refusal:
            return (Problem(refusal.offset, refusal.message),)
        return Expression(text, reads, tree, used)

    def _with_presence(self, text: str) -> str:
        """The text with each `has(attribute)` a name of the same length, so that places stay."""

        def replaced(match: re.Match[str]) -> str:
            if match["has"] is None or match["name"] not in self._variables:
                return match[0]
            return _presence(match["name"]).ljust(len(match[0]))

        return _HAS.sub(replaced, text)

    def _presence_problems(self, tree: Node) -> list[Problem]:
        """`has()` around an attribute written so that it was not seen: it would be misread."""
        said = "write has({}) plainly, or compare with null"
        hidden = [
            Problem(start(node), f"'{name}' is the loop's variable here; give the loop another")
            for loop in walk(tree)
            if isinstance(loop, Fold)
            for node in walk(loop.step)
            if (name := self._names.get(dotted(node), "").split(".")[0]) == loop.variable
        ]
        return hidden + [
            Problem(start(node.operand), said.format(name))
            for node in walk(tree)
            if isinstance(node, Select) and node.test
            if (name := f"{dotted(node.operand)}.{node.field}".removeprefix(".")) in self._variables
        ]

    def _parsed(self, text: str) -> "_Parsed | tuple[Problem, ...]":
        try:
            tree = read(self._checker.compile(text, disable_check=True).serialize())
        except RuntimeError as report:
            if isinstance(report, RecursionError):
                return (Problem(0, _TOO_DEEP),)
            return tuple(problems(str(report), text, None, self._attributes))
        return _within_limits(tree) or _Parsed(tree)

    def _checked(self, text: str, parsed: Node) -> Node | tuple[Problem, ...]:
        try:
            return read(self._checker.compile(text).serialize())
        except RuntimeError as report:
            return tuple(problems(str(report), text, parsed, self._attributes))


@dataclass(frozen=True, slots=True)
class _Parsed:
    tree: Node


_HAS = re.compile(
    r"""(?P<literal>(?:[rR])?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|//[^\n]*)|(?P<has>\bhas\s*\(\s*(?P<name>[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)\s*\))""",
    re.DOTALL,
)
_UNSPEAKABLE = re.compile("[\\ud800-\\udfff]")
_TOO_DEEP = "the expression nests too deep; split it into several named conditions"


def _presence(name: str) -> str:
    """The name that stands for `has(name)`, of the same length."""
    return f"has_{name}_"


def _beginning(text: str, name: str, offset: int) -> int:
    """Where a name begins that the checker places at its last dot."""
    first, dot, _ = name.partition(".")
    return max(text.rfind(first, 0, offset), 0) if dot else offset


def _within_limits(tree: Node) -> tuple[Problem, ...]:
    level, depth, count = [tree], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > DEEPEST:
            return (Problem(level[0].offset, _TOO_DEEP),)
        if count > LARGEST:
            return (Problem(0, f"the expression has more than {LARGEST} parts; split it"),)
        level = [child for node in level for child in children(node)]
    return ()


def _expectation(
    tree: Node, place: int, expect: Expect, attributes: Mapping[str, Attribute]
) -> list[Problem]:
    """What the expression gives, against what is wanted; and what is not covered whatever it gives."""
    found = [
        Problem(node.offset, f"{node.what} cannot be used in a rule book")
        for node in walk(tree)
        if isinstance(node, Unsupported)
    ]
    found += [
        Problem(
            node.offset, "no attribute holds bytes; a text stands in quotes, without b before it"
        )
        for node in walk(tree)
        if isinstance(node, Constant) and isinstance(node.value, bytes)
    ]
    given = kind(tree.type)
    attribute = attributes.get(dotted(tree))
    subject = f"'{attribute.name}'" if attribute else "the expression"
    if expect is Expect.BOOL and given not in {"bool", "dyn"}:
        found.append(Problem(place, f"a condition is true or false; {subject} is {given}"))
    if expect is Expect.NUMBER and given not in {"int", "double"}:
        found.append(Problem(place, f"a number is wanted; {subject} is {given}"))
    return found


# --- the official checker ----------------------------------------------------------------------


def declaration(variable: Variable) -> CelType:
    """The type a variable is declared with: presence as bool, nullable scalars as wrappers."""
    if variable.presence:
        return CelType("bool")
    if variable.nullable and variable.type.name in _WRAPPED:
        return CelType("wrapper", (variable.type,))
    return variable.type


def checker(types: Mapping[str, CelType], container: str = "") -> "cel.Env":
    """The official environment: checks expressions, and evaluates them in tests."""
    from cel_expr_python import cel

    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(configuration()),
        variables={name: cel.Type(_signature(type_)) for name, type_ in types.items()},
        container=container,
        function_impls=dict(_implementations()),
    )


def _implementations() -> Iterable[tuple[str, Any]]:
    """Attune's own functions and mixed arithmetic for the official evaluator."""
    for name, unit in clock.UNITS.items():
        yield overload_id(name, ("int",)), partial(_span, unit=unit)
    yield overload_id("date", ("string",)), _date
    for sign, apply in _MIXED.items():
        for left, right in (
            ("int", "double"),
            ("double", "int"),
            ("uint", "double"),
            ("double", "uint"),
        ):
            yield overload_id(sign, (left, right)), apply


def _span(count: int, unit: Micros) -> timedelta:
    length = clock.span(count, unit)
    if length is None:
        raise OverflowError(count)
    return length * clock.MICROSECOND


def _date(text: str) -> datetime:
    micros = clock.timestamp_of_date(text)
    if micros is None:
        raise ValueError(text)
    return clock.EPOCH + timedelta(microseconds=micros)


_MIXED = {
    "_+_": lambda a, b: float(a) + float(b),
    "_-_": lambda a, b: float(a) - float(b),
    "_*_": lambda a, b: float(a) * float(b),
    "_/_": lambda a, b: ratio(float(a), float(b)),
}
