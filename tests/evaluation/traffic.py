"""A data directory as a service would leave it: decisions really made, responses drawn from known rates."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from engine.codec import DecisionRecord
from engine.edges.state.embedded import Embedded, Limits
from engine.features import FeatureSchema
from engine.join import exposure_of
from engine.model import (
    CustomerId,
    Decision,
    DecisionId,
    Event,
    EventId,
    Offer,
    ProfileUpdate,
    Response,
)
from engine.rulebook.book import RuleBook
from tests.builders import NOW, customer, decide, question
from tests.rulebook.builders import action, book

RATES = {"a": 0.5, "b": 0.2, "c": 0.1}
"""How often each action is taken up; "old" is for nobody."""


def small_book(version: int = 0) -> RuleBook:
    actions = [
        action("old", eligible_when={"never": "customer.age > 120"}),
        *(action(name, value=10 + version) for name in RATES),
    ]
    return book(actions=actions)


@asynccontextmanager
async def store_at(path: Path) -> AsyncIterator[Embedded]:
    store = await Embedded.open(
        path,
        teach=lambda lesson: None,
        register=lambda document: None,
        snapshot=lambda: b"",
        restore=lambda snapshot: None,
        clock=lambda: NOW,
        limits=Limits(checkpoint_seconds=None),
    )
    try:
        yield store
    finally:
        await store.close()


def seen(made: Decision, offer: Offer, outcome: str, reward: float | None) -> Event:
    exposure = exposure_of(made, made.customer_id, offer.action_id)
    name = f"{made.decision_id} {offer.action_id} {outcome}"
    return Event(
        EventId(name), CustomerId(made.customer_id), NOW, Response(exposure, outcome, 0.0, reward)
    )


async def play(store: Embedded, count: int, version: int = 0) -> None:
    """Decides `count` times for `count // 2` customers, who see the first offer and may take it up."""
    of = small_book(version)
    schema = FeatureSchema.for_book(of)
    await store.note_schema(schema.digest, schema.to_dict())
    chance = np.random.default_rng(version)
    for at in range(count):
        propensities = [0.1, *chance.uniform(0.05, 0.4, size=3)]
        who = customer(customer_age=20 + at // 2 % 50)
        name = CustomerId(f"c{at // 2}")
        asked = question("web.hero", customer_id=name)
        made = decide(of, asked, who, propensities=propensities, seed=at)
        made.decision_id = DecisionId(f"d{version}-{at}")
        assert store.record(DecisionRecord(asked, made))
        first = made.placements[0].offers[0]
        events: list[Event | ProfileUpdate] = [ProfileUpdate(name, NOW - 1, who.attributes)]
        events.append(seen(made, first, "impression", 0.0))
        if chance.uniform() < RATES[first.action_id]:
            events.append(seen(made, first, "accept", 1.0))
        events.append(seen(made, made.placements[0].offers[1], "not_delivered", None))
        await store.append(events)


def directory(path: Path, count: int) -> Path:
    """A closed data directory with `count` decisions by `small_book`."""

    async def fill() -> None:
        async with store_at(path) as store:
            await play(store, count)

    asyncio.run(fill())
    return path
