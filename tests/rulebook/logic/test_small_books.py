"""Small books with few possible customers: what is said of their conditions, against going through all.

Every condition stands on a line of its own, so that a finding's place tells which one it is about.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import UNKNOWN, Value
from engine.rulebook.book import Truth
from engine.rulebook.cel import Environment, Expect, Expression, generate
from engine.rulebook.cel import load as defined
from engine.rulebook.diagnostics import Diagnostic, Severity
from engine.rulebook.load import load

ATTRIBUTES = """\
attributes:
  x.n: {type: int, range: [0, 3], default: 0}
  x.m: {type: int, range: [0, 2]}
  x.s: {type: string, values: [a, b, c], nullable: true}
  x.k: {type: string, values: [a, b]}
  x.b: {type: bool, default: false}
  x.t: {type: bool}
  x.o: {type: int, range: [0, 1], nullable: true}
  x.p: {type: int, range: [0, 1], nullable: true}
  x.d: {type: double, range: [0, 1], default: 0}
  x.e: {type: double, range: [0, 1]}
"""
ALL: Mapping[str, tuple[Value, ...]] = {
    "x.n": (0, 1, 2, 3),
    "x.m": (0, 1, 2, UNKNOWN),
    "x.s": ("a", "b", "c", None),
    "x.k": ("a", "b", UNKNOWN),
    "x.b": (True, False),
    "x.t": (True, False, UNKNOWN),
    "x.o": (0, 1, None),
    "x.p": (0, 1, None),
    "x.d": (0.0, 0.5, 1.0),
    "x.e": (0.0, 0.5, 1.0, UNKNOWN),
}
LEVELS = ("all_actions", "issue", "group", "action", "treatment")

ALONE = st.sampled_from(
    ["x.n > 1", "x.n <= 1", "x.n == 3", "x.n in [0, 3]", "x.n != 2", "2 < x.n", "x.n < 9", "x.n > 7",
     "x.m > 0", "x.m < 2", "x.m == 1", "x.m >= 0", "has(x.m)",
     'x.s == "a"', 'x.s != "b"', 'x.s in ["a", "c"]', "x.s == null", "x.s != null", "has(x.s)",
     'x.k == "a"', 'x.k in ["a", "b"]', "x.k == x.s", "x.k != x.s",
     "x.b", "!x.b", "x.b == true", "x.t", "!x.t", "x.t == x.b",
     "x.o == 1", "x.o >= 0", "x.o == null", "x.o < 1"]
)  # fmt: skip
"""Of these everything is decided: each is about few values."""
COMPARED = st.sampled_from(
    ["x.n < x.m", "x.n > x.m", "x.n <= x.m", "x.m >= x.n", "x.m == x.n", "x.o == x.n", "x.n != x.o",
     "x.o < x.n", "x.n <= x.o", "x.o == x.p", "x.o != x.p", "x.o <= x.p", "x.p < x.o",
     "x.d < x.e", "x.e <= x.d", "x.d != x.e", "x.n + x.m > 3", "x.n * 2 == x.m", "x.n * 2 != x.m"]
)  # fmt: skip
"""Of these what is said must be so."""


def conditions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A few of the leaves, joined."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: f"{two[0]} && ({two[1]})"),
            st.tuples(inner, inner).map(lambda two: f"({two[0]} || {two[1]})"),
            inner.map(lambda one: f"!({one})"),
        ),
        max_leaves=3,
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition: the level and name of what it stands at, and where it is written."""

    level: str
    name: str
    text: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Small:
    """The conditions above the only action, its own, and those of each of its treatments."""

    above: tuple[Condition, ...]
    own: tuple[Condition, ...]
    treatments: tuple[tuple[Condition, ...], ...]
    opt_out: tuple[str, ...]

    def ways(self) -> Iterator[tuple[Condition, ...]]:
        """All conditions of each treatment, and those of the action where a treatment has none."""
        inherited = tuple(c for c in self.above if c.name not in self.opt_out)
        for conditions in self.treatments:
            yield (*inherited, *self.own, *conditions)

    def written(self) -> list[Condition]:
        """Every condition of the book."""
        return [*self.above, *self.own, *itertools.chain.from_iterable(self.treatments)]


@st.composite
def books(draw: st.DrawFn, leaves: st.SearchStrategy[str]) -> Small:
    """Books of at most seven conditions."""
    written = conditions(leaves)
    counts = {level: draw(st.integers(0, 1)) for level in LEVELS[:3]}
    above = tuple(
        Condition(level, f"{level}_{n}", draw(written))
        for level, count in counts.items()
        for n in range(count)
    )
    own = tuple(
        Condition("action", f"own_{n}", draw(written)) for n in range(draw(st.integers(0, 2)))
    )
    treatments = tuple(
        tuple(Condition("treatment", f"t{t}_{n}", draw(written)) for n in range(count))
        for t, count in enumerate(draw(st.lists(st.integers(0, 1), min_size=1, max_size=2)))
    )
    names = [condition.name for condition in above]
    opt_out = draw(st.lists(st.sampled_from(names), max_size=1)) if names else []
    return Small(above, own, treatments, tuple(opt_out))


def block(conditions: Sequence[Condition], indent: str, key: str = "eligible_when") -> str:
    """The conditions under their key, each on a line of its own."""
    if not conditions:
        return ""
    lines = [f"{indent}  {c.name}: {json.dumps(c.text)}" for c in conditions]
    return "\n".join([f"{indent}{key}:", *lines, ""])


