"""Names that refer to something declared elsewhere, and "did you mean" for those that do not."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

MOST_COMPARED: Final = 300
_MOST_LISTED: Final = 15
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion to end a message with; empty if nothing known is near.

    >>> did_you_mean("titel", ["title", "group"])
    " Did you mean 'title'?"
    >>> did_you_mean("zebra", ["title", "group"])
    ''
    """
    near = nearest(word, known)
    return f" Did you mean '{near}'?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like a word, whatever their case; None if none is near.

    Of very many names only some are compared: those of about its length that begin or end like it.
    """
    word = word[:100].lower()
    by_lower = {name.lower(): name for name in known}
    if len(by_lower) > MOST_COMPARED:
        alike = [
            name
            for name in by_lower
            if abs(len(name) - len(word)) <= 1 and (name[:2] == word[:2] or name[-2:] == word[-2:])
        ]
        by_lower = {name: by_lower[name] for name in alike[:MOST_COMPARED]}
    near = get_close_matches(word, by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def listed(values: Sequence[str]) -> str:
    """The values in brackets, to end a sentence with; of very many only the first.

    >>> listed(["S", "M"])
    ' (S, M)'
    """
    more = ", …" if len(values) > _MOST_LISTED else ""
    return f" ({', '.join(values[:_MOST_LISTED])}{more})"


@dataclass(frozen=True, slots=True)
class Names:
    """The declared names of one kind, e.g. all groups.

    `lost` are words of what could not be read, where a name may have been declared. `complete` is
    False where all declarations are missing: then no name may be called unknown.
    """

    kind: str
    known: frozenset[str] = field(default_factory=frozenset)
    complete: bool = True
    lost: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        kind: str,
        known: Iterable[str],
        *,
        complete: bool = True,
        lost: frozenset[str] = frozenset(),
    ) -> "Names":
        """Names from any iterable (of a mapping, its keys)."""
        return cls(kind, frozenset(known), complete, lost)

    def problem(self, name: str) -> str | None:
        """What is wrong with a reference to `name`: None if nothing is.

        >>> Names.of("group", ["save", "bundles"]).problem("bundle")
        "unknown group 'bundle'. Did you mean 'bundles'?"
        """
        if name in self.known or name in self.lost or not self.complete:
            return None
        hint = did_you_mean(name, self.known) or _listed(self.known)
        return f"unknown {self.kind} '{name}'.{hint}"


def _listed(known: frozenset[str]) -> str:
    if not known:
        return " None is declared."
    named = sorted(filter(None, known))  # a name that is missing is a mistake of its own
    return f" Known: {', '.join(named)}." if 0 < len(named) <= 8 else ""
