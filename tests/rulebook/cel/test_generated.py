"""What the generated functions answer: three values, each expression once, nothing from outside."""

import pickle
import subprocess
import sys
from typing import Any

import pytest

from engine.model import UNKNOWN
from engine.rulebook.cel import Expect, generate, load
from tests.rulebook.cel.builders import compiled, number, truth, truths, values

TRUE, FALSE, UNSURE = "customer.age > 1", "customer.age < 1", "customer.score > 0.1"
OPERANDS = {True: TRUE, False: FALSE, None: UNSURE}


def kleene_and(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


@pytest.mark.parametrize("a", [True, False, None])
@pytest.mark.parametrize("b", [True, False, None])
def test_and_and_or_absorb_what_is_unknown(a: bool | None, b: bool | None) -> None:
    texts = [f"{OPERANDS[a]} {sign} {OPERANDS[b]}" for sign in ("&&", "||")]
    opposite = {True: False, False: True, None: None}
    either = opposite[kleene_and(opposite[a], opposite[b])]
    assert truths(*texts, missing=["customer.score"]) == (kleene_and(a, b), either)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("customer.age >= 18", True),
        ("consent.marketing && request.channel in consent.channels", True),
        ("customer.segment in ['vip', 'premium']", True),
        ("customer.age * 1.5 == 45", True),
        ("customer.score in [0, 0.5]", True),
        ("customer.age / (1 - 1) == 1", None),
        ("customer.age + 9223372036854775807 > 0", None),
        ("customer.age / 7 == 4 && -30 % 7 == -2", True),
        ("customer.birth_date == null", True),
        ("customer.birth_date < now", None),
        ("customer.birth_date != null && customer.birth_date < now", False),
        ("customer.name == 'bob'", False),
        ("customer.name != 'bob'", True),
        ("interests == null || 'golf' in interests", True),
        ("events.calls.dropped >= 3 && events.calls['dropped'] < 4", True),
        ("events.calls.rejected >= 3", None),
        ("has(events.calls.rejected) && events.calls.rejected > 1", False),
        ("'dropped' in events.calls", True),
        ("consent.channels[1] == 'app'", True),
        ("consent.channels[2] == 'app'", None),
        ("size(consent.channels) == 2 && customer.segment.size() == 3", True),
        ("customer.segment.startsWith('v') && customer.segment.contains('i')", True),
        ("customer.segment.endsWith('x') || customer.segment.matches('^v.p$')", True),
        ("now - days(1) < now && now > date('2026-11-20')", True),
        ("now - timestamp('2026-11-20T11:00:00Z') == hours(1)", True),
        ("now.getDayOfWeek() == 5 && now.getHours('Europe/Vienna') == 13", True),
        ("now.getHours('-02:30') == 9 && now.getFullYear() == 2026", True),
        ("request.waited > minutes(1) && request.waited.getSeconds() == 90", True),
        ("customer.age > 18 ? customer.score > 0.4 : consent.marketing", True),
        ("customer.birth_date > now ? true : false", None),
        ("consent.channels.exists(c, c == request.channel)", True),
        ("consent.channels.all(c, c.startsWith('a'))", False),
        ("consent.channels.exists_one(c, c == 'app')", True),
        ("consent.channels.map(c, c + '!') == ['web!', 'app!']", True),
        ("consent.channels.filter(c, c != 'web') == ['app']", True),
        ("consent.channels.exists(c, c == 'web' || events.calls[c] > 1)", True),
        ("consent.channels.all(c, events.calls[c] > 1)", None),
        ("['x', '1'].exists(i, int(i) == 1)", True),
        ("['x', '1'].exists(i, int(i) == 2)", None),
        ("[0, 7].all(i, 6 / i > 1)", False),
        ("[0, 2].all(i, 6 / i > 1)", None),
        ("[1, 0].exists_one(i, 6 / i > 1)", None),
        ("dyn([1, 2]).exists(i, i == 2.0)", True),
        ("dyn(7).exists(i, i == 2)", None),
        ("dyn(customer.segment).startsWith('v') && size(dyn([1])) == 1", True),
        ("dyn(now).getFullYear() == 2026 && dyn(now) - dyn(now) == minutes(0)", True),
        ("type(dyn(now)) == google.protobuf.Timestamp && type(1u) == uint", True),
        ("dyn([1, 'a'])[1] == 'a' && dyn({'a': 1}).a == 1 && has(dyn({'a': 1}).a)", True),
        ("-dyn(3) < dyn(2u) && !dyn(false) && 2 in dyn([2u])", True),
        ("int('12') + int(2.9) == 14 && double('2.5') == 2.5", True),
        ("int(customer.segment) == 1", None),
        ("string(customer.age) == '30'", True),
        ("dyn(customer.age) == 30.0 && dyn(customer.age) != '30'", True),
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("1.0 / 0.0 > 1e308 && 1.0 / -0.0 < -1e308", True),
        ("[0.0 / 0.0] == [0.0 / 0.0]", False),
        ("{'a': 1, 'b': 2}['b'] == 2", True),
    ],
)  # fmt: skip
def test_an_expression_is_answered(text: str, expected: bool | None) -> None:
    assert truth(text) is expected


@pytest.mark.parametrize(
    ("state", "expected"), [("here", True), ("null", False), ("missing", False)]
)
def test_presence_is_never_unknown(state: str, expected: bool) -> None:
    missing = ["customer.children"] if state == "missing" else []
    value = None if state == "null" else 2
    answers = truths(
        "has(customer.children)",
        "!has( customer.children )",
        "has(customer.children) == true",
        missing=missing,
        customer__children=value,
    )
    assert answers == (expected, not expected, expected)


