"""What is proved of two conditions holds for every customer."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.rulebook.cel import Environment, Expect, Expression, generate, load
from engine.rulebook.cel.implication import Direction, direction, implies, refutes
from tests.rulebook.cel.builders import compiled
from tests.rulebook.cel.expressions import ATTRIBUTES, Expressions, customer

ENVIRONMENT = Environment(ATTRIBUTES)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("customer.age >= 18", "customer.age >= 16", Direction.LESS),
        ("customer.age >= 18", "customer.age > 18", Direction.MORE),
        ("customer.age >= 18", "18 <= customer.age", Direction.SAME),
        ("customer.age >= 18", "customer.age > 17", Direction.SAME),
        ("customer.score >= 18.0", "customer.score > 17.0", Direction.LESS),
        ("customer.age >= 18", "customer.age <= 18", Direction.OTHER),
        ("customer.age >= 18", "customer.age >= 18 && consent.marketing", Direction.MORE),
        ("customer.age >= 18", "customer.age >= 18 || consent.marketing", Direction.LESS),
        ("customer.age >= 18", "customer.score >= 16.0", Direction.OTHER),
        ("consent.marketing", "!consent.marketing", Direction.OTHER),
        ("consent.marketing", "true", Direction.LESS),
        ("consent.marketing", "false", Direction.MORE),
        ('customer.segment == "vip"', 'customer.segment in ["vip", "mass"]', Direction.LESS),
        ('customer.segment in ["vip", "mass"]', 'customer.segment == "vip"', Direction.MORE),
        ('customer.segment != "vip"', 'customer.segment == "mass"', Direction.MORE),
        ("!(customer.age < 18)", "!(customer.age < 16)", Direction.LESS),
        ("!(customer.age < 18 || customer.age > 80)", "!(customer.age > 80)", Direction.LESS),
        (
            "now - customer.birth_date > days(6570)",
            "now - customer.birth_date > days(7000)",
            Direction.MORE,
        ),
        ("customer.children != null", "customer.children > 0", Direction.MORE),
        (
            "customer.age > 18 && customer.score > 0.5",
            "customer.score > 0.4 && customer.age > 18",
            Direction.LESS,
        ),
        (
            "customer.age > 18 && customer.score > 0.5",
            "customer.age > 20 && customer.score > 0.4",
            Direction.OTHER,
        ),
        ("customer.age > 18", "customer.score > 0.4 || customer.age > 18", Direction.LESS),
    ],
)
def test_which_of_two_asks_more(old: str, new: str, wanted: Direction) -> None:
    assert direction(compiled(old).tree, compiled(new).tree) is wanted


def texts(random: Random) -> tuple[str, str]:
    """Two conditions made of the same pieces, so that now and then one implies the other."""
    pieces = [*(Expressions(random).of("bool", 2) for _ in range(2)), *_near(random)]

    def put_together(depth: int) -> str:
        if depth == 0 or random.random() < 0.3:
            return random.choice(pieces)
        match random.randrange(3):
            case 0:
                return f"!({put_together(depth - 1)})"
            case kind:
                sign = " && " if kind == 1 else " || "
                return f"({put_together(depth - 1)}{sign}{put_together(depth - 1)})"

    return put_together(2), put_together(2)


def _near(random: Random) -> list[str]:
    """Comparisons of one thing with values close together."""
    subject, values = random.choice(
        [
            ("a.x1", ["-1", "0", "1", "9007199254740993"]),
            ("maybe.x1", ["0", "1", "2", "null"]),
            ("a.x2", ["-0.0", "0.0", "1.0", "3.5"]),
            ("maybe.x3", ['"a"', '"ab"', '"vip"', "null"]),
            ("a.x4", ["timestamp(0)", 'date("2024-02-29")']),
            ("(a.x1 + maybe.x1)", ["0", "1", "2"]),
        ]
    )
    signs = ("<", "<=", ">", ">=", "==", "!=")
    found = []
    for _ in range(5):
        value, sign = random.choice(values), random.choice(signs)
        if random.random() < 0.3:
            found.append(f"({subject} in [{value}, {random.choice(values)}])")
        elif value == "null":
            found.append(f"({subject} {random.choice(('==', '!='))} null)")
        elif random.random() < 0.2:
            found.append(f"({value} {sign} {subject})")
        else:
            found.append(f"({subject} {sign} {value})")
    return found


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(0, 2**32))
def test_what_is_proved_holds(seed: int) -> None:
    random = Random(seed)
    customers = [customer(random) for _ in range(40)]
    for _ in range(8):
        pair = [ENVIRONMENT.compile(text, Expect.BOOL) for text in texts(random)]
        a, b = pair
        if not isinstance(a, Expression) or not isinstance(b, Expression):
            continue
        defined: Any = load(generate([a, b], []))
        seen = [defined["conditions_of"](values) for values in customers]
        if implies(a.tree, b.tree):
            assert all(second is True for first, second in seen if first is True), (a.text, b.text)
        if refutes(a.tree, b.tree):
            assert all(second is False for first, second in seen if first is False), (
                a.text,
                b.text,
            )


def test_random_pairs_are_proved_often_enough_to_mean_something() -> None:
    random = Random(3)
    proved = 0
    for _ in range(300):
        a, b = (ENVIRONMENT.compile(text, Expect.BOOL) for text in texts(random))
        if isinstance(a, Expression) and isinstance(b, Expression) and a.tree != b.tree:
            proved += implies(a.tree, b.tree) or refutes(a.tree, b.tree)
    assert proved > 30
