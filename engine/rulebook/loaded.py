"""What loading a rule book found, and how it travels from the process that compiled it."""

import marshal
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from engine.rulebook.book import Functions, RuleBook, code_of, compiled
from engine.rulebook.case import Case
from engine.rulebook.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from engine.rulebook.cel import Expression


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading found. `book` is None if and only if there is an error among `diagnostics`.

    `files` are the contents the book was made of, by path within it, `cases` the tests beside the
    rules, in the order of the files, `expressions` the checked expressions of the book's conditions,
    in the order of `RuleBook.conditions`, `numbers` those of its computed numbers, in the order of
    `Number.expression`, `triggering` those of its triggers' conditions, in the order of
    `Trigger.condition`. The last four are empty without a book, and do not travel.
    """

    book: RuleBook | None
    diagnostics: tuple[Diagnostic, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    expressions: "tuple[Expression, ...]" = ()
    numbers: "tuple[Expression, ...]" = ()
    triggering: "tuple[Expression, ...]" = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that keep a book from going live."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)


def packed(loaded: Loaded) -> bytes:
    """The bytes `unpacked` reads; the book's functions travel as compiled code, not as source.

    Compiling the source of 2,000 actions takes 30 to 60 ms during which nothing else runs; the
    process that serves decisions is spared that.
    """
    book = loaded.book
    data = code = None
    if book is not None:
        functions = Functions._fields
        data = {f.name: getattr(book, f.name) for f in fields(book) if f.name not in functions}
        code = marshal.dumps(code_of(book.source))
    return pickle.dumps((data, code, loaded.diagnostics, dict(loaded.files)))


def unpacked(parcel: bytes) -> Loaded:
    """What `packed` was given. Only for what a process of our own, of the same Python, has packed."""
    data: dict[str, Any] | None
    data, code, diagnostics, files = pickle.loads(parcel)  # noqa: S301  # our own child wrote it
    if data is None:
        return Loaded(None, diagnostics, files)
    code = marshal.loads(code)  # noqa: S302  # as above
    functions = compiled(code, tuple(data["placements"]), data["treatments"])
    return Loaded(RuleBook(**data, **functions._asdict()), diagnostics, files)
