"""Decisions as the service makes them, and random customers to make them for."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from engine.circumstances import Circumstances
from engine.codec import DecisionRecord
from engine.comparison.outlook import Visit
from engine.deadline import Budget
from engine.decide import Decider
from engine.limits.variety import VarietyGuard
from engine.model import (
    DAY,
    ActionId,
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    PlacementOffers,
    Question,
    Value,
)
from engine.rehearsal import Even, calm
from engine.rulebook.book import Attribute, Kind, RuleBook
from engine.rulebook.frames import column_of, series_of
from engine.rulebook.load import Loaded, load

BOOKS = Path(__file__).parents[2] / "rules"
NOW = 1_795_176_000_000_000


def shipped(name: str) -> tuple[Loaded, RuleBook]:
    loaded = load(BOOKS / name)
    assert loaded.book is not None
    return loaded, loaded.book


def a_value(random: Random, attribute: Attribute) -> Value:
    low, high = attribute.range or (-3, 40)
    match attribute.type.kind:
        case Kind.BOOL:
            return random.random() < 0.6
        case Kind.INT:
            return random.randint(int(low), int(min(high, low + 60)))
        case Kind.DOUBLE:
            return random.choice((low, high, random.uniform(low, high)))
        case Kind.STRING:
            return random.choice(attribute.values or ("", "a", "Zoë", "a rather long text " * 3))
        case Kind.TIMESTAMP:
            return NOW + random.randint(-400 * DAY, 400 * DAY)
        case Kind.DURATION:
            return random.randint(0, 100 * DAY)
        case Kind.LIST:
            words = attribute.values or ("web", "app", "sms", "ivr", "agent", "email", "branch")
            return tuple(random.sample(words, random.randint(0, len(words))))
        case _:
            return {"sms": 3}


def somebody(random: Random, book: RuleBook, number: int) -> Customer:
    """A customer of whom a random part is known, all of it fresh."""
    known = random.choice((0.6, 0.9, 1.0))
    attributes: dict[str, Any] = {
        a.name: a_value(random, a)
        for a in book.attributes
        if a.name != "now" and not a.name.startswith("request.") and random.random() < known
    }
    return Customer(CustomerId(f"c{number}"), attributes, updated_at=NOW)


def frame_of(book: RuleBook, customers: list[Customer]) -> pl.DataFrame:
    """The customers as a file of them would be read."""
    columns = [
        series
        for a in book.attributes
        if a.name != "now"
        for series in series_of(column_of(a), [c.attributes.get(a.name) for c in customers])
    ]
    return pl.DataFrame(columns).with_columns(pl.lit(NOW).alias("now"))


def kept_of(book: RuleBook, customer: Customer) -> dict[str, Value]:
    """What a file says of attributes kept from events, as a request says it: no profile has them."""
    known = customer.attributes
    return {a.name: known[a.name] for a in book.attributes if a.source and a.name in known}


class Serving:
    """Decides as the service does, nothing left to chance, contact policies and caps left aside.

    P is 1 unless given.
    """

    def __init__(
        self, book: RuleBook, propensities: Mapping[ActionId, float] | None = None
    ) -> None:
        given = propensities or {action.action_id: 1.0 for action in book.actions}
        self._book = book
        guards = [VarietyGuard(book)] if book.arbitration.limits else []
        self._decider = Decider(calm(book), Even(book, given), lambda: 0.0, guards)
        self._budget = Budget(3_600.0, lambda: 0.0)

    def record(
        self, customer: Customer, visit: Visit, context: Mapping[str, Value] | None = None
    ) -> DecisionRecord:
        question = Question(
            customer.customer_id,
            visit.channel,
            visit.placements,
            {**kept_of(self._book, customer), **(context or {})},
            max_offers=visit.most,
        )
        name = DecisionId(f"{customer.customer_id}/{'/'.join(visit.placements)}")
        given = Circumstances(name, customer, NOW, 1, self._budget)
        return DecisionRecord(question, self._decider.decide(question, given))

    def decide(
        self, customer: Customer, visit: Visit, context: Mapping[str, Value] | None = None
    ) -> Decision:
        return self.record(customer, visit, context).decision


def ids_of(placed: PlacementOffers) -> list[ActionId]:
    return [offer.action_id for offer in placed.offers if offer.action_id]


def names(book: RuleBook, row: Any) -> list[ActionId]:
    """The actions in a row of `Shown`."""
    return [book.actions[index].action_id for index in row[row >= 0]]
