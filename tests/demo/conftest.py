"""The telecom rule book, loaded once, and a small population."""

import time
from pathlib import Path

import pytest

from engine.demo.population import Person, population
from engine.demo.world import World
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load

ROOT = Path(__file__).parents[2]
TELECOM = ROOT / "rules" / "telecom"
NOW = 1_795_000_000_000_000


@pytest.fixture(scope="session")
def book() -> RuleBook:
    loaded = load(TELECOM).book
    assert loaded is not None
    return loaded


@pytest.fixture(scope="session")
def people() -> list[Person]:
    return population(1_500, seed=1, now=time.time_ns() // 1_000)


@pytest.fixture
def world(people: list[Person], book: RuleBook) -> World:
    return World(people, book, seed=1)