def test_null_is_known_and_missing_is_not() -> None:
    text = "customer.children == null"
    assert truth(text, customer__children=None) is True
    assert truth(text, customer__children=0) is False
    assert truth(text, missing=["customer.children"]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("customer.age", 30.0),
        ("customer.age * 0.5 + 1", 16.0),
        ("customer.children", 2.0),
        ("customer.score / 0.0", None),
        ("customer.age / (1 - 1)", None),
        ("customer.segment == 'vip' ? 4.5 : 2.0", 4.5),
    ],
)
def test_a_number_is_a_finite_float_or_unknown(text: str, expected: float | None) -> None:
    assert number(text) == expected


def test_a_number_of_null_is_unknown() -> None:
    assert number("customer.children", customer__children=None) is None


def test_reads_are_the_attributes_named_once_and_sorted() -> None:
    expression = compiled(
        "has(now) && customer.age > 1 && consent.channels.exists(c, c == 'x') && now > now"
    )
    assert expression.reads == ("consent.channels", "customer.age", "now")


def test_an_expression_survives_pickling() -> None:
    expression = compiled(
        "now - days(60) > date('2026-01-01') && consent.channels.all(c, c != 'x')"
    )
    again = pickle.loads(pickle.dumps(expression))
    assert again == expression
    assert generate([again], []) == generate([expression], [])


def test_a_part_that_several_conditions_share_is_evaluated_once() -> None:
    texts = [
        "customer.segment.matches('^v') && customer.age > 1",
        "customer.age > 1 || customer.segment.matches('^v')",
    ]
    source = generate([compiled(t) for t in texts], [])
    assert source.count("k1(") == 1
    assert source.count("rows(") == 1
    assert truths(*texts) == (True, True)


def test_a_list_that_several_conditions_share_keeps_its_elements() -> None:
    texts = ["customer.age in [30, 40]", "size([30, 40]) == 2 && [30, 40][1] in [30, 40]"]
    assert truths(*texts) == (True, True)


def test_the_same_expressions_give_the_same_source() -> None:
    texts = [
        "customer.age > 1",
        "consent.channels.exists(c, c == 'web')",
        "now < date('2027-01-01')",
    ]
    assert generate([compiled(t) for t in texts], []) == generate([compiled(t) for t in texts], [])


def test_a_loop_variable_hides_an_attribute_and_a_dot_uncovers_it() -> None:
    assert truth("consent.channels.exists(now, now == 'web')") is True
    assert truth("consent.channels.exists(now, .now == date('1999-01-01'))") is False


def test_loops_within_loops_see_what_is_around_them() -> None:
    text = "consent.channels.exists(a, consent.channels.exists(b, a + b == 'appweb' && customer.age > 1))"
    assert truth(text) is True
    assert truth(text, missing=["customer.age"]) is None


def test_long_expressions_do_not_nest_too_deep_for_python() -> None:
    sums = "customer.score" + " + customer.score" * 28
    choices = "customer.age > 90 ? 1.0 : " * 25 + "2.0"
    mixed = " || ".join(f"(customer.age > {n} && !(customer.score < {n}.5))" for n in range(40, 90))
    assert truths(f"{sums} == 14.5", f"({choices}) == 2.0", mixed) == (True, True, False)


def test_two_thousand_conditions_load_and_answer() -> None:
    expressions = [
        compiled(f"customer.age > {n} || customer.score * {n} > 3") for n in range(2_000)
    ]
    defined: Any = load(generate(expressions, []))
    answers = defined["conditions_of"](values())
    assert len(answers) == 2_000
    assert answers[:3] == [True, True, True]
    unsure = defined["conditions_of"](values(missing=["customer.score"]))
    assert unsure[29:31] == [True, None]


def test_no_conditions_at_all_are_answered() -> None:
    defined: Any = load(generate([], []))
    assert defined["conditions_of"](values()) == []
    assert defined["numbers_of"](values()) == ()


def test_functions_appended_to_the_source_work() -> None:
    source = generate([compiled("customer.age > 1")], [])
    source += "\n\ndef select_0(t, v, now):\n    return [0] if t[0] is True and v[0] is not UNKNOWN else []\n"
    defined: Any = load(source)
    given = values()
    assert defined["select_0"](defined["conditions_of"](given), given, 0) == [0]


@pytest.mark.parametrize("name", ["open", "__import__", "eval", "exec", "getattr", "print"])
def test_generated_code_cannot_reach_outside(name: str) -> None:
    defined: Any = load(f"def outside(v):\n    return {name}\n")
    with pytest.raises(NameError):
        defined["outside"]([])


def test_a_text_that_is_not_unicode_matches_nothing_that_is_known() -> None:
    assert truth("customer.name.matches('a')", customer__name="\ud800a") is None
    assert truth("customer.name.contains('a')", customer__name="\ud800a") is True


def test_everything_is_unknown_of_a_customer_nobody_knows() -> None:
    texts = [
        "customer.age > 1",
        "customer.segment == 'vip'",
        "interests == null",
        "size(consent.channels) > 0",
    ]
    defined: Any = load(
        generate([compiled(t) for t in texts], [compiled("customer.age", Expect.NUMBER)])
    )
    nothing = [UNKNOWN] * len(values())
    assert defined["conditions_of"](nothing) == [None, None, None, None]
    assert defined["numbers_of"](nothing) == (None,)


def test_serving_never_loads_the_checker() -> None:
    program = (
        "import sys, engine.rulebook.cel.runtime\n"
        "from engine.rulebook.cel import load\n"
        "load('def conditions_of(v):\\n    return ()')\n"
        "sys.exit(any(name.startswith('cel_expr_python') for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
