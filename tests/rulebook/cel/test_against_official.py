"""Generated code against the official evaluator, over random expressions and random customers.

The oracle evaluates the same text. A missing attribute is left out of its data, which makes it an
error there; null is passed as None. Nullable attributes are declared as `dyn` to it, because its
Python binding takes no None otherwise; the checker's wrappers are tested by compiling the same
text with our `Environment`. Any error of the oracle is unknown (None) here. `has(attribute)` is a
bool the oracle is given. Values are compared in kind and exactly: 1 is not 1.0, NaN is NaN.
"""

import math
import os
import re
from datetime import datetime, timedelta
from functools import cache, lru_cache
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.model import UNKNOWN
from engine.rulebook.book import Kind
from engine.rulebook.cel import Environment, Expect, Expression, generate, load
from engine.rulebook.cel.clock import EPOCH, MICROSECOND
from engine.rulebook.cel.environment import cel_type, checker
from engine.rulebook.cel.function import write
from engine.rulebook.cel.generator import Module, Writer
from engine.rulebook.cel.shapes import shape
from engine.rulebook.cel.tree import BOOL, DYN
from engine.rulebook.cel.values import NULL, Duration, Timestamp, box
from tests.rulebook.cel.expressions import ATTRIBUTES, TYPES, Expressions, customer

ENVIRONMENT = Environment(ATTRIBUTES)
BATCH, CUSTOMERS, DEPTH = 25, 6, 5
EXAMPLES = int(os.environ.get("ATTUNE_CEL_EXAMPLES", "120"))


@cache
def evaluator(null_times: frozenset[str]) -> Any:
    """The official environment. A `dyn` variable takes None, but neither datetime nor timedelta."""
    times = {Kind.TIMESTAMP, Kind.DURATION}
    types = {}
    for attribute in ATTRIBUTES:
        typed = attribute.type.kind in times and attribute.name not in null_times
        types[attribute.name] = cel_type(attribute.type) if typed or not attribute.nullable else DYN
        types[f"has_{attribute.name}_"] = BOOL
    return checker(types)


def official(kind: Kind, value: Any) -> Any:
    match kind, value:
        case _, None:
            return None
        case Kind.TIMESTAMP, int():
            return EPOCH + value * MICROSECOND
        case Kind.DURATION, int():
            return value * MICROSECOND
        case _:
            return value


def data_of(values: list[Any]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for attribute, value in zip(ATTRIBUTES, values, strict=True):
        data[f"has_{attribute.name}_"] = value is not None and value is not UNKNOWN
        if value is UNKNOWN:
            continue
        kind, element = attribute.type.kind, attribute.type.element
        if value is None or element is None:
            data[attribute.name] = official(kind, value)
        elif kind is Kind.LIST:
            data[attribute.name] = [official(element.kind, v) for v in value]
        else:
            data[attribute.name] = {k: official(element.kind, v) for k, v in value.items()}
    return data


def boxed(value: Any) -> Any:
    """The oracle's plain value as a boxed one."""
    match value:
        case None:
            return NULL
        case datetime():
            return Timestamp((value - EPOCH) // MICROSECOND)
        case timedelta():
            return Duration(value // MICROSECOND)
        case list():
            return tuple(map(boxed, value))
        case dict():
            return {k: boxed(v) for k, v in value.items()}
        case _:
            return value


@lru_cache(maxsize=1000)
def compiled_officially(text: str, null_times: frozenset[str]) -> Any:
    return evaluator(null_times).compile(with_presence(text))


def accepted_with_dyn(text: str) -> bool:
    """Whether the oracle can take the text: now and then a `dyn` makes its checker guess wrongly."""
    times = [
        a.name for a in ATTRIBUTES if a.nullable and a.type.kind in {Kind.TIMESTAMP, Kind.DURATION}
    ]
    subsets = [(), times[:1], times[1:], times]
    try:
        for null in subsets:
            compiled_officially(text, frozenset(null))
    except RuntimeError:
        return False
    return True


def oracle(text: str, values: list[Any]) -> Any:
    data = data_of(values)
    null = frozenset(n for n, v in data.items() if v is None and n in ("maybe.x4", "maybe.x5"))
    result = compiled_officially(text, null).eval(data=data)
    if result.type().name() in {"ERROR", "UNKNOWN"}:
        return None
    return boxed(result.plain_value())


def with_presence(text: str) -> str:
    """The oracle knows `has(attribute)` only of messages; it is given a variable instead."""
    names = {a.name for a in ATTRIBUTES}
    return re.sub(
        r"has\(([a-z]+\.x\d+)\)",
        lambda match: f"has_{match[1]}_" if match[1] in names else match[0],
        text,
    )


def same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or a == b
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and bool(a == b)


def answers(expressions: list[Expression], values: list[Any]) -> list[Any]:
    module = Module({n: v for e in expressions for n, v in e.variables.items()})
    function = write("answers", [e.tree for e in expressions], module, Writer.read)
    constants = [f"{name} = {text}" for text, name in module.constants.items()]
    source = "\n".join([*constants, *module.functions, function])
    given: Any = load(source)["answers"]
    return [
        None if v is None else box(v, shape(e.tree.type))
        for e, v in zip(expressions, given(values), strict=True)
    ]


def sharing(random: Random, expressions: list[Expression]) -> str:
    """An expression made of others of the batch, so that their parts are evaluated once."""
    short = [e.text for e in expressions if e.tree.type == BOOL and len(e.text) < 200]
    if len(short) < 2:
        return ""
    one, other = random.sample(short, 2)
    return random.choice(("({}) && !({})", "({}) || ({})", "({}) == ({})")).format(one, other)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # a smaller seed is no simpler expression
)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_generated_code_answers_as_the_official_evaluator(seed: int) -> None:
    random = Random(seed)
    drawn = Expressions(random)
    expressions: list[Expression] = []
    while len(expressions) < BATCH:
        wanted = "bool" if random.random() < 0.5 else random.choice(TYPES)
        text = drawn.of(wanted, random.randrange(1, DEPTH))
        if random.random() < 0.15:
            text = sharing(random, expressions) or text
        compiled = ENVIRONMENT.compile(text, Expect.ANY) if len(text) < 4_000 else ()
        if isinstance(compiled, Expression) and accepted_with_dyn(text):
            expressions.append(compiled)
    conditions = [e for e in expressions if e.tree.type == BOOL]
    served: Any = load(generate(conditions, []))["conditions_of"]
    for _ in range(CUSTOMERS):
        values = customer(random)
        truths = zip(conditions, served(values), strict=True)
        for expression, answer in (
            *zip(expressions, answers(expressions, values), strict=True),
            *truths,
        ):
            wanted_answer = oracle(expression.text, values)
            assert same(answer, wanted_answer), (
                f"{expression.text}: {answer!r}, officially {wanted_answer!r}, of {values}"
            )
