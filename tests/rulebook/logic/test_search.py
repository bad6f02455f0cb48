"""Whatever is said to be impossible is so for every value there can be; and what is simple is decided."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import UNKNOWN, Value
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Attribute, Kind, Truth, Type
from engine.rulebook.cel import Environment, Expect, Expression, generate, load
from engine.rulebook.logic.clauses import Clauses, clauses_of
from engine.rulebook.logic.search import MOST_TRIALS, Search, Want, core, true
from engine.rulebook.report import Place

INT, DOUBLE, STRING, BOOL = map(Type, (Kind.INT, Kind.DOUBLE, Kind.STRING, Kind.BOOL))
DECLARED = (
    Attribute(0, "x.n", INT, range=(0, 4), default=0),
    Attribute(1, "x.m", INT, range=(0, 3), default=UNKNOWN),
    Attribute(2, "x.s", STRING, values=("a", "b", "c"), nullable=True),
    Attribute(3, "x.b", BOOL, default=False),
    Attribute(4, "x.t", BOOL, default=UNKNOWN),
    Attribute(5, "x.d", DOUBLE, range=(0, 1), default=0.0),
    Attribute(6, "x.o", INT, range=(0, 2), nullable=True, default=1),
)
ATTRIBUTES = Attributes(
    DECLARED, {a.name: Place("attributes.yaml", 1, 1) for a in DECLARED}, complete=True
)
ENVIRONMENT = Environment(DECLARED)
ALL: Mapping[str, tuple[Value, ...]] = {
    "x.n": (0, 1, 2, 3, 4),
    "x.m": (0, 1, 2, 3, UNKNOWN),
    "x.s": ("a", "b", "c", None),
    "x.b": (True, False),
    "x.t": (True, False, UNKNOWN),
    "x.d": tuple(n / 8 for n in range(9)),
    "x.o": (0, 1, 2, None),
}


def compiled(*texts: str) -> list[Expression]:
    made = [ENVIRONMENT.compile(text, Expect.BOOL) for text in texts]
    assert all(isinstance(one, Expression) for one in made), made
    return [one for one in made if isinstance(one, Expression)]


def searched(*texts: str) -> tuple[Search, Clauses]:
    found = clauses_of(compiled(*texts), ATTRIBUTES)
    return Search(found), found


def outcomes(*texts: str) -> set[tuple[Truth, ...]]:
    """Every combination of truths that any values at all give these conditions."""
    expressions = compiled(*texts)
    conditions_of: Any = load(generate(expressions, []))["conditions_of"]
    read = sorted({name for e in expressions for name in e.reads})
    found = set()
    for chosen in itertools.product(*(ALL[name] for name in read)):
        values = [dict(zip(read, chosen, strict=True)).get(a.name, UNKNOWN) for a in DECLARED]
        found.add(tuple(conditions_of(values)))
    return found


def comparisons(name: str, constants: tuple[str, ...]) -> st.SearchStrategy[str]:
    constant = st.sampled_from(constants)
    compared = st.tuples(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), constant).map(
        lambda pair: f"{name} {pair[0]} {pair[1]}"
    )
    within = st.lists(constant, min_size=1, max_size=3).map(
        lambda items: f"{name} in [{', '.join(items)}]"
    )
    return compared | within


STRINGS = st.one_of(
    st.sampled_from(
        ['x.s == "a"', 'x.s != "b"', 'x.s in ["a", "c"]', "x.s == null", "x.s != null"]
    ),
    st.sampled_from(["has(x.s)", 'x.s.startsWith("a")', "size(x.s) == 1"]),
)
SIMPLE = st.one_of(
    comparisons("x.n", ("-1", "0", "1", "2", "4", "5", "1.5")),
    comparisons("x.m", ("0", "1", "2", "3", "7")),
    comparisons("x.d", ("0.0", "0.25", "0.5", "1.0", "2.0")),
    comparisons("x.o", ("0", "1", "2")),
    st.sampled_from(["2 > x.n", "1 <= x.m", "has(x.m)", "x.o == null", "has(x.o)"]),
    st.sampled_from(["x.b", "x.t", "x.b == true", "true", "false", "x.t == x.b"]),
    STRINGS,
)
OPAQUE = st.sampled_from(
    ["x.n < x.m", "x.n + x.m > 3", "x.n * 2 > 4", "x.n * 2 < 3", "[1, 2].exists(i, i == x.n)", "x.m / x.n > 1"]
)  # fmt: skip


def logic(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: f"({two[0]}) && ({two[1]})"),
            st.tuples(inner, inner).map(lambda two: f"({two[0]}) || ({two[1]})"),
            inner.map(lambda one: f"!({one})"),
            st.tuples(inner, inner, inner).map(lambda t: f"(({t[0]}) ? ({t[1]}) : ({t[2]}))"),
        ),
        max_leaves=5,
    )


@settings(max_examples=100, deadline=None)
@given(logic(SIMPLE | OPAQUE))
def test_what_is_said_of_one_condition_is_so(text: str) -> None:
    search, found = searched(text)
    truths = {truth for (truth,) in outcomes(text)}
    if search.impossible(true(found.of[0])):
        assert True not in truths
    if all(search.impossible([Want(clause, (False, None))]) for clause in found.of[0]):
        assert truths == {True}
    if all(search.impossible([Want(clause, (False,))]) for clause in found.of[0]):
        assert False not in truths


@settings(max_examples=100, deadline=None)
@given(logic(SIMPLE))
def test_what_is_so_of_a_simple_condition_is_said(text: str) -> None:
    search, found = searched(text)
    truths = {truth for (truth,) in outcomes(text)}
    clauses = found.of[0]
    assert search.impossible(true(clauses)) == (True not in truths)
    never = [search.impossible([Want(clause, (False, None))]) for clause in clauses]
    assert all(never) == (truths == {True})


@settings(max_examples=60, deadline=None)
@given(logic(SIMPLE | OPAQUE), logic(SIMPLE | OPAQUE))
def test_what_is_said_of_two_conditions_is_so(one: str, other: str) -> None:
    search, found = searched(one, other)
    together = outcomes(one, other)
    if search.impossible(true([*found.of[0], *found.of[1]])):
        assert (True, True) not in together
    if all(
        search.impossible([*true(found.of[0]), Want(clause, (False, None))])
        for clause in found.of[1]
    ):
        assert not {(True, False), (True, None)} & together


@settings(max_examples=60, deadline=None)
@given(SIMPLE, SIMPLE, SIMPLE)
def test_simple_conditions_that_contradict_each_other_are_found(a: str, b: str, c: str) -> None:
    search, found = searched(a, b, c)
    wants = true([clause for clauses in found.of for clause in clauses])
    assert search.impossible(wants) == ((True, True, True) not in outcomes(a, b, c))


@pytest.mark.parametrize(
    "text",
    [
        "x.n * 2 > 4 && !(x.n * 2 > 4)",
        "[1, 2].exists(i, i == x.n) && ![1, 2].exists(i, i == x.n)",
        "x.n + x.m > 5 && x.n + x.m < 3",
    ],
)
def test_equal_parts_are_known_to_be_equal(text: str) -> None:
    search, found = searched(text)
    assert search.impossible(true(found.of[0]))


def test_a_question_that_takes_too_long_is_left_open() -> None:
    parts = [f"x.n + {i} > x.m" for i in range(13)]
    search, found = searched(" || ".join([*parts, "x.b"]) + " ? false : false")
    assert 3 ** len(parts) > MOST_TRIALS
    assert not search.impossible(true(found.of[0]))
    assert len(found.of[0][0].subjects) == 14


def test_the_core_of_what_is_impossible_has_nothing_to_spare() -> None:
    search, found = searched("x.n > 1", "x.b", "x.n > 2", "x.n < 2", "x.t")
    wants = [true(clauses) for clauses in found.of]
    assert core(wants, search.impossible) == [2, 3]


def test_what_has_nothing_to_do_with_the_question_does_not_make_it_too_long() -> None:
    many = [f"x.n + {i} > 1 ? x.b : x.m * {i} > 2" for i in range(2, 8)]
    search, found = searched(*many, 'x.s == "a" || x.t', '!(x.t || x.s == "a")')
    wants = true([clause for clauses in found.of for clause in clauses])
    assert search.impossible(wants)
    assert not search.impossible(wants[:-1])


def test_a_question_asked_again_costs_next_to_nothing() -> None:
    search, found = searched("x.n > 1", "x.n + x.m > 1 || x.m < 2", "x.d > 0.25", "x.n > 2")
    wants = true([clause for clauses in found.of for clause in clauses])
    assert not search.impossible(wants)
    before = search.left
    assert not search.impossible(wants)
    assert before - search.left == len(wants)
