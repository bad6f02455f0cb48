"""Binding: the models that answer for the actions of one rule book, as a decision asks them."""

from typing import TYPE_CHECKING, TypeAlias

from engine.learning.curriculum import Curriculum
from engine.learning.mind import Mind
from engine.propensity import Propensities
from engine.rulebook.book import RuleBook
from engine.uplift.serving import Uplifted

if TYPE_CHECKING:  # it takes all of river along, which a book that sets no models never needs
    from engine.learning.panel import Panel

Bound: TypeAlias = "Propensities | Panel | Uplifted"
"""What answers for the actions of one book."""


def bind(mind: Mind, book: RuleBook, curriculum: Curriculum | None = None) -> Bound:
    """The models of a book; made anew for each book, swapped with it.

    `curriculum` is that of the book, where it is known already.
    """
    curriculum = Curriculum.for_book(book) if curriculum is None else curriculum
    mind.register(curriculum.to_dict())
    default = Propensities.bind(mind.learner, book, curriculum.default)
    model = _panel(default, mind, book, curriculum) if curriculum.courses else default
    if not book.measured:
        return model
    return Uplifted(model, mind.uplift, book, curriculum, consulted(model))


def _panel(default: Propensities, mind: Mind, book: RuleBook, curriculum: Curriculum) -> "Panel":
    from engine.learning.panel import Panel

    return Panel(default, mind, book, curriculum)


def consulted(model: Bound) -> "Panel | Uplifted | None":
    """The models, if there are any that have to be asked about one candidate after the other."""
    return model if not isinstance(model, Propensities) and model.asks_river else None


def beginners(mind: Mind, curriculum: Curriculum) -> list[str]:
    """The names of the models that have not learned anything yet."""
    specs = [course.spec for course in curriculum.courses]
    return [spec.name for spec in specs if mind.estimator(spec.key) is None]
