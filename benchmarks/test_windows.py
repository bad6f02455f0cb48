"""What attributes kept from events cost a decision, beside the same attributes read from the profile.

python -m pytest benchmarks/test_windows.py
"""

from random import Random
from typing import Any, Final

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.customer import Knowledge
from engine.model import (
    DAY,
    Customer,
    CustomerId,
    Event,
    EventId,
    Interaction,
    PlacementId,
    Question,
)
from engine.rulebook.load import load
from engine.topology import apply

NOW = 1_767_225_600_000_000
QUESTION = Question(CustomerId("ada"), "web", (PlacementId("p"),))
BOOK: Final = {
    "policies.yaml": b"""\
issues: {i: {title: I}}
groups: {g: {issue: i}}
placements: {p: {channel: web, slots: 1, texts: {t: 9}, fallback: {t: None}}}
arbitration: {}
outcomes: {click: 1}
models: {default: {response_window: 7d}}
""",
    "actions/all.yaml": b"""\
actions: [{id: a, title: A, group: g, treatments: [{id: a.p, placement: p, texts: {t: A}}]}]
""",
}
TEN: Final = (
    ("int", "{event: call, count: 1d}"),
    ("int", "{event: visit, count: 7d}"),
    ("int", "{event: [call, visit], count: 30d}"),
    ("double", "{event: paid, sum: 7d, of: amount}"),
    ("double", "{event: paid, sum: 30d, of: amount}"),
    ("int", "{event: call, distinct: 7d, of: topic}"),
    ("int", "{event: visit, distinct: 30d, of: topic}"),
    ("duration", "{event: call, last: 90d}"),
    ("timestamp", "{event: paid, last: 90d}"),
    ("int", "{event: call, count: 30d, channel: ivr, where: {topic: bill}}"),
)


def knowledge(*, windows: bool) -> Knowledge:
    """What reads the ten of them, from events or from the profile."""
    lines = ["attributes:"]
    for number, (type_, clause) in enumerate(TEN):
        null = "" if windows and "last:" not in clause else ", nullable: true"
        source = f", from: {clause}" if windows else ""
        lines.append(f"  events.x{number}: {{type: {type_}{null}{source}}}")
    loaded = load({"attributes.yaml": "\n".join(lines).encode(), **BOOK})
    assert loaded.book is not None, loaded.diagnostics
    return Knowledge(loaded.book)


def customer(interactions: int) -> Customer:
    """Somebody who called, came and paid so often in the last forty days."""
    random, found = Random(interactions), Customer(CustomerId("ada"))
    for number in range(interactions):
        apply(found, event(number, NOW - random.randrange(40 * DAY), random))
    return found


def event(number: int, time: int, random: Random) -> Event:
    attributes: dict[str, Any] = {
        "amount": random.random() * 100,
        "topic": random.choice(["bill", "fault", "travel"]),
    }
    done = Interaction(
        random.choice(["call", "visit", "paid"]), random.choice(["web", "ivr"]), attributes
    )
    return Event(EventId(f"e{number}"), CustomerId("ada"), time, done)


@pytest.mark.parametrize("interactions", [0, 10, 30, 100, 1_000])
def test_ten_windows(benchmark: BenchmarkFixture, interactions: int) -> None:
    benchmark(knowledge(windows=True).values, customer(interactions), QUESTION, NOW)


def test_ten_attributes_of_the_profile(benchmark: BenchmarkFixture) -> None:
    benchmark(knowledge(windows=False).values, customer(30), QUESTION, NOW)


def test_one_more_interaction_of_a_thousand(benchmark: BenchmarkFixture) -> None:
    who, random = customer(1_000), Random(7)
    more = iter(range(10**9))
    benchmark(lambda: apply(who, event(number := next(more), NOW + number, random)))
