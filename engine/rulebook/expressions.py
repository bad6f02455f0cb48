"""Compiling every expression of a book, each distinct text once, with mistakes at their place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.model import Stage
from engine.rulebook.attributes import Attributes, protected_problem
from engine.rulebook.book import Condition, Number
from engine.rulebook.cel import Environment, Expect, Expression, generate, load
from engine.rulebook.conditions import STAGES, Formula, WrittenCondition, WrittenNumber
from engine.rulebook.nodes import Scalar, shortened
from engine.rulebook.readers import range_problem
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
    conditions as they are written, in that order, too; `others` all other expressions; `attributes`
    what they may speak of.
    """

    def __init__(self, attributes: Attributes, report: Report) -> None:
        self.conditions: list[Condition] = []
        self.condition_sources: list[Expression] = []
        self.number_sources: list[Expression] = []
        self.checked: list[Checked] = []
        self.others: list[Checked] = []
        self.attributes = attributes
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
        """A number of the book, computed if an expression is written that reads anything."""
        if not isinstance(written, Formula):
            return Number(written)
        text = written.scalar.text.strip()
        checked = self.check_number(written)
        if checked is None:
            return Number(0.0)
        if not isinstance(checked, Expression):
            return Number(checked, None, text)
        self.number_sources.append(checked)
        return Number(None, len(self.number_sources) - 1, text)

    def check_number(self, written: Formula) -> Expression | float | None:
        """The compiled expression, or the number itself if it reads nothing and so is always the same.

        None if it has mistakes, which are then reported: such a number must be in its range.
        """
        expression = self.check(written.scalar, Expect.NUMBER)
        if expression is None or expression.reads:
            return expression
        number = _worked_out(expression)
        shown = f"'{shortened(written.scalar.text)}'"
        if number is None:
            message = f"{shown} cannot be worked out: is something divided by zero?"
        elif problem := range_problem(number, written.least, written.most):
            message = f"{shown} is {number:g}, which is {problem}"
        else:
            return number
        self._report.error(written.scalar.place, message)
        return None

    def check(self, scalar: Scalar, expect: Expect) -> Expression | None:
        """The compiled expression of something that no action asks for, such as a trigger; None if it has mistakes."""
        expression = self._checked(scalar, expect)
        if expression is not None:
            self.others.append(Checked(scalar, expression))
        return expression

    def _checked(self, scalar: Scalar, expect: Expect) -> Expression | None:
        """The compiled expression; None if it has mistakes, which are then reported."""
        if not self.attributes.complete:
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
            problems = tuple(self._protected(result))
            return _Compiled(None if problems else result, problems)
        if any(name in text for name in self.attributes.doubtful | self._lost):
            return _Compiled(None)
        return _Compiled(None, tuple((problem.offset, problem.message) for problem in result))

    def _protected(self, expression: Expression) -> Iterator[tuple[int, str]]:
        """Where it reads attributes that nothing may be decided by."""
        for name in sorted(self.attributes.protected.intersection(expression.reads)):
            attribute = self.attributes.declared[self.attributes.index[name]]
            for offset in expression.offsets_of(attribute.index):
                yield offset, protected_problem(attribute)

    @property
    def reads(self) -> frozenset[str]:
        """The attributes that any expression of the book reads."""
        sources: Sequence[Expression] = (*self.condition_sources, *self.number_sources)
        return frozenset(name for source in sources for name in source.reads)


def _worked_out(expression: Expression) -> float | None:
    """The value of an expression that reads nothing; None if it has none."""
    numbers_of: Any = load(generate([], [expression]))["numbers_of"]
    value: float | None = numbers_of([])[0]
    return value


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One distinct text: its expression, or what is wrong with it (offset and message)."""

    expression: Expression | None
    problems: tuple[tuple[int, str], ...] = ()
