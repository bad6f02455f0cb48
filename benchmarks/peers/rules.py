"""The work: 200 conditions of a rule book for one customer, each true or false."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import workloads
from engine.customer import Knowledge
from engine.edges.grpc.values import read_any
from engine.model import Customer, CustomerId, Micros, PlacementId, Question
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load

CONDITIONS: Final = 200
CUSTOMERS: Final = 100
NOW: Final[Micros] = 1_767_225_600_000_000
WORK: Final = f"{CONDITIONS} conditions"


class Rules(NamedTuple):
    """A book, customers as its conditions see them, and the same customers as nested maps.

    `values` are lists in the order of the book's attributes, `maps` have `{"customer": {"age": …}}`.
    `texts` are the conditions in CEL, `places` where each stands among the book's.
    """

    book: RuleBook
    knowledge: Knowledge
    people: list[Customer]
    values: list[list[Any]]
    maps: list[dict[str, dict[str, Any]]]
    texts: list[str]
    places: list[int]

    def ours(self, customer: int) -> Sequence[object]:
        """What Attune says: one truth for each condition, and two more (consent, the reason to call)."""
        return self.book.conditions_of(self.values[customer])

    def from_profile(self, customer: int) -> Sequence[object]:
        """The same, beginning with the customer's attributes by name."""
        person = self.people[customer]
        return self.book.conditions_of(self.knowledge.values(person, question(person), NOW))

    def same(self, ours: object, theirs: object) -> bool:
        """Whether every truth a peer told is the very same."""
        return isinstance(ours, Sequence) and [ours[place] for place in self.places] == theirs


@cache
def rules() -> Rules:
    """The workload of all benchmarks, seen by its conditions."""
    with tempfile.TemporaryDirectory() as scratch:
        book = load(workloads.write_book(Path(scratch), CONDITIONS)).book
    if book is None:
        raise ValueError("the benchmarks' rule book has mistakes")
    people, knowledge = customers(), Knowledge(book)
    fits = [condition for condition in book.conditions if condition.test == "eligible_when"]
    return Rules(
        book,
        knowledge,
        people,
        [knowledge.values(person, question(person), NOW) for person in people],
        [_nested(person.attributes) for person in people],
        [condition.text for condition in fits],
        [condition.index for condition in fits],
    )


def customers() -> list[Customer]:
    """The customers of all benchmarks, as the engine has them."""
    return [
        Customer(CustomerId(c.customer_id), {n: read_any(v) for n, v in c.attributes.items()})
        for c in workloads.customers(CUSTOMERS)
    ]


def question(customer: Customer) -> Question:
    """What each of them asks."""
    return Question(customer.customer_id, "web", (PlacementId(workloads.PLACEMENT),))


def _nested(attributes: Any) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for name, value in attributes.items():
        family, _, leaf = name.partition(".")
        made.setdefault(family, {})[leaf] = value
    return made
