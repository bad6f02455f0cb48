"""From checked expressions to clauses: what must all be true, each over a few things with a few values.

An expression is taken apart into comparisons of a *subject* with constants. The subject is an attribute,
or any other expression, which then is a thing of its own that can have any value of its type: so nothing
is concluded from how two different expressions depend on each other. What is no such comparison is a
subject itself, of which only equal copies are known to be equal.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from engine.model import Value
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Attribute, Truth
from engine.rulebook.cel import Expression, load
from engine.rulebook.cel.code import Code
from engine.rulebook.cel.function import write
from engine.rulebook.cel.generator import Module, Variable, Writer
from engine.rulebook.cel.operators import EXACT, kind
from engine.rulebook.cel.shapes import NotCovered
from engine.rulebook.cel.tree import (
    BOOL,
    INT,
    Call,
    CelType,
    Constant,
    Fold,
    ListOf,
    Name,
    Node,
    children,
    walk,
)
from engine.rulebook.logic.domains import Domain, Mark, of_attribute, of_node

_ORDER: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_EQUALITY: Final = frozenset({"_==_", "_!=_"})
_TURNED: Final = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}
_NUMBERS: Final = frozenset({"int", "double"})
_ORDERED: Final = _NUMBERS | {"timestamp", "duration"}
_COMPARED: Final = _NUMBERS | {"bool", "string", "timestamp", "duration"}
_MOST_CLAUSES: Final = 20_000

Test: TypeAlias = Callable[[Mapping[int, Value]], tuple[Truth]]
"""Gives one truth for the values of the subjects."""


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """One operand of a condition's outermost `&&`.

    `subjects` are the things it depends on, `marks` what each is compared with, `node` the operand
    as written. `test` tells its truth for any values of the subjects; None if that cannot be told.
    """

    node: Node
    subjects: tuple[int, ...]
    marks: Mapping[int, frozenset[Mark]]
    test: Test | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A single subject compared with a constant: `operator` as if the subject stood first."""

    subject: Node
    operator: str
    constant: Constant
    clause: Clause


@dataclass(frozen=True, slots=True)
class Clauses:
    """The clauses and the comparisons of every expression, in their order; each subject's domain.

    `attributes` tells which subject an attribute is.
    """

    of: tuple[tuple[Clause, ...], ...]
    comparisons: tuple[tuple[Comparison, ...], ...]
    domains: tuple[Domain, ...]
    attributes: Mapping[str, int]


def clauses_of(expressions: Sequence[Expression], attributes: Attributes) -> Clauses:
    """Takes expressions apart, each once; those that are no conditions have comparisons only."""
    several = {id(expression): expression for expression in expressions}
    if len(several) < len(expressions):
        apart = clauses_of(tuple(several.values()), attributes)
        at = {key: index for index, key in enumerate(several)}
        order = [at[id(expression)] for expression in expressions]
        return replace(
            apart,
            of=tuple(apart.of[index] for index in order),
            comparisons=tuple(apart.comparisons[index] for index in order),
        )
    known = {name: v for e in expressions for name, v in e.variables.items()}
    writing = _Writing(attributes, known)
    drafts = [
        [writing.clause(node) for node in conjuncts(e.tree)] if _is_truth(e.tree) else []
        for e in expressions
    ]
    compared = [list(writing.comparisons(e.tree)) for e in expressions]
    tests = writing.tests()
    return Clauses(
        tuple(tuple(replace(c, test=next(tests)) for c in found) for found in drafts),
        tuple(
            tuple(replace(c, clause=replace(c.clause, test=next(tests))) for c in found)
            for found in compared
        ),
        tuple(writing.domains),
        writing.attribute_slots(),
    )


def _is_truth(node: Node) -> bool:
    return kind(node.type) == "bool"


