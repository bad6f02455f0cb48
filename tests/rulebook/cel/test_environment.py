"""Short expressions are checked at once, long ones parsed first: both come to the same."""

from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.rulebook.cel import Environment, Expect, Expression
from engine.rulebook.cel.environment import SHORT
from engine.rulebook.cel.tree import walk
from tests.rulebook.cel.expressions import ATTRIBUTES, TYPES, Expressions

ENVIRONMENT = Environment(ATTRIBUTES)
MISTAKES = (
    "a.x0 &&",
    "a.x1 > 'old'",
    "a.x99 == 1",
    "has( a.x1 ) && has(a . x1)",
    "a.x1 / 0 > 1",
    "a.x4 > timestamp('today')",
    "a.x1 + 1",
    "maybe.x1 < null",
    "[1, 2].exists(a, a.x1 > 1)",
    "a.x3.matches('(')",
    "b'a' == b'b'",
)


def same_however_long(text: str, expect: Expect = Expect.BOOL) -> None:
    moved = SHORT + 1
    short, long = ENVIRONMENT.compile(text, expect), ENVIRONMENT.compile(" " * moved + text, expect)
    if isinstance(short, Expression) and isinstance(long, Expression):
        assert (short.tree, short.reads, short.variables) == (long.tree, long.reads, long.variables)
        offsets = [[n.offset for n in walk(one.tree)] for one in (short, long)]
        assert [offset + moved for offset in offsets[0]] == offsets[1]
    else:
        assert not isinstance(short, Expression)
        assert not isinstance(long, Expression)
        assert [(p.offset + moved, p.message) for p in short] == [
            (p.offset, p.message) for p in long
        ]


def test_mistakes_are_told_alike_however_long_the_text_is() -> None:
    for text in MISTAKES:
        assert not isinstance(ENVIRONMENT.compile(text, Expect.BOOL), Expression), text
        same_however_long(text)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a smaller seed is no simpler expression
)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_expressions_are_checked_alike_however_long_the_text_is(seed: int) -> None:
    random = Random(seed)
    text = Expressions(random).of(random.choice(TYPES), 2)
    if len(text) <= SHORT:
        same_however_long(text, Expect.ANY)
        same_however_long(text, Expect.BOOL)
