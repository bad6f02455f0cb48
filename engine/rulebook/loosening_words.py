"""Names and texts as a comparison of two books tells them: cut where they are long."""

from collections.abc import Sequence
from typing import Final

_NAMED: Final = 5
_QUOTED: Final = 120


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b"]), listed(list("abcdefg"))
    ('a and b', 'a, b, c, d, e and 2 more')
    """
    distinct = list(dict.fromkeys(names))
    shown, more = distinct[:_NAMED], len(distinct) - _NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def quoted(text: str) -> str:
    """A text on one line between quotes, cut if it is long."""
    text = " ".join(text.split())
    return f"'{text}'" if len(text) <= _QUOTED else f"'{text[: _QUOTED - 1]}…'"
