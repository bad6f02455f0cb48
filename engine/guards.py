"""Guard: which limits a rule book's decisions pass, named in one place."""

from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.vault import Fleeting
from engine.limits import Guard
from engine.rulebook.book import RuleBook


def guards_of(book: RuleBook) -> tuple[Guard, ...]:
    """The guards of all limits `book` declares, in the order of the funnel."""
    return (CapsGuard(book, Ledger(Fleeting())),) if book.caps else ()
