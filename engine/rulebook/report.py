"""Places in rule files, and the list of what is wrong there."""

import re
from typing import Final, NamedTuple, Protocol

from engine.model import Micros
from engine.rulebook.diagnostics import Diagnostic, Severity

MOST_ERRORS: Final = 500
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


class Place(NamedTuple):
    """A place in a file; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Mistake(Exception):
    """Raised by a reader that cannot make anything of a node; the caller reports it and goes on."""

    def __init__(self, *found: tuple[Place, str]) -> None:
        self.found = found
        super().__init__("; ".join(message for _, message in found))


class TooManyMistakes(Exception):
    """Raised when a report is full: whoever reads it has enough to do."""


class Watch(Protocol):
    """Sees what readers ask of every mapping, so that what they accept can be told to others."""

    def asked(self, mapping: object, key: str, reader: object | None) -> None:
        """A key was asked for; with its reader, if it has a single one."""

    def required(self, mapping: object, key: str) -> None:
        """A key was required."""

    def named(self, mapping: object, what: str) -> None:
        """The mapping's keys are names of somebody's choosing."""


class Report:
    """What was found while reading a book. Each thing is listed once, in the order of its place.

    A file with a syntax error is read without the lines it makes unreadable. `lost` keeps the words
    of those lines by file: what they may have declared must not be called unknown. What has expired by
    `now` is remarked; nothing if that is None.
    """

    __slots__ = ("_errors", "_notices", "lost", "now", "watch")

    def __init__(self, now: Micros | None = None, watch: Watch | None = None) -> None:
        self.now = now
        self.watch = watch
        self._errors: set[Diagnostic] = set()
        self._notices: dict[str, Diagnostic] = {}
        self.lost: dict[str, set[str]] = {}

    @property
    def errors(self) -> int:
        """How many different errors there are so far."""
        return len(self._errors)

    def is_past(self, end: Micros | None) -> bool:
        """Whether something that ends then is over."""
        return end is not None and self.now is not None and end <= self.now

    def error(self, place: Place, message: str) -> None:
        """Adds an error.

        Raises:
            TooManyMistakes: if there are `MOST_ERRORS` already.
        """
        if len(self._errors) >= MOST_ERRORS:
            raise TooManyMistakes
        self._errors.add(Diagnostic(*place, message))

    def mistake(self, mistake: Mistake) -> None:
        """Adds what a reader found."""
        for place, message in mistake.found:
            self.error(place, message)

    def lose(self, file: str, text: str) -> None:
        """Takes note of a text that cannot be read."""
        self.lost.setdefault(file, set()).update(_WORD.findall(text))

    def lost_words(self) -> frozenset[str]:
        """The words of everything that could not be read."""
        return frozenset().union(*self.lost.values())

    def notice(self, kind: str, place: Place, message: str) -> None:
        """Adds a remark; of each `kind` only the one with the first place is kept."""
        remark = Diagnostic(*place, message, Severity.NOTICE)
        known = self._notices.get(kind)
        if known is None or remark < known:
            self._notices[kind] = remark

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found, sorted by place."""
        return tuple(sorted([*self._errors, *self._notices.values()]))
