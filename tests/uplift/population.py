"""People whose answer to an offer, and to none, is known; asked and reported on through a real engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

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
)
from engine.rulebook.load import Loaded, load
from engine.settings import Settings
from tests.builders import ADULT, NOW, question
from tests.rulebook.builders import action, files

MOODS = ("wavering", "loyal", "leaving", "asleep")
ALONE = {"wavering": 0.5, "loyal": 0.04, "leaving": 0.8, "asleep": 0.1}
"""How likely somebody churns who is offered nothing: persuadables, sure things, lost causes, do-not-disturbs."""
OFFERED = {"wavering": 0.2, "loyal": 0.04, "leaving": 0.8, "asleep": 0.35}
ACCEPTS = {"wavering": 0.2, "loyal": 0.5, "leaving": 0.02, "asleep": 0.05}

MEASURED = {
    "outcome": "churned",
    "within": "30d",
    "better": "absent",
    "expected": 0.08,
    "keep_trying": 0.1,
}
HOLDOUT = {"without_save": {"share": 0.2, "period": "quarter", "salt": 1, "action": "save"}}
RULES = files(
    attributes={"customer.mood": {"type": "string", "values": list(MOODS)}},
    policies={
        "holdouts": HOLDOUT,
        "arbitration": {
            "exploration": {"policy": "squarecb", "gamma": 50},
            "thresholds": [{"channel": "web", "action": "save", "propensity": 0.06}],
        },
    },
    actions=[action("save", group="save", value=100, measured=MEASURED)],
)

BATCH = 50


@dataclass
class Asked:
    """One customer: what was decided, whether they saw the offer, and whether they left."""

    number: int
    mood: str
    decision: Decision
    treated: bool
    churned: bool


@dataclass
class Population:
    """Customers asked one after the other in a data directory; nobody is asked twice."""

    rules: Path
    data: Path
    random: Random = field(default_factory=lambda: Random(7))
    time: int = NOW
    asked: list[Asked] = field(default_factory=list)

    @classmethod
    def at(cls, directory: Path, texts: dict[str, bytes] = RULES) -> "Population":
        for name, text in texts.items():
            (directory / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / "rules" / name).write_bytes(text)
        return cls(directory / "rules", directory / "data")

    def opened(self) -> Any:
        sources = Sources(
            now=lambda: self.time,
            monotonic=lambda: 0.0,
            seed=lambda: self.random.getrandbits(64),
        )
        settings = Settings(rules=self.rules, data=self.data, watch=False)
        return open_engine(settings, sources, _compiled)

    async def live(self, engine: AttuneEngine, count: int) -> Sequence[Asked]:
        """Asks for so many more customers, and reports what became of them."""
        first = len(self.asked)
        while len(self.asked) < first + count:
            await self._batch(engine)
        return self.asked[first:]

    async def decide_only(self, engine: AttuneEngine, count: int) -> list[Decision]:
        """Asks for so many more customers, of whom nothing is reported."""
        made = []
        for number in range(len(self.asked), len(self.asked) + count):
            await engine.put([ProfileUpdate(name(number), self.time, ADULT)])
            answer = engine.decide_now(question(customer_id=name(number)), 1.0)
            assert answer is not None
            assert not isinstance(answer, bytes)
            made.append(answer.decision)
        await engine.finish()
        return made

    async def _batch(self, engine: AttuneEngine) -> None:
        start = len(self.asked)
        moods = [self.random.choice(MOODS) for _ in range(BATCH)]
        profiles = [ADULT | {"customer.mood": mood} for mood in moods]
        await engine.put(
            [
                ProfileUpdate(name(start + at), self.time, profile)
                for at, profile in enumerate(profiles)
            ]
        )
        events: list[IncomingEvent] = []
        for at, mood in enumerate(moods):
            self.time += MINUTE
            answer = engine.decide_now(question(customer_id=name(start + at)), 1.0)
            assert answer is not None
            assert not isinstance(answer, bytes)
            treated = not answer.decision.placements[0].fallback
            churned = self.random.random() < (OFFERED if treated else ALONE)[mood]
            self.asked.append(Asked(start + at, mood, answer.decision, treated, churned))
            events += self._events(self.asked[-1], answer.token)
        results = await engine.record(events)
        assert {result.status for result in results} <= {EventStatus.ACCEPTED}
        await engine.finish()
        await engine._state.settled()

    def _events(self, asked: Asked, token: bytes) -> list[IncomingEvent]:
        who = name(asked.number)
        bodies: list[Any] = []
        if asked.treated:
            accepts = self.random.random() < ACCEPTS[asked.mood]
            bodies += [
                IncomingResponse(ActionId("save"), token, DecisionId(""), outcome, 0.0)
                for outcome in ("impression", "accept")[: 1 + accepts]
            ]
        if asked.churned:
            bodies.append(Interaction("churned"))
        return [
            IncomingEvent(EventId(f"{who}/{at}"), who, self.time, body)
            for at, body in enumerate(bodies)
        ]


def name(number: int) -> CustomerId:
    """The id of a customer."""
    return CustomerId(f"c{number}")


def gain(mood: str) -> float:
    """By how much the offer lowers the chance that somebody leaves."""
    return ALONE[mood] - OFFERED[mood]


async def _compiled(book: Path, *, at_once: bool = False) -> Loaded:
    return load(book)
