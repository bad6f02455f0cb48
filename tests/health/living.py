"""A data directory as a service leaves it: a model that learned from customers with known tastes."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.circumstances import Circumstances
from engine.codec import DecisionRecord
from engine.deadline import Budget
from engine.decide import Decider
from engine.decision_id import decision_id
from engine.edges.rules.kept import archive, keep
from engine.edges.state.embedded import Embedded, Limits
from engine.join import exposure_of
from engine.learning.binding import bind
from engine.learning.curriculum import Curriculum
from engine.learning.mind import Mind
from engine.learning.panel import Panel
from engine.model import (
    DAY,
    Customer,
    CustomerId,
    Decision,
    Event,
    EventId,
    Micros,
    ProfileUpdate,
    Response,
    Value,
)
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from tests.builders import ADULT, NOW, question
from tests.rulebook.builders import action, files

DAYS: Final = 6
PEOPLE: Final = 600
NEVER_ASKED: Final = 40
BEGAN: Final[Micros] = NOW - DAYS * DAY

ATTRIBUTES: Final = {
    "customer.gender": {
        "type": "string",
        "values": ["female", "male"],
        "nullable": True,
        "sensitivity": "sensitive",
    },
    "customer.income": {"type": "double", "nullable": True, "sensitivity": "protected"},
}
ACTIONS: Final = [
    action("young", value=5),
    action("plain", value=5),
    action("minors_only", eligible_when={"young": "customer.age < 12"}),
    action("later", valid={"from": "2030-01-01"}),
]


def wanted(person: Customer, action_id: str) -> float:
    """How likely this person is to accept: `young` depends on their age, `plain` on nothing."""
    young = int(str(person.attributes["customer.age"])) < 40
    return {"young": 0.7 if young else 0.1, "plain": 0.3}.get(action_id, 0.0)


def person(number: int, chance: np.random.Generator) -> Customer:
    """Somebody of 20 to 79 years; women earn the half of what men do."""
    gender = "female" if number % 2 else "male"
    income = float(chance.uniform(10, 50) * (1 if gender == "female" else 2))
    attributes: dict[str, Value] = {
        **ADULT,
        "customer.age": int(chance.integers(20, 80)),
        "customer.gender": gender,
        "customer.income": income,
    }
    return Customer(CustomerId(f"c{number}"), attributes, updated_at=BEGAN)


class Living:
    """Decides, shows the offers, takes the answers and learns, one customer after the other."""

    def __init__(self, store: Embedded, mind: Mind, of: RuleBook, seed: int) -> None:
        self.model = bind(mind, of)
        self._curriculum = Curriculum.for_book(of)
        asks_river = isinstance(self.model, Panel) and self.model.asks_river
        consulted = self.model if isinstance(self.model, Panel) and asks_river else None
        self._decider = Decider(of, self.model, lambda: 0.0, consulted=consulted)
        self._store = store
        self._chance = np.random.default_rng(seed)

    async def visits(self, count: int, people: list[Customer]) -> None:
        schema = self._curriculum
        await self._store.note_schema(schema.digest, schema.to_dict())
        for who in people:
            told = ProfileUpdate(who.customer_id, BEGAN, who.attributes)
            await self._store.append([told])
        for at in range(count):
            who = people[at % (len(people) - NEVER_ASKED)]
            await self._visit(at, who, BEGAN + at * DAYS * DAY // count)

    async def _visit(self, at: int, who: Customer, now: Micros) -> None:
        asked = question("web.hero", customer_id=who.customer_id, max_offers=1)
        given = Circumstances(decision_id(now, at), who, now, at, Budget(1.0, lambda: 0.0))
        made = self._decider.decide(asked, given)
        assert self._store.record(DecisionRecord(asked, made))
        if not made.placements[0].fallback:
            events = [self._response(made, "impression", 0.0)]
            if self._chance.uniform() < wanted(who, made.placements[0].offers[0].action_id):
                events.append(self._response(made, "accept", 1.0))
            await self._store.append(events)
            await self._store.settled()

    def _response(self, made: Decision, outcome: str, reward: float) -> Event:
        offer = made.placements[0].offers[0]
        exposure = exposure_of(made, made.customer_id, offer.action_id)
        name = EventId(f"{made.decision_id} {outcome}")
        answer = Response(exposure, outcome, 0.0, reward)
        return Event(name, made.customer_id, made.decided_at + 1, answer)


def directory(
    path: Path, count: int = 2_000, seed: int = 1, models: Mapping[str, Any] | None = None
) -> Path:
    """A closed data directory after so many visits over six days, with its book and its models."""
    written = files(
        attributes=ATTRIBUTES, policies={"models": models or {"default": {}}}, actions=ACTIONS
    )
    of = load(written).book
    assert of is not None

    async def fill() -> None:
        mind = Mind()
        store = await Embedded.open(
            path,
            teach=mind.teach,
            register=mind.register,
            snapshot=mind.snapshot,
            restore=mind.restore,
            clock=lambda: NOW,
            limits=Limits(checkpoint_seconds=None),
        )
        chance = np.random.default_rng(seed)
        people = [person(number, chance) for number in range(PEOPLE)]
        try:
            await Living(store, mind, of, seed).visits(count, people)
        finally:
            await store.close()

    asyncio.run(fill())
    keep(path, written)
    archive(path, of.version, written)
    return path
