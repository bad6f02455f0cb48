"""What loading a rule book found, and how it travels from the process that compiled it."""

import io
import marshal
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from engine.rulebook.book import Functions, RuleBook, code_of, compiled
from engine.rulebook.case import Case
from engine.rulebook.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from engine.rulebook.cel import Expression

_LONG: Final = ("conditions", "actions", "treatments")
_AT_ONCE: Final = 25


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
    process that serves decisions is spared that. Of the objects it takes up a few at a time, for the same reason.
    """
    book = loaded.book
    data = code = None
    long: list[tuple[str, int]] = []
    slices: list[Any] = []
    if book is not None:
        functions = Functions._fields
        data = {f.name: getattr(book, f.name) for f in fields(book) if f.name not in functions}
        code = marshal.dumps(code_of(book.source))
        for name in _LONG:
            whole = data.pop(name)
            slices += [whole[at : at + _AT_ONCE] for at in range(0, len(whole), _AT_ONCE)]
            long.append((name, len(whole)))
    parcel = io.BytesIO()
    pickler = pickle.Pickler(parcel)  # one, so that what occurs twice travels once
    for piece in ((data, code, loaded.diagnostics, dict(loaded.files), long), *slices):
        pickler.dump(piece)
    return parcel.getvalue()


def unpacked(parcel: bytes, pause: Callable[[], object] = object) -> Loaded:
    """What `packed` was given. Only for what a process of our own, of the same Python, has packed.

    `pause` is called every fraction of a millisecond.
    """
    data: dict[str, Any] | None
    unpickler = pickle.Unpickler(io.BytesIO(parcel))  # noqa: S301  # our own child wrote it
    data, code, diagnostics, files, long = unpickler.load()
    if data is None:
        return Loaded(None, diagnostics, files)
    for name, count in long:
        whole: list[Any] = []
        while len(whole) < count:
            whole += unpickler.load()
            pause()
        data[name] = tuple(whole)
    code = marshal.loads(code)  # noqa: S302  # as above
    functions = compiled(code, tuple(data["placements"]), data["treatments"])
    return Loaded(RuleBook(**data, **functions._asdict()), diagnostics, files)