def conjuncts(node: Node) -> Iterator[Node]:
    """The operands of the outermost `&&`s, in the order they are written."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, Call) and current.function == "_&&_":
            pending.extend(reversed(current.arguments))
        else:
            yield current


@dataclass(slots=True)
class _Writing:
    """Finds the subjects, and writes one Python function for each clause.

    `known` are the variables the expressions name: attributes, and `has(attribute)`.
    """

    attributes: Attributes
    known: Mapping[str, Variable]
    domains: list[Domain] = field(default_factory=list)
    _slots: dict[Node | str, int] = field(default_factory=dict)
    _variables: dict[str, Variable] = field(default_factory=dict)
    _trees: dict[Node, int] = field(default_factory=dict)
    _taken: list[int] = field(default_factory=list)
    _marks: defaultdict[int, set[Mark]] = field(default_factory=lambda: defaultdict(set))

    def clause(self, node: Node) -> Clause:
        """Takes one clause; `tests` gives its function, in the order of the clauses taken."""
        self._marks.clear()
        tree = self._reduced(node)
        self._taken.append(self._trees.setdefault(tree, len(self._trees)))
        marks = {slot: frozenset(found) for slot, found in self._marks.items()}
        return Clause(node, tuple(sorted(marks)), marks)

    def comparisons(self, tree: Node) -> Iterator[Comparison]:
        """Every comparison with a constant there is in an expression, outside of loops."""
        for node in _outside_loops(tree):
            for operator, subject, constant in _compared(node):
                if not self._comparable(subject, constant, operator):
                    continue
                clause = self.clause(
                    Call(BOOL, node.offset, operator, (subject, constant), method=False)
                )
                yield Comparison(subject, operator, constant, clause)

    def tests(self) -> Iterator[Test | None]:
        """The functions of all clauses taken; None for those that cannot be told."""
        module = Module(self._variables)
        functions = []
        told = [len(self._trees) <= _MOST_CLAUSES] * len(self._trees)
        for tree, n in self._trees.items():
            try:
                if told[n]:
                    functions.append(write(f"clause_{n}", [tree], module, _truth))
            except NotCovered:
                told[n] = False
        constants = [f"{name} = {expression}" for expression, name in module.constants.items()]
        defined: Mapping[str, Any] = load("\n".join([*constants, *functions]) + "\n")
        return (defined[f"clause_{n}"] if told[n] else None for n in self._taken)

    def attribute_slots(self) -> dict[str, int]:
        """The subject of each attribute that is one."""
        return {name: slot for name, slot in self._slots.items() if isinstance(name, str)}

    def _reduced(self, node: Node) -> Node:
        """The node, with everything that is not looked into made a subject."""
        if isinstance(node, Constant):
            return node
        if self._closed(node):
            return node
        match node:
            case Call(function="_&&_" | "_||_" | "!_" | "_?_:_", arguments=arguments) if all(
                map(_is_truth, arguments)
            ):
                return replace(node, arguments=tuple(map(self._reduced, arguments)))
            case Call(function=function, arguments=(one, other)) if function in _ORDER | _EQUALITY:
                return self._comparison(node, one, other)
            case Call(function="@in", arguments=(one, ListOf(elements=elements))) if (
                elements
                and all(
                    isinstance(e, Constant) and self._comparable(one, e, "_==_") for e in elements
                )
            ):
                subject = self._subject(one)
                for element in elements:
                    self._mark(subject, element)
                return replace(node, arguments=(subject, node.arguments[1]))
            case _:
                return self._subject(node)

    def _comparison(self, node: Call, one: Node, other: Node) -> Node:
        if isinstance(other, Constant) and self._comparable(one, other, node.function):
            subject = self._subject(one)
            self._mark(subject, other)
            return replace(node, arguments=(subject, other))
        if isinstance(one, Constant) and self._comparable(other, one, node.function):
            subject = self._subject(other)
            self._mark(subject, one)
            return replace(node, arguments=(one, subject))
        if apart := self._apart(node, one, other):
            return apart
        if node.function == "_!=_":
            equal = self._subject(replace(node, function="_==_"))
            return Call(BOOL, node.offset, "!_", (equal,), method=False)
        return self._subject(node)

    def _apart(self, node: Call, one: Node, other: Node) -> Node | None:
        """A comparison of two things as one of how far they are apart; None if that cannot be told."""
        (first, ahead), (second, behind) = _shifted(one), _shifted(other)
        of = kind(first.type)
        known = [self._domain(first), self._domain(second)]
        doubles = of == "double" and not all(domain.finite for domain in known)
        both_null = known[0].null and known[1].null and node.function in _EQUALITY
        if of not in _ORDERED or of != kind(second.type) or doubles or both_null or first == second:
            return None
        function, distance = node.function, Call(INT, node.offset, "apart", (first, second), False)
        turned = replace(distance, arguments=(second, first))
        gap = behind - ahead
        if turned in self._slots:
            distance, gap, function = turned, -gap, _TURNED.get(function, function)
        domain = Domain(
            "int", null=any(d.null for d in known), unknown=any(d.unknown for d in known)
        )
        subject = self._variable(distance, domain)
        by = Constant(INT, node.offset, gap)
        self._mark(subject, by)
        return replace(node, function=function, arguments=(subject, by))

    def _domain(self, node: Node) -> Domain:
        """What is known of a node's values."""
        found = self._attribute(node) if isinstance(node, Name) else None
        if found is None or found[1].presence:
            return of_node(node)
        return of_attribute(found[0], doubtful=self.attributes.named(found[0].name) is None)

    def _comparable(self, subject: Node, constant: Constant, operator: str) -> bool:
        """Whether a few values of the subject stand for all in this comparison."""
        of, by = kind(subject.type), kind(constant.type)
        if isinstance(subject, Constant) or of not in _COMPARED:
            return False
        if constant.value is None:
            return operator in _EQUALITY
        if of == by:
            return of in _NUMBERS | {"timestamp", "duration"} or operator in _EQUALITY
        value = constant.value
        small = isinstance(value, int | float) and abs(value) < EXACT
        return of in _NUMBERS and by in _NUMBERS and small

    def _mark(self, subject: Node, constant: Node) -> None:
        value = constant.value if isinstance(constant, Constant) else None
        if isinstance(subject, Name) and isinstance(value, int | float | str):
            slot = self._variables[subject.name.removeprefix(".")].index
            self._marks[slot].add(value)

    def _closed(self, node: Node) -> bool:
        """Whether it depends on nothing but attributes all of whose values can be gone through."""
        names = []
        for part in walk(node):
            if isinstance(part, Fold):
                return False
            if isinstance(part, Name) and part.type.name != "type":
                names.append(part)
        found = [self._attribute(name) for name in names]
        closed = all(
            attribute
            and (attribute[1].presence or self.attributes.named(attribute[0].name))
            and (attribute[1].presence or of_attribute(attribute[0], doubtful=False).closed)
            for attribute in found
        )
        for name in names if closed else ():
            self._subject(name)
        return closed

    def _subject(self, node: Node) -> Name:
        """The variable that stands for a node: the attribute's own, or a new one."""
        attribute = self._attribute(node) if isinstance(node, Name) else None
        if attribute:
            return self._attribute_s(node, *attribute)
        return self._variable(node, of_node(node))

    def _variable(self, node: Node, domain: Domain) -> Name:
        """The new variable that stands for a node of this domain."""
        slot = self._slot(node, lambda: domain)
        name = f"subject_{slot}"
        type_ = BOOL if node.type.name == "dyn" else _inner(node.type)
        self._variables[name] = Variable(slot, type_, nullable=True)
        return Name(node.type, node.offset, name)

    def _attribute_s(self, node: Node, attribute: Attribute, variable: Variable) -> Name:
        doubtful = self.attributes.named(attribute.name) is None
        slot = self._slot(attribute.name, lambda: of_attribute(attribute, doubtful=doubtful))
        name = node.name if isinstance(node, Name) else attribute.name
        nullable = self.domains[slot].null
        self._variables[name.removeprefix(".")] = replace(variable, index=slot, nullable=nullable)
        return Name(node.type, node.offset, name)

    def _attribute(self, node: Name) -> tuple[Attribute, Variable] | None:
        """The attribute a name stands for."""
        variable = self.known.get(node.name.removeprefix("."))
        return (self.attributes.declared[variable.index], variable) if variable else None

    def _slot(self, key: Node | str, domain: Callable[[], Domain]) -> int:
        if key not in self._slots:
            self._slots[key] = len(self.domains)
            self.domains.append(domain())
        self._marks[self._slots[key]]  # a subject without marks is one, too
        return self._slots[key]


