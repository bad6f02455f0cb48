"""The generated functions that say which treatments may be shown: one for each placement."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from engine.native.interpreted import Test
from engine.rulebook.book import Action, Placement, Treatment
from engine.rulebook.stop import Stop

_MOST_ACTIONS: Final = 100
"""Actions in one function: more go into several, since compiling long functions is slow."""

_FEWEST: Final = 3
"""So many actions in a row that need nothing but truths and attributes are tested by one call."""


def select_name(index: int) -> str:
    """The name of the function for the placement at this index."""
    return f"select_{index}"


def select_source(
    placements: Iterable[Placement],
    actions: Sequence[Action],
    treatments: Sequence[Treatment],
    stops: Sequence[Stop] = (),
) -> str:
    """Python source of `select_<n>(t, v, now) -> list[int]` for each placement.

    t are the truths of all conditions (True, False or None), v the values, now the time. Actions
    in a row that inherit the same conditions stand under one test of them. The source expects
    `fits`, by treatment, and `tests` and `passing` (`engine.native`) where it is loaded.
    """
    common = _common(actions)
    closed = {t.index: [_open(stops[stop]) for stop in t.stops] for t in treatments if t.stops}
    lines: list[str] = []
    for index, placement in enumerate(placements):
        shown = [treatments[t] for t in placement.treatments]
        by_action = [list(group) for _, group in groupby(shown, key=lambda t: t.action)]
        lines += _functions(select_name(index), by_action, actions, common, closed)
    return "\n".join(lines) + "\n"


def _functions(
    name: str,
    by_action: list[list[Treatment]],
    actions: Sequence[Action],
    common: Mapping[int, tuple[int, ...]],
    closed: Mapping[int, list[str]],
) -> Iterator[str]:
    """The function of one placement, and those it calls for its actions part by part."""
    parts = [by_action[i : i + _MOST_ACTIONS] for i in range(0, len(by_action), _MOST_ACTIONS)]
    for number, part in enumerate(parts):
        runs = [
            (conditions, list(run))
            for conditions, run in groupby(part, key=lambda group: common[group[0].action])
        ]
        spans = _named("d", [_span(actions[group[0].action]) for group in part])
        tests = _named("g", [" and ".join(_truths(conditions)) for conditions, _ in runs])
        names = {**spans, **tests}
        packed = _Packed(f"_{name}_{number}_tests")
        body = [
            line
            for conditions, run in runs
            for line in _run(conditions, run, actions, names, closed, packed)
        ]
        yield from packed.lines
        yield f"def _{name}_{number}(t, v, now, found):"
        yield from (f"    {local} = {test}" for test, local in names.items())
        yield from body
        yield ""
    yield f"def {name}(t, v, now):"
    yield "    found = []"
    yield from (f"    _{name}_{number}(t, v, now, found)" for number in range(len(parts)))
    yield "    return found"
    yield ""


class _Packed:
    """Tests that are packed when the source is loaded, each under a name of its own."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.lines: list[str] = []

    def add(self, tests: tuple[Test, ...]) -> str:
        """The name of these tests."""
        name = f"{self._prefix}_{len(self.lines)}"
        self.lines.append(f"{name} = tests({tests!r})")
        return name


def _named(prefix: str, tests: list[str]) -> dict[str, str]:
    """Names of local variables for the tests that are wanted more than once."""
    repeated = [test for test, count in Counter(tests).items() if test and count > 1]
    return {test: f"{prefix}{number}" for number, test in enumerate(repeated)}


def _common(actions: Sequence[Action]) -> dict[int, tuple[int, ...]]:
    """For each action the conditions it has in common with others: those it inherits."""
    owners = Counter(condition for action in actions for condition in action.conditions)
    return {a.index: tuple(sorted(c for c in a.conditions if owners[c] > 1)) for a in actions}


def _run(
    common: tuple[int, ...],
    run: list[list[Treatment]],
    actions: Sequence[Action],
    names: Mapping[str, str],
    closed: Mapping[int, list[str]],
    packed: _Packed,
) -> Iterator[str]:
    """Actions in a row that have the conditions `common` in common."""
    indent = "    "
    if common:
        test = " and ".join(_truths(common))
        yield f"{indent}if {names.get(test, test)}:"
        indent += "    "
    for is_plain, part in groupby(run, key=lambda each: _is_plain(each, actions, closed)):
        together = list(part)
        if is_plain and len(together) >= _FEWEST:
            tests = tuple(_test(treatment, common, actions) for (treatment,) in together)
            yield f"{indent}passing({packed.add(tests)}, t, v, UNKNOWN, found)"
            continue
        for treatments in together:
            action = actions[treatments[0].action]
            span = _span(action)
            own = [names.get(span, span)] if span else []
            own += _truths(c for c in action.conditions if c not in common)
            yield from _action(own, treatments, indent, closed)


def _is_plain(
    treatments: list[Treatment], actions: Sequence[Action], closed: Mapping[int, list[str]]
) -> bool:
    """Whether an action's one treatment needs no more than truths, and attributes that are there."""
    first, *others = treatments
    is_fit = first.index in closed or first.fits is not None
    return not (others or is_fit or _span(actions[first.action]))


def _test(treatment: Treatment, common: tuple[int, ...], actions: Sequence[Action]) -> Test:
    """The test of a plain treatment, whose action's `common` conditions hold."""
    own = [c for c in actions[treatment.action].conditions if c not in common]
    return treatment.index, (*own, *treatment.conditions), tuple(treatment.needs)


def _action(
    tests: list[str], treatments: list[Treatment], indent: str, closed: Mapping[int, list[str]]
) -> Iterator[str]:
    """The first of an action's treatments that fits, if the action passes its own tests."""
    if len(treatments) == 1:
        tests = [*tests, *closed.get(treatments[0].index, ()), *_fits(treatments[0])]
        yield f"{indent}{_if(tests)}found.append({treatments[0].index})"
        return
    if tests:
        yield f"{indent}{_if(tests)}"
        indent += "    "
    for word, treatment in zip(("if", *["elif"] * len(treatments)), treatments, strict=False):
        fits = " and ".join((*closed.get(treatment.index, ()), *_fits(treatment))) or "True"
        yield f"{indent}{word} {fits}: found.append({treatment.index})"


def _if(tests: list[str]) -> str:
    return f"if {' and '.join(tests)}: " if tests else ""


def _truths(conditions: Iterable[int]) -> list[str]:
    return [f"t[{condition}]" for condition in conditions]


def _span(action: Action) -> str:
    """The test of an action's validity dates; empty if it has none."""
    begin, end = action.valid
    if begin is not None and end is not None:
        return f"{begin} <= now < {end}"
    if begin is not None:
        return f"now >= {begin}"
    return "" if end is None else f"now < {end}"


def _open(stop: Stop) -> str:
    """The test that a stop does not hold."""
    since, until = stop.valid
    if since is not None and until is not None:
        return f"not {since} <= now < {until}"
    if since is not None:
        return f"now < {since}"
    return "False" if until is None else f"now >= {until}"


def _fits(treatment: Treatment) -> list[str]:
    """What a treatment itself needs: its conditions, the attributes its texts name, and their fit."""
    needs = [f"v[{need}] is not None and v[{need}] is not UNKNOWN" for need in treatment.needs]
    fits = [f"fits[{treatment.index}](v)"] if treatment.fits else []
    return [*_truths(treatment.conditions), *needs, *fits]
