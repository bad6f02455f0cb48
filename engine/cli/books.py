"""The rule book that a command is told to judge by."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.check import absence
from engine.errors import BrokenRuleBook, InvalidInput, Violation

if TYPE_CHECKING:
    from engine.rulebook.book import RuleBook


def chosen_book(rules: Path | None) -> "RuleBook | None":
    """The book in this directory; None if none was named.

    Raises:
        InvalidInput: there is no such directory.
        BrokenRuleBook: the book has mistakes.
    """
    if rules is None:
        return None
    from engine.rulebook.load import load

    if not rules.is_dir():
        raise InvalidInput([Violation("--rules", absence(rules))])
    loaded = load(rules)
    if loaded.book is None:
        raise BrokenRuleBook(loaded.diagnostics)
    return loaded.book