def _shifted(node: Node) -> tuple[Node, int]:
    """`now + days(60)` as `now` and 60 days in microseconds; anything else as it is.

    Only of the clock is it certain that the sum is a time: an attribute may hold the last there is.
    """
    match node:
        case Call(function="_+_" | "_-_" as sign, arguments=(Name() as base, Constant() as by)):
            if base.name.removeprefix(".") == "now" and isinstance(by.value, int):
                return base, by.value if sign == "_+_" else -by.value
    return node, 0


def _truth(writer: Writer, node: Node) -> Code:
    return writer.truth(node)


def _inner(type_: CelType) -> CelType:
    return type_.parameters[0] if type_.name == "wrapper" else type_


def _outside_loops(node: Node) -> Iterator[Node]:
    """The node and what is below it, but nothing inside of loops."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, Fold):
            continue
        yield current
        pending.extend(reversed(children(current)))


def _compared(node: Node) -> Iterator[tuple[str, Node, Constant]]:
    """What a node compares with constants, the subject first; `in` as several `==`."""
    match node:
        case Call(function="@in", arguments=(subject, ListOf(elements=elements))):
            for element in elements:
                if isinstance(element, Constant) and not isinstance(subject, Constant):
                    yield "_==_", subject, element
        case Call(function=function, arguments=(one, other)) if function in _ORDER | _EQUALITY:
            if isinstance(other, Constant) and not isinstance(one, Constant):
                yield function, one, other
            elif isinstance(one, Constant) and not isinstance(other, Constant):
                yield _TURNED.get(function, function), other, one
