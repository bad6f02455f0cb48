"""A service that has lived a little: customers asked for, offers answered, caps used up, books exchanged."""

import asyncio
import re
import shutil
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from engine.edges.journal.decisions import recorded
from engine.engine import AttuneEngine, Sources, open_engine
from engine.model import (
    MINUTE,
    ActionId,
    CustomerId,
    Decision,
    DecisionId,
    EventId,
    EventStatus,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    ProfileUpdate,
    Question,
)
from engine.replay.books import KeptBooks
from engine.replay.replay import Replay, Replayed
from engine.rulebook.load import Loaded, load
from engine.running.reload import remember
from engine.settings import Settings
from tests.comparison.serving import BOOKS, NOW

SAID = (
    (), ("impression",), ("impression", "click"), ("impression", "click", "accept"),
    ("impression", "dismiss"), ("impression", "reject"),
)  # fmt: skip
"""What becomes of offers."""


def scarce(name: str, to: Path, left: int = 6) -> Path:
    """A copy of a shipped book whose caps hold so many offers, to whomever made."""
    shutil.copytree(BOOKS / name, to)
    for file in [*to.glob("actions/*.yaml"), to / "policies.yaml"]:
        text = re.sub(r"\b(per_day|total): \d{2,}", rf"\1: {left}", file.read_text())
        text = re.sub(r"amount: \d{3,}", "amount: 300", text)
        file.write_text(text.replace("reach: 0.02", "reach: 1"))
    return to


async def compiled(book: Path, *, at_once: bool = False) -> Loaded:
    """In this process: nobody waits for it here."""
    return load(book)


class Life:
    """Everything that happens in one data directory; `life.time` moves with every question."""

    def __init__(self, rules: Path, data: Path, seed: int = 1) -> None:
        self.rules = rules
        self.data = data
        self.time = NOW
        self.random = Random(seed)
        self.monotonic = 0.0
        self.asked = 0
        self.decisions: list[Decision] = []
        self._cases = load(rules).cases

    def opened(self) -> AbstractAsyncContextManager[AttuneEngine]:
        sources = Sources(
            now=lambda: self.time,
            monotonic=lambda: self.monotonic,
            seed=lambda: self.random.getrandbits(64),
        )
        settings = Settings(rules=self.rules, data=self.data, watch=False)
        return open_engine(settings, sources, compiled)

    async def know(self, engine: AttuneEngine) -> None:
        """Profiles of the customers that the book's own tests tell of."""
        await engine.put(
            [
                ProfileUpdate(CustomerId(f"c{n}"), self.time, case.customer)
                for n, case in enumerate(self._cases)
            ]
        )

    async def happen(self, engine: AttuneEngine, what: Interaction) -> None:
        """The same interaction of every customer, now."""
        self.time += MINUTE
        events = [
            IncomingEvent(EventId(f"{self.time}/c{n}"), CustomerId(f"c{n}"), self.time, what)
            for n in range(len(self._cases))
        ]
        results = await engine.record(events)
        assert all(result.status is EventStatus.ACCEPTED for result in results), results

    async def ask(self, engine: AttuneEngine, questions: int, **rest: Any) -> None:
        """Questions from anybody, and for some of the offers what became of them."""
        for _ in range(questions):
            self.time += self.random.randint(1, 20) * MINUTE
            question = replace(self._question(engine), **rest)
            answer = await engine.decide(question, 1.0)
            assert not isinstance(answer, bytes)
            decision, token = answer
            self.decisions.append(decision)
            self.asked += 1
            for placed in decision.placements if token else ():
                for offer in () if placed.fallback else placed.offers:
                    await self._respond(engine, question.customer_id, offer.action_id, token)

    async def _respond(
        self, engine: AttuneEngine, who: CustomerId, action: ActionId, token: bytes
    ) -> None:
        """Nothing, or that it was seen, and perhaps what was said to it."""
        results = await engine.record(
            [
                IncomingEvent(
                    EventId(f"{self.asked}/{action}/{outcome}"),
                    who,
                    self.time,
                    IncomingResponse(action, token, DecisionId(""), outcome, 0.0),
                )
                for outcome in self.random.choice(SAID)
            ]
        )
        assert all(result.status is EventStatus.ACCEPTED for result in results), results

    def _question(self, engine: AttuneEngine) -> Question:
        """What a test of the book asks, or the same in more places of the channel, for any number."""
        random, placements = self.random, engine.book.placements
        number = random.randrange(len(self._cases))
        case = self._cases[number]
        beside = [at for at, p in placements.items() if p.channel == case.channel]
        asked = [*case.placements, *random.sample(beside, random.randint(0, len(beside)))]
        return Question(
            CustomerId(f"c{number}"),
            case.channel,
            tuple(dict.fromkeys(asked)),
            case.context,
            max_offers=random.choice((0, 0, 0, 1, 2)),
        )


def replayed(life: Life, rules: Path | None = None) -> list[Replayed]:
    """Every decision of a life, made again."""
    replay = Replay(KeptBooks(life.data, rules))
    return [replay.replay(record) for record in recorded(life.data / "decisions.db")]


async def reload(engine: AttuneEngine) -> None:
    """Waits until the book in the files is in force and kept."""
    loaded = load(engine._settings.rules)
    assert loaded.book is not None
    await engine.adopt(loaded.book, ())
    await remember(engine._settings, loaded.book.version, loaded.files)


def run_apart(living: Coroutine[Any, Any, None]) -> None:
    """Runs to the end on an event loop of its own, in a thread that has no other."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, living).result()


def short_life(directory: Path, questions: int) -> Life:
    """A life in which so many questions were asked, by the telecom book with scarce caps."""
    life = Life(scarce("telecom", directory / "rules"), directory / "data")

    async def live() -> None:
        async with life.opened() as engine:
            await life.know(engine)
            await life.ask(engine, questions)

    run_apart(live())
    return life
