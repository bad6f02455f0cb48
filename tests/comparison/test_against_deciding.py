"""Customers compared in frames against the decisions that would be made for them, one by one."""

from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from engine.comparison.outlook import Batch, Outlook, Visit
from engine.deadline import Budget
from engine.decide import Circumstances, Decider
from engine.model import (
    DAY,
    ActionId,
    Customer,
    CustomerId,
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
CUSTOMERS = 150


def loaded(name: str) -> Loaded:
    found = load(BOOKS / name)
    assert found.book is not None
    return found


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
    known = random.choice((0.6, 0.9, 1.0))
    attributes: dict[str, Any] = {
        a.name: a_value(random, a)
        for a in book.attributes
        if a.name != "now" and not a.name.startswith("request.") and random.random() < known
    }
    return Customer(CustomerId(f"c{number}"), attributes, updated_at=NOW)


class Serving:
    """Decides as the service does, with P = 1 as frames have it, and nothing left to chance."""

    def __init__(self, book: RuleBook) -> None:
        certain = {action.action_id: 1.0 for action in book.actions}
        self._decider = Decider(calm(book), Even(book, certain), lambda: 0.0)
        self._budget = Budget(3_600.0, lambda: 0.0)

    def offers(
        self, customer: Customer, visit: Visit, context: dict[str, Value]
    ) -> list[PlacementOffers]:
        question = Question(customer.customer_id, visit.channel, visit.placements, context)
        given = Circumstances(DecisionId("d"), customer, NOW, 1, self._budget)
        return self._decider.decide(question, given).placements


def ids_of(placed: PlacementOffers) -> list[ActionId]:
    return [offer.action_id for offer in placed.offers if offer.action_id]


def frame_of(book: RuleBook, customers: list[Customer]) -> pl.DataFrame:
    columns = [
        series
        for a in book.attributes
        if a.name != "now"
        for series in series_of(column_of(a), [c.attributes.get(a.name) for c in customers])
    ]
    return pl.DataFrame(columns).with_columns(pl.lit(NOW).alias("now"))


@pytest.mark.parametrize("name", ["telecom", "bank"])
@pytest.mark.parametrize("reason", [None, "cancel"])
def test_a_frame_shows_what_a_decision_would(name: str, reason: str | None) -> None:
    old = loaded(name)
    book = old.book
    assert book is not None
    random = Random(7)
    customers = [somebody(random, book, number) for number in range(CUSTOMERS)]
    context: dict[str, Value] = {}
    if reason and "request.reason" in book.index:
        context["request.reason"] = reason
    outlook = Outlook(old, old, context)
    ids = pl.Series([c.customer_id for c in customers])
    visits = [Visit(declared.channel, (at,)) for at, declared in book.placements.items()]
    batch = Batch(ids, frame_of(book, customers), visits)
    serving = Serving(book)
    for visit, (_, sight, _) in zip(visits, outlook.sights(batch), strict=True):
        for customer, row in zip(customers, sight.shown, strict=True):
            (wanted,) = serving.offers(customer, visit, context)
            came = [book.actions[index].action_id for index in row[row >= 0]]
            assert came == ids_of(wanted), (visit, customer)


def test_several_placements_show_no_action_twice() -> None:
    old = loaded("telecom")
    book = old.book
    assert book is not None
    random = Random(8)
    customers = [somebody(random, book, number) for number in range(CUSTOMERS)]
    places = tuple(p for p, declared in book.placements.items() if declared.channel == "web")
    assert len(places) > 1
    ids = pl.Series([c.customer_id for c in customers])
    visit = Visit("web", places)
    sights = list(Outlook(old, old).sights(Batch(ids, frame_of(book, customers), [visit])))
    serving = Serving(book)
    for number, customer in enumerate(customers):
        for placed, (_, sight, _) in zip(serving.offers(customer, visit, {}), sights, strict=True):
            row = sight.shown[number]
            came = [book.actions[index].action_id for index in row[row >= 0]]
            assert came == ids_of(placed)
