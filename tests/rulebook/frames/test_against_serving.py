"""Answers over frames against the function that serves decisions, row by row.

The expressions and customers are those the serving function itself is compared with the official
evaluator by: every type, operator and function, values missing and null, numbers beyond 2^53, not a
number, years out of range.
"""

import os
from random import Random
from typing import Any

import polars as pl
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from engine.rulebook.cel import Environment, Expect, Expression, generate, load
from engine.rulebook.frames import Answers, Asked, Column, series_of
from tests.rulebook.cel.expressions import ATTRIBUTES, Expressions, customer

ENVIRONMENT = Environment(ATTRIBUTES)
BATCH, CUSTOMERS = 12, 60
EXAMPLES = int(os.environ.get("ATTUNE_CEL_EXAMPLES", "60"))

COLUMNS = tuple(
    Column(a.name, a.type, a.nullable, f"{a.name}?" if a.nullable else "") for a in ATTRIBUTES
)


def frame_of(rows: list[list[Any]]) -> pl.DataFrame:
    by_column = zip(COLUMNS, zip(*rows, strict=True), strict=True)
    return pl.DataFrame([s for column, values in by_column for s in series_of(column, values)])


def drawn(random: Random, type_: str, count: int, expect: Expect) -> list[Expression]:
    found: list[Expression] = []
    while len(found) < count:
        text = Expressions(random).of(type_, random.randrange(1, 5))
        compiled = ENVIRONMENT.compile(text, expect)
        if isinstance(compiled, Expression):
            found.append(compiled)
    return found


def served(conditions: list[Expression], numbers: list[Expression], rows: list[Any]) -> list[Any]:
    defined: Any = load(generate(conditions, numbers))
    return [(*defined["conditions_of"](row), *defined["numbers_of"](row)) for row in rows]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(0, 2**32))
@example(9_459)  # −0.0 + 0.0
def test_frames_answer_as_the_serving_function(seed: int) -> None:
    random = Random(seed)
    conditions = drawn(random, "bool", BATCH, Expect.BOOL)
    numbers = drawn(random, random.choice(("int", "double")), 3, Expect.NUMBER)
    rows = [customer(random) for _ in range(CUSTOMERS)]
    answers = Answers([Asked(e, COLUMNS) for e in conditions], [Asked(e, COLUMNS) for e in numbers])
    answered = answers.over(frame_of(rows))
    for row, wanted, came in zip(
        rows, served(conditions, numbers, rows), answered.rows(), strict=True
    ):
        for expression, one, other in zip((*conditions, *numbers), wanted, came, strict=True):
            seen = {name: row[v.index] for name, v in expression.variables.items()}
            assert one is other or one == other, (expression.text, one, other, seen)
