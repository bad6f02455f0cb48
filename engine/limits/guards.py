"""Guard: which limits a rule book's decisions pass, named in one place."""

from collections.abc import Callable

from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.vault import Fleeting
from engine.contact.guard import ContactGuard
from engine.contact.pending import Pending
from engine.learning.evidence import Evidence
from engine.limits.limits import Guard
from engine.limits.reach import ReachGuard
from engine.limits.variety import VarietyGuard
from engine.rulebook.book import RuleBook


def guards_of(
    book: RuleBook,
    pending: Pending | None = None,
    caps: CapsGuard | None = None,
    evidence: Callable[[], Evidence] | None = None,
) -> tuple[Guard, ...]:
    """The guards of all limits of `book`, in the order of the funnel.

    `pending` are the offers just returned by decisions of this and earlier books, `caps` keeps the caps
    of this book; by default nothing was returned and nothing is used up. `evidence` tells what has been
    seen of each action; without, none counts as untrained.
    """
    guards: list[Guard] = [ContactGuard(book, Pending() if pending is None else pending)]
    if book.caps:
        guards.append(caps or CapsGuard(book, Ledger(Fleeting())))
    if book.arbitration.limits:
        guards.append(VarietyGuard(book))
    untrained = book.arbitration.exploration.untrained
    if untrained is not None and evidence is not None:
        guards.append(ReachGuard(book, untrained, evidence))
    return tuple(guards)
