"""Tastes stay hidden: what is sent does not depend on them, except what customers do."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from engine.demo.client import Client
from engine.demo.population import Person
from engine.demo.visits import PAGES, Visit
from engine.demo.world import Reaction, World
from engine.rulebook.book import RuleBook
from engine.wire.customer_pb2 import PutCustomersResponse
from engine.wire.decision_pb2 import DecideResponse
from engine.wire.event_pb2 import EventResult, RecordEventsResponse


class Wire:
    """Stands where a channel does, and keeps every message that would go out."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self._answers: Mapping[str, Any] = {
            "Decide": DecideResponse(decision_id="d1", token=b"sealed"),
            "PutCustomers": PutCustomersResponse(),
            "RecordEvents": RecordEventsResponse(
                results=[EventResult(status=EventResult.STATUS_ACCEPTED)]
            ),
        }

    def unary_unary(self, method: str, **_: object) -> Any:
        async def call(request: Any, **_: object) -> Any:
            self.sent.append(request)
            return self._answers[method.rpartition("/")[2]]

        return call

    def unary_stream(self, method: str, **_: object) -> None:
        """Not used by the demo."""

    def stream_stream(self, method: str, **_: object) -> None:
        """Nor this."""


async def sent(world: World, reactions: Sequence[Reaction] = ()) -> list[bytes]:
    """Everything that one visit of each of the first people makes the demo send."""
    wire = Wire()
    client = Client(wire, world.book)  # type: ignore[arg-type]  # as far as the stubs use it, a channel
    await client.put({p.customer_id: world.profile(i) for i, p in enumerate(world.people)})
    for i, person in enumerate(world.people[:50]):
        visit = Visit(i, PAGES[i % len(PAGES)], "bill", 7)
        decided = await client.decide(person.customer_id, visit)
        await client.record(person.customer_id, decided, reactions)
    return [message.SerializeToString(deterministic=True) for message in wire.sent]


async def test_other_tastes_make_no_other_messages(people: list[Person], book: RuleBook) -> None:
    one, other = (World(people, book, seed) for seed in (1, 2))
    visit = Visit(0, PAGES[0], "bill", 7)
    assert one._likes(visit, book.actions[0].action_id, 0) != other._likes(
        visit, book.actions[0].action_id, 0
    )
    assert await sent(one) == await sent(other)


async def test_a_response_says_what_was_done_and_nothing_else(world: World) -> None:
    wire = Wire()
    client = Client(wire, world.book)  # type: ignore[arg-type]  # as far as the stubs use it, a channel
    reaction = Reaction(world.book.actions[0].action_id, "accept", 12.0)
    await client.record("anna", DecideResponse(decision_id="d1", token=b"sealed"), [reaction])
    (event,) = wire.sent[0].events
    assert {field.name for field, _ in event.ListFields()} == {
        "event_id",
        "customer_id",
        "response",
    }
    assert {field.name for field, _ in event.response.ListFields()} == {
        "action_id",
        "token",
        "outcome",
        "value",
    }
    assert event.response.token == b"sealed"


@pytest.mark.parametrize("word", ["taste", "appetite", "chance", "trait", "quirk"])
def test_profiles_hold_only_what_the_book_declares(world: World, word: str) -> None:
    for i in range(200):
        assert set(world.profile(i)) <= set(world.book.index)
        assert not any(word in name for name in world.profile(i))
