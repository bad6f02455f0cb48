"""Which of two conditions asks more, where that can be proved from how they are written.

Proved are conditions put together alike of comparisons of the same thing with written values. For
everything else nothing is said.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from engine.rulebook.cel.operators import kind
from engine.rulebook.cel.tree import Call, Constant, ListOf, Literal, Node, walk

_MOST_PARTS: Final = 300
"""Parts of a condition beyond which nothing is proved."""

_MIRRORED: Final = {
    "_<_": "_>_",
    "_<=_": "_>=_",
    "_>_": "_<_",
    "_>=_": "_<=_",
    "_==_": "_==_",
    "_!=_": "_!=_",
}
_WHOLE: Final = frozenset({"int", "timestamp", "duration"})
_NEGATED: Final = "!_"
_AND: Final = "_&&_"
_OR: Final = "_||_"


class Direction(StrEnum):
    """How a condition relates to the one it takes the place of."""

    LESS = "asks less"
    MORE = "asks more"
    SAME = "asks the same in other words"
    OTHER = "asks something else"


def direction(old: Node, new: Node) -> Direction:
    """Whether `new` is true of more, of fewer or of the same; OTHER where that cannot be proved.

    What both read must be declared alike.
    """
    if max(sum(1 for _ in walk(node)) for node in (old, new)) > _MOST_PARTS:
        return Direction.OTHER
    match implies(old, new), implies(new, old):
        case True, True:
            return Direction.SAME
        case True, False:
            return Direction.LESS
        case False, True:
            return Direction.MORE
        case _:
            return Direction.OTHER


def implies(a: Node, b: Node) -> bool:
    """Whether it is proved that `b` is definitely true wherever `a` is."""
    if a == b or _is(b, truth=True) or _is(a, truth=False):
        return True
    if parts := _parts(b, _AND):
        return all(implies(a, part) for part in parts)
    if parts := _parts(a, _OR):
        return all(implies(part, b) for part in parts)
    if any(implies(part, b) for part in _parts(a, _AND)):
        return True
    if any(implies(a, part) for part in _parts(b, _OR)):
        return True
    if (inner := _negated(a)) is not None and (other := _negated(b)) is not None:
        return refutes(inner, other)
    return _compared(a, b)


def refutes(a: Node, b: Node) -> bool:
    """Whether it is proved that `b` is definitely false wherever `a` is."""
    if a == b or _is(b, truth=False) or _is(a, truth=True):
        return True
    if parts := _parts(b, _OR):
        return all(refutes(a, part) for part in parts)
    if parts := _parts(a, _AND):
        return all(refutes(part, b) for part in parts)
    if any(refutes(part, b) for part in _parts(a, _OR)):
        return True
    if any(refutes(a, part) for part in _parts(b, _AND)):
        return True
    if (inner := _negated(a)) is not None and (other := _negated(b)) is not None:
        return implies(inner, other)
    return _alike(a, b) and _compared(b, a)


def _is(node: Node, *, truth: bool) -> bool:
    return isinstance(node, Constant) and node.value is truth


def _negated(node: Node) -> Node | None:
    match node:
        case Call(function=function, arguments=(inner,)) if function == _NEGATED:
            return inner
        case _:
            return None


def _parts(node: Node, function: str) -> Sequence[Node]:
    """The operands of a run of `&&` or `||`; none if the node is no such run."""
    if not isinstance(node, Call) or node.function != function:
        return ()
    found: list[Node] = []
    for argument in node.arguments:
        found += _parts(argument, function) or [argument]
    return found


# --- comparisons with written values ----------------------------------------------------------------


class _Written(NamedTuple):
    """A value as it is written, with its kind: 1 and 1.0 are not compared here."""

    kind: str
    value: Literal


class _Comparison(NamedTuple):
    """`subject sign value` for one of these values: more than one if written with `in`."""

    subject: Node
    sign: str
    values: tuple[_Written, ...]


def _alike(a: Node, b: Node) -> bool:
    """Whether two comparisons of the same thing are both known or both not: null has no order."""
    one, other = _comparison(a), _comparison(b)
    if one is None or other is None:
        return False
    return (one.sign in _ORDERS) == (other.sign in _ORDERS)


def _compared(a: Node, b: Node) -> bool:
    """Whether a comparison implies another of the same thing."""
    one, other = _comparison(a), _comparison(b)
    if one is None or other is None or one.subject != other.subject:
        return False
    return all(
        any(_follows(one.sign, value, other.sign, asked) for asked in other.values)
        for value in one.values
    )


def _comparison(node: Node) -> _Comparison | None:
    match node:
        case Call(function="@in", arguments=(subject, ListOf(elements=elements))) if elements:
            values = [_written(element) for element in elements]
            known = tuple(value for value in values if value is not None)
            return _Comparison(subject, "_==_", known) if len(known) == len(values) else None
        case Call(function=sign, arguments=(left, right)) if sign in _MIRRORED:
            if (value := _written(right)) is not None:
                return _including(left, sign, value)
            if (value := _written(left)) is not None:
                return _including(right, _MIRRORED[sign], value)
    return None


def _including(subject: Node, sign: str, value: _Written) -> _Comparison:
    """The comparison; of whole numbers with the bound included, so that > 17 is >= 18."""
    bound = value.value
    if value.kind in _WHOLE and kind(subject.type) == value.kind and isinstance(bound, int):
        if sign == "_>_":
            return _Comparison(subject, "_>=_", (value._replace(value=bound + 1),))
        if sign == "_<_":
            return _Comparison(subject, "_<=_", (value._replace(value=bound - 1),))
    return _Comparison(subject, sign, (value,))


def _written(node: Node) -> _Written | None:
    match node:
        case Constant():
            return _Written(node.type.name, node.value)
        case Call(function="-_", arguments=(Constant(value=int() | float() as value) as inner,)):
            return _Written(inner.type.name, -value)
        case _:
            return None


_BELOW: Final = frozenset({"_<_", "_<=_"})
_ABOVE: Final = frozenset({"_>_", "_>=_"})


_ORDERS: Final = _BELOW | _ABOVE


def _follows(sign: str, value: _Written, asked: str, bound: _Written) -> bool:
    """Whether `x sign value` implies `x asked bound`, for every x that can be compared with both."""
    if sign == "_==_" and asked in {"_==_", "_!=_"} and "null" in {value.kind, bound.kind}:
        return (value == bound) is (asked == "_==_")
    if bound.kind == "null":
        return asked == "_!=_" and sign in _ORDERS
    if value.kind != bound.kind:
        return False
    at, limit = value.value, bound.value
    if sign == "_!=_":
        return asked == sign and at == limit
    if asked == "_!=_":
        outside: dict[str, Callable[[], bool]] = {
            "_==_": lambda: at != limit,
            "_<_": lambda: _least(at, limit),
            "_<=_": lambda: _least(at, limit) and at != limit,
            "_>_": lambda: _least(limit, at),
            "_>=_": lambda: _least(limit, at) and at != limit,
        }
        return outside[sign]()
    if sign == "_==_" and asked == "_==_":
        return at == limit
    if asked in _ABOVE and sign in {"_==_", *_ABOVE}:
        return _least(limit, at) and (at != limit or asked == "_>=_" or sign == "_>_")
    if asked in _BELOW and sign in {"_==_", *_BELOW}:
        return _least(at, limit) and (at != limit or asked == "_<=_" or sign == "_<_")
    return False


def _least(a: Literal, b: Literal) -> bool:
    """Whether a ≤ b, of two values of one kind that have an order."""
    if isinstance(a, str) and isinstance(b, str):
        return a <= b
    return isinstance(a, int | float) and isinstance(b, int | float) and a <= b
