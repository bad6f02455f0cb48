"""Compiling apart: a process of its own reads, checks and compiles a rule book, within fixed bounds.

`python -m engine.rulebook.compile BOOK [--at-once]` writes what `load` found to standard output, packed. BOOK
is a directory, or a book that was kept (`engine.edges.rules.kept`). With `--at-once` it does not stand back
for others: at a start there is nobody to stand back for, and an emergency does not wait. The process that serves decisions thus
neither imports the checker nor waits for it, and no book can take its memory or time away.
"""

import gc
import os
import resource
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.loaded import Loaded, packed
from engine.rulebook.standing_back import standing_back

MOST_MEMORY: Final = 2 << 30
"""Bytes of address space; a book of 2,000 actions takes a tenth of it."""

MOST_SECONDS: Final = 60
"""Seconds of processor time; a book of 2,000 actions takes one or two."""

MOST_WRITTEN: Final = 1 << 16
"""Bytes it may write to a file, which can only be what it complains of."""


def main(book: Path, *, at_once: bool = False) -> None:
    """Writes the parcel to standard output; whatever else is printed goes to standard error."""
    with nullcontext() if at_once else standing_back():
        _main(book)


def _main(book: Path) -> None:
    out = os.dup(1)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    gc.disable()
    try:
        parcel = packed(_loaded(book))
    except MemoryError:
        parcel = packed(too_large())
    with os.fdopen(out, "wb") as pipe:
        pipe.write(parcel)


def too_large() -> Loaded:
    """What is said of a book that cannot be compiled within the memory there is for it."""
    return refused(
        f"the book takes more than {MOST_MEMORY >> 30} GiB of memory to compile: split it"
    )


def refused(message: str) -> Loaded:
    """A book that could not be loaded for a reason that stands in no file."""
    return Loaded(None, (Diagnostic(".", 1, 1, message),))


def _loaded(book: Path) -> Loaded:
    from engine.rulebook.load import load

    if zipfile.is_zipfile(book):
        from engine.edges.rules.kept import read_kept

        return load(read_kept(book))
    return load(book)


if __name__ == "__main__":
    main(Path(sys.argv[1]), at_once="--at-once" in sys.argv[2:])
