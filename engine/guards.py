"""Guard: which limits a rule book's decisions pass, named in one place."""

from engine.limits import Guard
from engine.rulebook.book import RuleBook
from engine.variety import VarietyGuard


def guards_of(book: RuleBook) -> tuple[Guard, ...]:
    """The guards of all limits `book` declares, in the order of the funnel."""
    return (VarietyGuard(book),) if book.arbitration.limits else ()
