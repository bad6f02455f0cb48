"""Writes checked expressions as Python: each node as a piece of code, loops as functions of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.rulebook.cel import operators
from engine.rulebook.cel.code import Code, Scope, deeper
from engine.rulebook.cel.functions import call, not_covered
from engine.rulebook.cel.shapes import NotCovered, boxed, literal
from engine.rulebook.cel.tree import (
    BOOL,
    DYN,
    Call,
    CelType,
    Constant,
    Fold,
    ListOf,
    MapOf,
    Name,
    Node,
    Select,
    Unsupported,
)

LOOPS = 2
"""How deep `all exists exists_one map filter` may stand inside one another."""

_TYPE_NAMES = {
    "null": "null_type",
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """What the generator needs of an attribute: its place among the values, and whether null occurs."""

    index: int
    type: CelType
    nullable: bool
    presence: bool = False
    """Stands for `has(attribute)`: true where there is a value that is not null."""


@dataclass(slots=True)
class Module:
    """The Python module being written."""

    variables: Mapping[str, Variable]
    loops: int = LOOPS
    constants: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    folds: int = 0
    shared: Mapping[Node, int] = field(default_factory=dict)
    held: dict[Node, Code] = field(default_factory=dict)

    def constant(self, expression: str) -> str:
        """A global evaluated once, at load."""
        return self.constants.setdefault(expression, f"k{len(self.constants)}")


@dataclass(slots=True)
class Writer:
    """Turns nodes into code within one Python function."""

    module: Module
    scope: Scope

    def code(self, node: Node) -> Code:
        """The node's value."""
        if node not in self.module.shared or self.scope.folds:
            return self._fresh(node)
        held = self.module.held.get(node)
        if held is None:
            fresh = self._fresh(node)
            held = fresh if fresh.body.isidentifier() and not _binds(fresh) else None
            held = held or self.scope.held(fresh, f"s{len(self.module.held)}")
            self.module.held[node] = held
        return held

    def _fresh(self, node: Node) -> Code:
        match node:
            case Constant():
                return literal(node)
            case Name():
                return self._name(node)
            case Select():
                return self._select(node)
            case ListOf():
                return self._list(node)
            case MapOf():
                return self._map(node)
            case Fold():
                return self._fold(node)
            case Call():
                return self._call(node)
            case Unsupported():
                raise NotCovered(node.offset, f"{node.what} cannot be used in a rule book")

    def _name(self, node: Name) -> Code:
        name = node.name.removeprefix(".")
        if (local := self.scope.variables.get(node.name)) is not None:
            self.scope.captured.setdefault(local.body)
            return local
        if node.type.name == "type":
            return self._type(node)
        variable = self.module.variables.get(name)
        if variable is None:
            raise NotCovered(node.offset, f"'{name}' cannot be used here")
        place = variable.index
        if variable.presence:
            self.scope.captured.setdefault(f"a{place}")
            return Code(f"(a{place} is not None)", BOOL, depth=1)
        if not variable.nullable:
            self.scope.captured.setdefault(f"a{place}")
            return Code(f"a{place}", variable.type, (f"a{place} is None",), stored=True)
        guards = (f"n{place} is None",)
        return Code(f"n{place}", variable.type, guards, True, f"a{place}", stored=True)

    def _type(self, node: Name) -> Code:
        name = node.type.parameters[0].name if node.type.parameters else "type"
        if name in {"dyn", "error"}:
            raise NotCovered(node.offset, f"'{name}' is not a type a value can have")
        written = self.module.constant(f"TypeValue({_TYPE_NAMES.get(name, name)!r})")
        return Code(written, node.type)

    def read(self, node: Node) -> Code:
        """The node's value where null is one."""
        code = self.code(node)
        self.scope.capture(code)
        return code

    def known(self, node: Node) -> Code:
        """The node's value where null is none."""
        return self.scope.known(self.code(node))

    def _select(self, node: Select) -> Code:
        operand = self.scope.known(self.code(node.operand))
        constructed = not operand.stored
        if operand.type.name == "map":
            if node.test:
                return self.scope.sure(f"({node.field!r} in {operand.body})", BOOL, [operand])
            body = f"{operand.body}.get({node.field!r})"
            element = operand.type.parameters[1]
            return self.scope.checked(body, element, [operand], null=constructed)
        if operand.type.name != "dyn":
            raise NotCovered(node.offset, f"fields of {operand.type} cannot be used in a rule book")
        function = "has_field" if node.test else "select"
        body = f"{function}({operand.body}, {node.field!r})"
        return self.scope.checked(body, BOOL if node.test else DYN, [operand], null=not node.test)

    def _list(self, node: ListOf) -> Code:
        element = node.type.parameters[0] if node.type.parameters else DYN
        codes = [self._element(e, element) for e in node.elements]
        body = "".join(f"{code.body}, " for code in codes).removesuffix(" ")
        made = self.scope.sure(f"({body})", node.type, codes)
        return replace(made, literal=all(code.literal for code in codes))

    def _element(self, node: Node, type_: CelType) -> Code:
        code = self.read(node)
        return boxed(self.scope, code) if type_.name == "dyn" else code

    def _map(self, node: MapOf) -> Code:
        key, element = node.type.parameters or (DYN, DYN)
        pairs = [(self._element(k, key), self._element(v, element)) for k, v in node.entries]
        body = ", ".join(f"({k.body}, {v.body})" for k, v in pairs)
        flat = [code for pair in pairs for code in pair]
        return self.scope.checked(f"map_of({body})", node.type, flat)

    def _call(self, node: Call) -> Code:
        match node.function:
            case "_&&_" | "_||_":
                truths = [self.truth(n) for n in flat(node, node.function)]
                return operators.logic(self.scope, node.function, truths)
            case "_?_:_":
                return self._choice(node)
            case "dyn":
                return boxed(self.scope, self.code(node.arguments[0]))
            case _:
                operands = [self.code(n) for n in node.arguments]
                made = operators.operation(self.scope, node, operands) or call(
                    self.module.constant, self.scope, node, operands
                )
                if made is None:
                    raise NotCovered(node.offset, not_covered(node, operands))
                return made

    def truth(self, node: Node) -> Code:
        """The node where a truth is needed: anything but a bool is an error."""
        code = self.scope.known(self.code(node))
        if code.type.name == "bool":
            return code
        as_dyn = boxed(self.scope, code)
        return self.scope.checked(f"bool_of({as_dyn.body})", BOOL, [as_dyn])

    def _choice(self, node: Call) -> Code:
        condition = self.truth(node.arguments[0])
        branches = [self.read(n) for n in node.arguments[1:]]
        if node.type.name == "dyn":
            branches = [boxed(self.scope, branch) for branch in branches]
        yes, no = branches
        null = yes.null or no.null
        body = f"({yes.value} if {condition.body} else {no.value})"
        depth = deeper([condition, yes, no])
        condition = replace(condition, depth=depth - 1)
        made = self.scope.checked if yes.fallible or no.fallible else self.scope.sure
        return made(body, node.type, [condition], null=null)

    def _fold(self, node: Fold) -> Code:
        if self.scope.folds >= self.module.loops:
            message = (
                f"all, exists, exists_one, map and filter nest at most {self.module.loops} deep"
            )
            raise NotCovered(node.offset, message)
        items = self.scope.known(self.code(node.range))
        if items.type.name == "dyn":
            items = self.scope.checked(f"items_of({items.body})", items.type, [items])
        self.module.folds += 1
        name = f"f{self.module.folds}"
        inner = self._loop(name, node, items)
        arguments = ", ".join([items.body, *inner.captured])
        for captured in inner.captured:
            self.scope.captured.setdefault(captured)
        null = node.type.name == "dyn"
        return self.scope.checked(f"{name}({arguments})", node.type, [items], null=null)

    def _loop(self, name: str, node: Fold, items: Code) -> Scope:
        """Writes the loop as a function of its own; returns its scope, for what it captures."""
        item, total = f"x_{name}", f"r_{name}"
        scope = Scope(variables=dict(self.scope.variables), folds=self.scope.folds + 1)
        writer = Writer(self.module, scope)
        first = writer.read(node.start)
        scope.write(f"{total} = {first.value}")
        accumulated = Code(
            total, _accumulator(node), (f"{total} is None",), node.type.name == "dyn"
        )
        scope.variables[node.accumulator] = accumulated
        element = items.type.parameters[0] if items.type.parameters else DYN
        variable = Code(item, element, (), null=not items.stored)
        scope.write(f"for {item} in items:")
        with scope.inside():
            outer = scope.variables.pop(node.variable, None)
            if node.variable != node.accumulator:
                scope.variables[node.variable] = variable
            writer.stop(node.condition, total)
            step = writer.read(node.step)
            scope.write(f"{total} = {step.value}")
            del scope.variables[node.variable]
            if outer is not None:
                scope.variables[node.variable] = outer
        result = writer.read(node.result)
        scope.write(f"return {result.value}")
        for local in (item, total):
            scope.captured.pop(local, None)
        parameters = ", ".join(["items", *scope.captured])
        self.module.functions.append("\n".join([f"def {name}({parameters}):", *scope.lines]))
        return scope

    def stop(self, condition: Node, total: str) -> None:
        """Writes when a loop is left early: as soon as its condition is false."""
        match condition:
            case Constant(value=True):
                return
            case Call(function="@not_strictly_false", arguments=(Name(),)):
                self.scope.write(f"if {total} is False: break")
            case Call(function="@not_strictly_false", arguments=(Call(function="!_"),)):
                self.scope.write(f"if {total} is True: break")
            case _:
                raise NotCovered(condition.offset, "a macro of this kind cannot be used here")


def _accumulator(node: Fold) -> CelType:
    return node.step.type if node.step.type.name != "dyn" else node.start.type


def _binds(code: Code) -> bool:
    return any(":=" in guard for guard in code.guards)


def flat(node: Node, function: str) -> list[Node]:
    """The operands of a run of `&&` or of `||`, however it is grouped."""
    found: list[Node] = []
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, Call) and current.function == function:
            pending.extend(reversed(current.arguments))
        else:
            found.append(current)
    return found
