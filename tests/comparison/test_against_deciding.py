"""Customers compared in frames against the decisions that would be made for them, one by one."""

from random import Random

import polars as pl
import pytest

from engine.comparison.outlook import Batch, Outlook, Visit
from engine.model import Value
from tests.comparison.serving import Serving, frame_of, ids_of, names, shipped, somebody

CUSTOMERS = 150


@pytest.mark.parametrize("name", ["telecom", "bank"])
@pytest.mark.parametrize("reason", [None, "cancel"])
def test_a_frame_shows_what_a_decision_would(name: str, reason: str | None) -> None:
    loaded, book = shipped(name)
    random = Random(7)
    customers = [somebody(random, book, number) for number in range(CUSTOMERS)]
    context: dict[str, Value] = {}
    if reason and "request.reason" in book.index:
        context["request.reason"] = reason
    ids = pl.Series([c.customer_id for c in customers])
    visits = [Visit(declared.channel, (at,)) for at, declared in book.placements.items()]
    batch = Batch(ids, frame_of(book, customers), visits)
    sights = Outlook(loaded, loaded, context).sights(batch)
    serving = Serving(book)
    for visit, (_, sight, _) in zip(visits, sights, strict=True):
        for customer, row in zip(customers, sight.shown, strict=True):
            (wanted,) = serving.decide(customer, visit, context).placements
            assert names(book, row) == ids_of(wanted), (visit, customer)


@pytest.mark.parametrize("most", [0, 1])
def test_several_placements_show_no_action_twice(most: int) -> None:
    loaded, book = shipped("telecom")
    random = Random(8)
    customers = [somebody(random, book, number) for number in range(CUSTOMERS)]
    places = tuple(p for p, declared in book.placements.items() if declared.channel == "web")
    assert len(places) > 1
    visit = Visit("web", places, most)
    ids = pl.Series([c.customer_id for c in customers])
    batch = Batch(ids, frame_of(book, customers), [visit])
    sights = list(Outlook(loaded, loaded).sights(batch))
    serving = Serving(book)
    for number, customer in enumerate(customers):
        decision = serving.decide(customer, visit)
        for placed, (_, sight, _) in zip(decision.placements, sights, strict=True):
            assert names(book, sight.shown[number]) == ids_of(placed)
