"""The smallest change that makes a condition true: always verified, never larger than need be."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import UNKNOWN, Value
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.cel import Environment, Expect, Expression, generate, load
from engine.rulebook.nearest_change import Change, NearestChange
from tests.rulebook.cel import expressions as wild
from tests.rulebook.cel.builders import ATTRIBUTES, compiled, values


def changes(text: str, now: Sequence[Value], **limits: Any) -> tuple[Change, ...] | None:
    return NearestChange(ATTRIBUTES, [compiled(text)], **limits).find(now)


def told(text: str, missing: Sequence[str] = (), **changed: Any) -> str:
    found = changes(text, values(missing, **changed))
    return "nothing" if found is None else "; ".join(map(str, found))


def holds(expression: Expression, now: Sequence[Value]) -> bool:
    defined: Any = load(generate([expression], []))
    return defined["conditions_of"](now)[0] is True


def after(now: Sequence[Value], found: Sequence[Change]) -> list[Value]:
    changed = list(now)
    for change in found:
        changed[change.attribute.index] = change.after
    return changed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("customer.age >= 31", "customer.age is 30, needs 31 or more"),
        ("customer.age > 40.5", "customer.age is 30, needs 41 or more"),
        ("customer.age < 18", "customer.age is 30, needs 17 or less"),
        ("18 > customer.age", "customer.age is 30, needs 17 or less"),
        ("customer.age >= 40 && customer.age <= 60", "customer.age is 30, needs 40 to 60"),
        ("customer.age in [18, 40, 28]", "customer.age is 30, needs 28"),
        ("customer.age == 31", "customer.age is 30, needs 31"),
        ("customer.age != 30", "customer.age is 30, needs anything but 30"),
        ("customer.score >= 0.8", "customer.score is 0.5, needs 0.8 or more"),
        ("customer.score > 0.8", "customer.score is 0.5, needs more than 0.8"),
        ("customer.score < 0.2", "customer.score is 0.5, needs less than 0.2"),
        (
            "customer.score > 0.6 && customer.score <= 0.7",
            "customer.score is 0.5, needs more than 0.6 and 0.7 or less",
        ),
        ('customer.segment == "mass"', 'customer.segment is "vip", needs "mass"'),
        ('customer.segment != "vip"', 'customer.segment is "vip", needs "mass" or "premium"'),
        ('customer.name in ["a", "b"]', 'customer.name is null, needs "a" or "b"'),
        (
            'customer.name != null && customer.name != "a"',
            'customer.name is null, needs anything but "a"',
        ),
        ("has(customer.name)", "customer.name is null, needs any value"),
        ("customer.children == null", "customer.children is 2, needs to be absent"),
        ("!consent.marketing", "consent.marketing is true, needs false"),
        ('"ivr" in consent.channels', 'consent.channels is ["web", "app"], needs "ivr" in it'),
        (
            '"ivr" in consent.channels && "sms" in consent.channels',
            'consent.channels is ["web", "app"], needs "ivr" and "sms" in it',
        ),
        (
            '!("web" in consent.channels)',
            'consent.channels is ["web", "app"], needs to be without "web"',
        ),
        ('interests.exists(i, i == "golf")', 'interests is null, needs "golf" in it'),
        (
            "customer.birth_date > now && customer.birth_date < now + days(60)",
            "customer.birth_date is null, needs after 2026-11-20T12:00:00Z and before"
            " 2027-01-19T12:00:00Z",
        ),
        ("request.waited > minutes(5)", "request.waited is 1m 30s, needs more than 5m"),
        (
            'now >= date("2026-12-01")',
            "now is 2026-11-20T12:00:00Z, needs 2026-12-01T00:00:00Z or later",
        ),
        ("customer.age * 2 > 99", "customer.age is 30, needs 50 or more"),
        ("now - days(customer.age) > now", "customer.age is 30, needs -1 or less"),
        (
            "customer.age > 90 || customer.score > 0.55",
            "customer.score is 0.5, needs more than 0.55",
        ),
        (
            "customer.age > 31 && (customer.score > 0.55 || consent.marketing)",
            "customer.age is 30, needs 32 or more",
        ),
        (
            '!(customer.age < 50 || customer.segment == "vip")',
            'customer.age is 30, needs 50 or more; customer.segment is "vip", needs "mass" or "premium"',
        ),
        (
            'customer.segment == "vip" ? customer.age > 60 : customer.age > 99',
            "customer.age is 30, needs 61 or more",
        ),
        ("customer.age > 20 && customer.age < 10", "nothing"),
        ('customer.name.matches("^a+$")', "nothing"),
        ('events.calls["rejected"] >= 4', "nothing"),
        ("customer.age >= 30", ""),
    ],
)
def test_in_words(text: str, expected: str) -> None:
    assert told(text) == expected


def test_unknown_is_a_beginning_too() -> None:
    assert (
        told("customer.age >= 18", ["customer.age"]) == "customer.age is unknown, needs 18 or more"
    )
    assert (
        told("consent.marketing", ["consent.marketing"])
        == "consent.marketing is unknown, needs true"
    )
    assert (
        told('"web" in consent.channels', ["consent.channels"])
        == 'consent.channels is unknown, needs "web" in it'
    )


def test_the_customer_is_changed_rather_than_the_request() -> None:
    assert told("request.channel in consent.channels", request__channel="ivr") == (
        'consent.channels is ["web", "app"], needs "ivr" in it'
    )


def test_what_is_fixed_stays_as_it_is() -> None:
    either = "customer.age > 31 || customer.score > 0.9"
    (change,) = changes(either, values(), fixed=["customer.age"]) or ()
    assert change.attribute.name == "customer.score"
    assert changes("customer.age > 31", values(), fixed=["customer.age"]) is None


def test_what_must_be_present() -> None:
    name = next(a.index for a in ATTRIBUTES if a.name == "customer.name")
    found = NearestChange(ATTRIBUTES, [compiled("customer.age > 31")], present=[name])
    assert [str(change) for change in found.find(values()) or ()] == [
        "customer.age is 30, needs 32 or more",
        "customer.name is null, needs any value",
    ]


def test_what_the_last_question_refuses_is_not_proposed() -> None:
    found = NearestChange(ATTRIBUTES, [compiled("customer.age > 31")])
    assert found.find(values(), lambda _: False) is None


def test_several_conditions_are_met_together() -> None:
    texts = ("customer.age >= 40", "customer.age * 1.5 >= 75")
    found = NearestChange(ATTRIBUTES, list(map(compiled, texts))).find(values())
    assert [str(change) for change in found or ()] == ["customer.age is 30, needs 50 or more"]


def test_a_range_bounds_what_is_proposed() -> None:
    attribute = Attribute(0, "a", Type(Kind.INT), range=(0, 10))
    for text, expected in (("a > 5", "6 or more"), ("a > 10", None), ("a < 0", None)):
        expression = Environment([attribute]).compile(text, Expect.BOOL)
        assert isinstance(expression, Expression)
        found = NearestChange([attribute], [expression]).find([UNKNOWN])
        assert (found[0].needs if found else None) == expected


# --- whatever the conditions ---------------------------------------------------------------------

AGES = st.integers(-12, 12)
SCORES = st.floats(-4, 4)
COMPARED = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
ATOMS = st.one_of(
    st.builds("customer.age {} {}".format, COMPARED, AGES),
    st.builds("customer.children {} {}".format, COMPARED, AGES),
    st.builds("customer.age {} customer.children".format, COMPARED),
    st.builds("customer.age + customer.children {} {}".format, COMPARED, AGES),
    st.builds("customer.score {} {!r}".format, COMPARED, SCORES),
    st.sampled_from(
        [
            "consent.marketing",
            "customer.children == null",
            'customer.segment in ["mass", "premium"]',
            'customer.segment == "vip"',
            "request.channel in consent.channels",
            '"app" in consent.channels',
            "customer.birth_date > now - days(30)",
        ]
    ),
)
RULES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
PEOPLE = st.fixed_dictionaries(
    {
        "customer__age": st.one_of(AGES, st.just(UNKNOWN)),
        "customer__children": st.one_of(AGES, st.none()),
        "customer__score": st.one_of(SCORES, st.just(UNKNOWN)),
        "customer__segment": st.sampled_from(["mass", "premium", "vip"]),
        "consent__marketing": st.sampled_from([True, False, UNKNOWN]),
        "consent__channels": st.sampled_from([(), ("app",), ("web", "app"), UNKNOWN]),
    }
)


@given(RULES, PEOPLE)
def test_every_proposal_makes_the_condition_definitely_true(text: str, who: dict[str, Any]) -> None:
    now = values(**who)
    expression = compiled(text)
    found = NearestChange(ATTRIBUTES, [expression]).find(now)
    if found is not None:
        assert holds(expression, after(now, found))
        assert bool(found) is not holds(expression, now)


INT_ATOMS = st.one_of(
    st.builds("customer.age {} {}".format, COMPARED, AGES),
    st.builds("customer.age in [{}, {}]".format, AGES, AGES),
)
INT_RULES = st.recursive(
    INT_ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=5,
)


@given(INT_RULES, AGES)
def test_no_nearer_number_would_do(text: str, age: int) -> None:
    expression = compiled(text)
    near = [a for a in range(-40, 41) if holds(expression, values(customer__age=a))]
    found = NearestChange(ATTRIBUTES, [expression]).find(values(customer__age=age))
    if not near:
        assert found is None
        return
    assert found is not None
    (reached,) = [change.after for change in found] or [age]
    assert isinstance(reached, int)
    assert abs(reached - age) == min(abs(a - age) for a in near)


TWO = st.recursive(
    st.one_of(
        INT_ATOMS,
        st.builds("customer.children {} {}".format, COMPARED, AGES),
        st.sampled_from(["consent.marketing", "!consent.marketing"]),
    ),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=5,
)


@given(TWO, st.integers(-3, 3), st.integers(-3, 3), st.booleans())
def test_no_fewer_attributes_would_do(text: str, age: int, children: int, agreed: bool) -> None:
    expression = compiled(text)
    conditions_of: Any = load(generate([expression], []))["conditions_of"]
    numbers = range(-14, 15)
    now: dict[str, Any] = {
        "customer__age": age,
        "customer__children": children,
        "consent__marketing": agreed,
    }
    least = min(
        (
            (a != age) + (c != children) + (m is not agreed)
            for a in numbers
            for c in (*numbers, None)
            for m in (True, False)
            if conditions_of(values(customer__age=a, customer__children=c, consent__marketing=m))[0]
            is True
        ),
        default=None,
    )
    found = NearestChange(ATTRIBUTES, [expression]).find(values(**now))
    assert (None if found is None else len(found)) == least


@given(SCORES, SCORES, st.sampled_from(["<", "<=", ">", ">="]))
def test_a_threshold_of_doubles_is_met_to_the_last_bit(
    score: float, bound: float, sign: str
) -> None:
    expression = compiled(f"customer.score {sign} {bound!r}")
    found = NearestChange(ATTRIBUTES, [expression]).find(values(customer__score=score))
    assert found is not None
    for change in found:
        assert isinstance(change.after, float)
        assert holds(expression, values(customer__score=change.after))
        nearer = math.nextafter(change.after, score)
        assert not holds(expression, values(customer__score=nearer))


ENVIRONMENT = Environment(wild.ATTRIBUTES)


@given(st.integers(0, 2**32))
def test_no_condition_and_no_customer_make_it_fail(seed: int) -> None:
    random = Random(seed)
    expression = ENVIRONMENT.compile(wild.Expressions(random).of("bool", 3), Expect.BOOL)
    if not isinstance(expression, Expression):
        return
    now = wild.customer(random)
    found = NearestChange(wild.ATTRIBUTES, [expression]).find(now)
    if found is not None:
        assert holds(expression, after(now, found))
