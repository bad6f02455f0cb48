"""Long readings, and who hears how far they have come."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Tell: TypeAlias = Callable[[str, int], None]
"""Hears of each reading how many more of what are done."""


def silently(what: str, more: int) -> None:
    """Tells nobody."""


def telling(what: str, each: Iterable[T], tell: Tell) -> Iterator[T]:
    """The same one by one, each told.

    >>> list(telling("letters", "ab", print))
    letters 1
    letters 1
    ['a', 'b']
    """
    for one in each:
        tell(what, 1)
        yield one
