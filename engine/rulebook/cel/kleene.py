"""Kleene's logic by looking up: `&& || !` of truths without a branch, which no processor could foresee.

A truth at hand can take several forms. Where it is one side of `a && b`, the other side's number picks
the answer out of three: `a[b]`, with `a` in the form `BOTH` and `b` in the form `NUMBER`.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

Truth: TypeAlias = bool | None

TRUTHS: Final[tuple[Truth, ...]] = (False, True, None)
"""The truths by their numbers: 0 is false, 1 true, 2 unknown."""


class Form(StrEnum):
    """What a truth is held as. A form's value has a letter for false, true and unknown each."""

    TRUTH = "ftn"
    """Itself: False, True, None."""
    NUMBER = "012"
    """Its place among `TRUTHS`."""
    BOTH = "bcd"
    """What it makes, by `&&`, of each truth: truths by number."""
    EITHER = "egh"
    """The same by `||`."""
    BOTH_NUMBER = "BCD"
    """As `BOTH`, and what comes out are numbers."""
    EITHER_NUMBER = "EGH"
    """As `EITHER`, and what comes out are numbers."""

    def letter(self, truth: Truth) -> str:
        """What stands for a truth held in this form."""
        return self.value[TRUTHS.index(truth)]


def both(a: Truth, b: Truth) -> Truth:
    """`a && b`.

    >>> both(None, False), both(None, True)
    (False, None)
    """
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def either(a: Truth, b: Truth) -> Truth:
    """`a || b`.

    >>> either(None, True), either(None, False)
    (True, None)
    """
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def opposite(a: Truth) -> Truth:
    """`!a`."""
    return None if a is None else not a


def _by_number(function: Callable[[Truth, Truth], Truth]) -> tuple[tuple[Truth, ...], ...]:
    return tuple(tuple(function(a, b) for b in TRUTHS) for a in TRUTHS)


def _numbered(table: tuple[tuple[Truth, ...], ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(TRUTHS.index, row)) for row in table)


BOTH: Final = _by_number(both)
EITHER: Final = _by_number(either)
BOTH_NUMBER: Final = _numbered(BOTH)
EITHER_NUMBER: Final = _numbered(EITHER)
OPPOSITE: Final = tuple(map(opposite, TRUTHS))
OPPOSITE_NUMBER: Final = tuple(map(TRUTHS.index, OPPOSITE))

TABLES: Final[Mapping[str, object]] = {
    "BOTH": BOTH,
    "EITHER": EITHER,
    "BOTH_NUMBER": BOTH_NUMBER,
    "EITHER_NUMBER": EITHER_NUMBER,
    "OPPOSITE": OPPOSITE,
    "OPPOSITE_NUMBER": OPPOSITE_NUMBER,
}
"""The logic of truths given by number, under the names generated code has for it."""

_HELD: Final[Mapping[str, object]] = {
    letter: held
    for form, forms in (
        (Form.TRUTH, TRUTHS),
        (Form.NUMBER, range(len(TRUTHS))),
        (Form.BOTH, BOTH),
        (Form.EITHER, EITHER),
        (Form.BOTH_NUMBER, BOTH_NUMBER),
        (Form.EITHER_NUMBER, EITHER_NUMBER),
    )
    for letter, held in zip(form.value, forms, strict=True)
}


def rows(text: str) -> tuple[tuple[object, ...], ...]:
    """The rows of a table of truths, each written as a word of the letters of `Form`.

    >>> rows("tf n2")
    ((True, False), (None, 2))
    """
    return tuple(tuple(map(_HELD.__getitem__, row)) for row in text.split())
