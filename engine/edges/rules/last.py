"""The book a data directory was last served by, for whoever looks at its past."""

import zipfile
from pathlib import Path

from engine.edges.rules.kept import kept_in, read_kept
from engine.errors import BrokenRuleBook, InvalidInput, StorageError, Violation
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load


def last_book(data: Path) -> RuleBook:
    """The book that was last in force, or is.

    Raises:
        InvalidInput: the directory keeps no book.
        BrokenRuleBook: the book kept there has mistakes.
        StorageError: it cannot be read.
    """
    kept = kept_in(data)
    if kept is None:
        raise InvalidInput([Violation(str(data), "holds no rule book: name one with --rules")])
    try:
        loaded = load(read_kept(kept))
    except (OSError, zipfile.BadZipFile) as error:
        raise StorageError(f"{kept} cannot be read: {error}") from error
    if loaded.book is None:
        raise BrokenRuleBook(loaded.diagnostics)
    return loaded.book
