"""A data directory, a champion's rules and a challenger's: what tests of challengers live in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.challenger.challenge import Challenge, Lease
from engine.challenger.plan import Plan
from engine.challenger.shadowing import Shadow, Shadowing
from engine.edges.journal.shadows import SHADOWS, shadows_of
from engine.edges.rules.kept import archive, read_kept
from engine.engine import AttuneEngine, Sources, open_engine
from engine.model import CustomerId, Decision, ProfileUpdate, Question
from engine.rulebook.load import Loaded, load
from engine.settings import Settings
from tests.builders import ADULT, NOW, question
from tests.rulebook.builders import action, files

AB = [action("a", value=9), action("b")]
ONLY_C = [action("c", value=5)]
PEOPLE = [CustomerId(f"c{number}") for number in range(40)]


class World:
    """One data directory, a champion's rules and a challenger's, and a clock that stands still."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = NOW
        self.seeds = 0
        self.settings = Settings(rules=path / "rules", data=path / "data", watch=False)

    def write(self, name: str = "rules", **keys: Any) -> Path:
        for file, text in files(**keys).items():
            (self.path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name / file).write_bytes(text)
        return self.path / name

    def seed(self) -> int:
        self.seeds += 1
        return self.seeds

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[AttuneEngine]:
        sources = Sources(now=lambda: self.time, monotonic=lambda: 0.0, seed=self.seed)
        async with open_engine(self.settings, sources, compiled) as engine:
            await engine.put([ProfileUpdate(who, NOW, ADULT) for who in PEOPLE])
            yield engine

    def challenge(self, plan: Plan) -> Challenge:
        """What the files of a plan's rules make of it."""
        loaded = load(Path(plan.rules))
        assert loaded.book is not None
        archive(self.settings.data, loaded.book.version, loaded.files)
        return Challenge(plan, loaded.book, Lease(loaded.book))

    def shadows(self, plan: Plan) -> list[Shadow]:
        return list(shadows_of(self.settings.data / SHADOWS, plan.name, 0))


async def compiled(book: Path, *, at_once: bool = False) -> Loaded:
    """In this process: nobody waits for it here."""
    return load(read_kept(book) if book.suffix == ".zip" else book)


def planned(rules: Path, sample: float = 1.0) -> Plan:
    return Plan.started("autumn", str(rules), NOW, sample)


def decide(engine: AttuneEngine, asked: Question) -> Decision:
    answer = engine.decide_now(asked, 1.0)
    assert isinstance(answer, tuple)
    return answer[0]


def by_everybody(engine: AttuneEngine, *placements: str, **rest: Any) -> dict[CustomerId, Decision]:
    return {who: decide(engine, question(*placements, customer_id=who, **rest)) for who in PEOPLE}


def firsts(decisions: dict[CustomerId, Decision]) -> set[str]:
    return {
        placed.offers[0].action_id
        for decision in decisions.values()
        for placed in decision.placements
        if not placed.fallback
    }


def shadowing_of(engine: AttuneEngine) -> Shadowing:
    shadowing = engine._seating.shadowing
    assert shadowing is not None
    return shadowing


def cast(engine: AttuneEngine) -> int:
    """Has all shadows that wait made at once; how many were."""
    shadowing = shadowing_of(engine)
    while shadowing._waiting:
        shadowing._follow(shadowing._waiting.popleft())
    return shadowing.made