def files_of(small: Small) -> dict[str, bytes]:
    """The files of the book."""
    at: dict[str, list[Condition]] = {level: [] for level in LEVELS}
    for condition in (*small.above, *small.own):
        at[condition.level].append(condition)
    everywhere = f"all_actions:\n{block(at['all_actions'], '  ')}" if at["all_actions"] else ""
    policies = (
        f"issues:\n  grow:\n    title: Grow\n{block(at['issue'], '    ')}"
        f"groups:\n  bundles:\n    issue: grow\n{block(at['group'], '    ')}{everywhere}"
        "placements:\n  web.hero:\n    channel: web\n    texts: {headline: 40}\n"
        "    fallback: {headline: Hello}\n"
    )
    treatments = "".join(
        f"      - id: a.{n}\n        placement: web.hero\n{block(conditions, '        ', 'when')}"
        "        texts: {headline: Hello}\n"
        for n, conditions in enumerate(small.treatments)
    )
    opt_out = f"    opt_out: {json.dumps(list(small.opt_out))}\n" if small.opt_out else ""
    actions = (
        f"actions:\n  - id: a\n    title: a\n    group: bundles\n{block(at['action'], '    ')}"
        f"{opt_out}    treatments:\n{treatments}"
    )
    return {
        "attributes.yaml": ATTRIBUTES.encode(),
        "policies.yaml": policies.encode(),
        "actions/a.yaml": actions.encode(),
    }


def truths_of(conditions: Sequence[Condition]) -> list[tuple[Truth, ...]]:
    """What each condition is for every customer there can be."""
    environment = environment_of_all()
    compiled = [environment.compile(c.text, Expect.BOOL) for c in conditions]
    expressions = [one for one in compiled if isinstance(one, Expression)]
    assert len(expressions) == len(conditions), compiled
    conditions_of: Any = defined(generate(expressions, []))["conditions_of"]
    read = sorted({name for expression in expressions for name in expression.reads})
    customers = itertools.product(*(ALL[name] for name in read))
    names = list(ALL)
    found = set()
    for customer in customers:
        known = dict(zip(read, customer, strict=True))
        found.add(tuple(conditions_of([known.get(name, UNKNOWN) for name in names])))
    return list(found)


def environment_of_all() -> Environment:
    """What the conditions may speak of, as the loader declares it."""
    plain = Small((), (), ((),), ())
    book = load(files_of(plain)).book
    assert book is not None
    assert [attribute.name for attribute in book.attributes] == list(ALL)
    return Environment(book.attributes)


@dataclass(frozen=True, slots=True)
class Told:
    """What was found, and which condition each line holds."""

    found: tuple[Diagnostic, ...]
    at: Mapping[tuple[str, int], Condition]

    def about(self, one: Diagnostic) -> Condition:
        """The condition a finding is about."""
        return self.at[one.file, one.line]

    def named(self, one: Diagnostic) -> list[Condition]:
        """The conditions a finding names by name, file and line."""
        places = re.findall(r"'(\w+)' \(([\w/.]+):(\d+)\)", one.message)
        named = [self.at[file, int(line)] for _, file, line in places]
        assert [c.name for c in named] == [name for name, _, _ in places]
        return named


def told_of(small: Small) -> Told:
    """What `attune check` finds in the book."""
    files = files_of(small)
    at = {}
    for condition in small.written():
        file = "actions/a.yaml" if condition.level in {"action", "treatment"} else "policies.yaml"
        lines = files[file].decode().split("\n")
        (line,) = [
            n for n, text in enumerate(lines, 1) if text.strip().startswith(f"{condition.name}:")
        ]
        at[file, line] = condition
    return Told(load(files).diagnostics, at)


def everybody(truths: Sequence[tuple[Truth, ...]], at: int) -> set[Truth]:
    return {each[at] for each in truths}


@settings(max_examples=150, deadline=None)
@given(books(ALONE | COMPARED))
def test_whatever_is_said_of_a_book_is_so(small: Small) -> None:
    told = told_of(small)
    for one in told.found:
        condition = told.about(one)
        named = told.named(one)
        truths = truths_of([condition, *named])
        alone = everybody(truths, 0)
        if "no customer can ever get this" in one.message:
            assert named
            assert (True,) * (1 + len(named)) not in truths
            assert any({condition, *named} <= set(way) for way in small.ways())
        elif "is never false" in one.message:
            assert False not in alone
        elif "this is always true" in one.message:
            assert alone == {True}
        elif "whoever meets" in one.message:
            assert named
            assert all(each[0] is True for each in truths if all(t is True for t in each[1:]))
        elif one.severity is Severity.ERROR and " never true" in one.message:
            assert True not in alone
        else:
            assert re.search(r"is never (less than|greater than|at )?|this part", one.message)


@settings(max_examples=150, deadline=None)
@given(books(ALONE))
def test_what_no_customer_can_get_is_found(small: Small) -> None:
    told = told_of(small)
    errors = [told.about(one) for one in told.found if one.severity is Severity.ERROR]
    for way in small.ways():
        if way and not any(all(map(_is, truth)) for truth in truths_of(way)):
            assert set(errors) & set(way)


def _is(truth: Truth) -> bool:
    return truth is True
