"""Pieces of generated Python: an expression, and what must hold before it may be evaluated.

A strict operation is unknown as soon as one operand is. So a piece carries *guards*, Python tests
that are true when there is no value; they are evaluated left to right before the body, and may
bind temporaries the body uses. An operation joins its operands' guards, and the whole becomes one
flat `None if guard or guard else body`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from engine.rulebook.cel.tree import CelType

DEEPEST = 16
"""Nested parentheses of one generated expression before a part is moved to a local."""


@dataclass(frozen=True, slots=True)
class Code:
    """One piece.

    Attributes:
        body: a Python expression, safe to evaluate once no guard holds; to be used exactly once
            unless it is an identifier.
        type: the static type it is represented as; `dyn` means boxed.
        guards: tests that there is no value.
        null: the body may be `NULL`.
        not_null: a local with the same value that is None also where this one is `NULL`.
        depth: how deep the body's parentheses nest.
        literal: the body is a literal number, text or truth, or a list of such.
        stored: comes from an attribute, so that what it contains is never `NULL`.
    """

    body: str
    type: CelType
    guards: tuple[str, ...] = ()
    null: bool = False
    not_null: str = ""
    depth: int = 0
    literal: bool = False
    stored: bool = False

    @property
    def fallible(self) -> bool:
        """Whether there may be no value."""
        return bool(self.guards)

    @property
    def value(self) -> str:
        """One expression: the value, or None if there is none."""
        if not self.guards:
            return self.body
        last = self.guards[-1]
        body, guards = self.body, self.guards
        bound = f"({body} := "
        if last == f"{body} is None":
            guards = guards[:-1]
        elif last.startswith(bound) and last.endswith(") is None"):
            body, guards = last.removeprefix(bound).removesuffix(") is None"), guards[:-1]
        return f"(None if {' or '.join(guards)} else {body})" if guards else body


def joined(codes: Iterable[Code]) -> tuple[str, ...]:
    """The guards of several pieces, in order, each once."""
    return tuple(dict.fromkeys(guard for code in codes for guard in code.guards))


@dataclass(slots=True)
class Scope:
    """The Python function being written: its lines so far, its temporaries, what it captures."""

    lines: list[str] = field(default_factory=list)
    captured: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Code] = field(default_factory=dict)
    indent: str = "    "
    folds: int = 0
    temporaries: int = 0

    def temporary(self) -> str:
        """A fresh local."""
        self.temporaries += 1
        return f"t{self.temporaries}"

    def write(self, line: str) -> None:
        """Adds a statement."""
        self.lines.append(self.indent + line)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Statements written meanwhile stand one level deeper."""
        outer = self.indent
        self.indent = outer + "    "
        yield
        self.indent = outer

    def settled(self, code: Code) -> Code:
        """The same piece, its value moved to a local if it nests too deep."""
        return self.held(code) if code.depth >= DEEPEST else code

    def held(self, code: Code, name: str = "") -> Code:
        """The same piece with its value in a local."""
        self.capture(code)
        name = name or self.temporary()
        self.write(f"{name} = {code.value}")
        guards = (f"{name} is None",) if code.guards else ()
        return replace(code, body=name, guards=guards, not_null="", depth=0, literal=False)

    def capture(self, *codes: Code) -> None:
        """Notes that these attributes' values are read with null told apart."""
        for code in codes:
            if code.not_null:
                self.captured.setdefault(code.body)

    def checked(
        self, body: str, type_: CelType, operands: Iterable[Code], *, null: bool = False
    ) -> Code:
        """A piece whose body gives None where there is no value."""
        operands = tuple(operands)
        self.capture(*operands)
        name = self.temporary()
        guards = (*joined(operands), f"({name} := {body}) is None")
        return self.settled(Code(name, type_, guards, null, depth=deeper(operands)))

    def within(self, body: str, type_: CelType, operands: Iterable[Code], bounds: str) -> Code:
        """A piece of int arithmetic that must stay in `low, high`."""
        operands = tuple(operands)
        self.capture(*operands)
        name = self.temporary()
        low, _, high = bounds.partition(", ")
        guards = (*joined(operands), f"not {low} <= ({name} := {body}) <= {high}")
        return self.settled(Code(name, type_, guards, depth=deeper(operands)))

    def sure(
        self, body: str, type_: CelType, operands: Iterable[Code], *, null: bool = False
    ) -> Code:
        """A piece that always has a value once its operands have."""
        operands = tuple(operands)
        self.capture(*operands)
        return self.settled(Code(body, type_, joined(operands), null, depth=deeper(operands)))

    def known(self, code: Code) -> Code:
        """The piece where a value is needed: null counts as none."""
        if not code.null:
            return code
        if code.not_null:
            self.captured.setdefault(code.not_null)
            guards = (f"{code.not_null} is None",)
            return Code(code.not_null, code.type, guards, stored=code.stored)
        if code.body.isidentifier():
            return replace(code, guards=(*code.guards, f"{code.body} is NULL"), null=False)
        name = self.temporary()
        guard = f"({name} := {code.body}) is NULL"
        return Code(name, code.type, (*code.guards, guard), depth=code.depth)


def deeper(operands: Iterable[Code]) -> int:
    """The depth of an expression around these."""
    return 1 + max((code.depth for code in operands), default=0)
