"""Writes checked expressions as one Python function over the values: what is read first, then each answer."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.rulebook.cel.code import Code, Scope
from engine.rulebook.cel.generator import Module, Writer
from engine.rulebook.cel.tree import Constant, Fold, Name, Node, children


@dataclass(frozen=True, slots=True)
class Beforehand:
    """Lines to stand at the beginning of a function, and the locals in which they leave the value of nodes.

    `captured` are the locals they read, which are bound before them.
    """

    lines: tuple[str, ...]
    answers: Mapping[Node, Code]
    captured: tuple[str, ...]


NOTHING_BEFORE: Final = Beforehand((), {}, ())

Reading: TypeAlias = Callable[[Writer, Node], Code]
"""How a function takes its expressions: `Writer.truth`, `Writer.known` or `Writer.read`."""


def write(
    name: str,
    roots: Sequence[Node],
    module: Module,
    reading: Reading,
    ending: str = "{}",
    before: Beforehand = NOTHING_BEFORE,
    *,
    listed: bool = False,
) -> str:
    """One Python function over the values: a tuple of the roots' values, each put into `ending`.

    What is found `before` the rest is not found again. If `listed` it takes a list of all values and gives
    a list, which Python does a quarter faster where they are many; else the values may be anything that has
    those by their places.
    """
    scope = Scope(captured=dict.fromkeys(before.captured))
    module.held = dict(before.answers)
    module.shared = {**_repeated(roots, before.answers), **dict.fromkeys(before.answers, 1)}
    writer = Writer(module, scope)
    values = [ending.format(reading(writer, root).value) for root in roots]
    opened, closed = ("[", "]") if listed else ("(", ")")
    bindings = _bindings(scope.captured, listed=listed)
    lines = [f"def {name}(v):", *bindings, *before.lines, *scope.lines, f"    return {opened}"]
    lines += [f"        {value}," for value in values]
    lines.append(f"    {closed}")
    return "\n".join(lines)


def _repeated(roots: Sequence[Node], known: Collection[Node]) -> dict[Node, int]:
    """The parts that occur more than once and cost more than a local, outside of loops and what is known."""
    counts: Counter[Node] = Counter()
    pending = list(reversed(roots))
    while pending:
        node = pending.pop()
        counts[node] += 1
        if counts[node] > 1 or isinstance(node, Fold) or node in known:
            continue
        pending.extend(reversed(children(node)))
    return {n: c for n, c in counts.items() if c > 1 and not isinstance(n, Constant | Name)}


def _bindings(captured: Iterable[str], *, listed: bool) -> Iterator[str]:
    """Binds each attribute read to locals.

    `x3` is the value as it is given, `a3` is None for unknown and null, `n3` tells null apart.
    """
    wanted = sorted((int(local[1:]), local[0]) for local in captured)
    yield from _given(sorted({place for place, _ in wanted}), listed=listed)
    for place, letter in wanted:
        if letter == "a":
            yield f"    a{place} = None if x{place} is UNKNOWN else x{place}"
        elif letter == "n":
            null = f"NULL if x{place} is None"
            yield f"    n{place} = {null} else None if x{place} is UNKNOWN else x{place}"


def _given(places: Sequence[int], *, listed: bool) -> Iterator[str]:
    """Binds the values at these places as they are: of a list at once if they are most up to the last."""
    count = max(places, default=0) + 1
    if not listed or len(places) < 2 or 2 * len(places) < count:
        yield from (f"    x{place} = v[{place}]" for place in places)
    else:
        read = frozenset(places)
        names = (f"x{place}" if place in read else "_" for place in range(count))
        yield f"    {', '.join(names)} = v[:{count}]"
