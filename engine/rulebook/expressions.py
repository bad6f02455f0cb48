"""Compiling every expression of a book, each distinct text once, with mistakes at their place."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.model import Stage
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Condition, Number
from engine.rulebook.cel import Environment, Expect, Expression
from engine.rulebook.conditions import STAGES, WrittenCondition, WrittenNumber
from engine.rulebook.nodes import Scalar
from engine.rulebook.report import Report


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression where it is written, and the condition it is (None: a number, or not enforced)."""

    scalar: Scalar
    expression: Expression
    condition: WrittenCondition | None = None


class Expressions:
    """Compiles expressions against the declared attributes and collects what goes into the book.

    `conditions` and `numbers` grow in the order in which they are asked for; `condition_sources`
    and `number_sources` are their compiled expressions, in the same order. `checked` are the
    conditions as they are written, in that order, too; `others` all other expressions.
    """

    def __init__(self, attributes: Attributes, report: Report) -> None:
        self.conditions: list[Condition] = []
        self.condition_sources: list[Expression] = []
        self.number_sources: list[Expression] = []
        self.checked: list[Checked] = []
        self.others: list[Checked] = []
        self._attributes = attributes
        self._report = report
        self._environment = Environment(attributes.declared)
        self._lost = frozenset(word for word in attributes.lost if "." in word)
        self._known: dict[tuple[str, Expect], _Compiled] = {}

    def condition(self, written: WrittenCondition) -> int | None:
        """The index of a condition; None if it has a mistake, which is then reported."""
        expression = self._checked(written.scalar, Expect.BOOL)
        if expression is None:
            return None
        self.checked.append(Checked(written.scalar, expression, written))
        place = written.scalar.place
        consent = any(name.startswith("consent.") for name in expression.reads)
        stage = (
            Stage.CONSENT_AND_CONTACT if consent else STAGES.get(written.test, Stage.ARBITRATION)
        )
        self.condition_sources.append(expression)
        self.conditions.append(
            Condition(
                index=len(self.conditions),
                stage=Stage.ARBITRATION if written.level == "arbitration" else stage,
                test=written.test,
                name=written.name,
                level=written.level,
                owner=written.owner,
                text=written.scalar.text.strip(),
                file=place.file,
                line=place.line,
                column=place.column,
                reads=tuple(expression.reads),
            )
        )
        return len(self.conditions) - 1

    def number(self, written: WrittenNumber) -> Number:
        """A number of the book, computed if an expression is written."""
        if not isinstance(written, Scalar):
            return Number(written)
        expression = self.check(written, Expect.NUMBER)
        if expression is None:
            return Number(0.0)
        self.number_sources.append(expression)
        return Number(None, len(self.number_sources) - 1, written.text.strip())

    def check(self, scalar: Scalar, expect: Expect) -> Expression | None:
        """The compiled expression of something that is not enforced yet; None if it has mistakes."""
        expression = self._checked(scalar, expect)
        if expression is not None:
            self.others.append(Checked(scalar, expression))
        return expression

    def _checked(self, scalar: Scalar, expect: Expect) -> Expression | None:
        """The compiled expression; None if it has mistakes, which are then reported."""
        if not self._attributes.complete:
            return None
        key = (scalar.text, expect)
        if key not in self._known:
            self._known[key] = self._compiled(scalar.text, expect)
        compiled = self._known[key]
        for offset, message in compiled.problems:
            self._report.error(scalar.place_of(offset), message)
        return compiled.expression

    def _compiled(self, text: str, expect: Expect) -> "_Compiled":
        result = self._environment.compile(text, expect)
        if isinstance(result, Expression):
            return _Compiled(result)
        if any(name in text for name in self._attributes.doubtful | self._lost):
            return _Compiled(None)
        return _Compiled(None, tuple((problem.offset, problem.message) for problem in result))

    @property
    def reads(self) -> frozenset[str]:
        """The attributes that any expression of the book reads."""
        sources: Sequence[Expression] = (*self.condition_sources, *self.number_sources)
        return frozenset(name for source in sources for name in source.reads)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One distinct text: its expression, or what is wrong with it (offset and message)."""

    expression: Expression | None
    problems: tuple[tuple[int, str], ...] = ()
