"""A server's caps over a real Redis, with deciders enough to ask for offers; what a test needs of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.decide import Decider
from engine.decision_id import decision_id
from engine.edges.caps.lending import Clocks
from engine.edges.caps.recount import Recount
from engine.edges.caps.shared import SharedCaps
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.model import Decision
from engine.rulebook.book import RuleBook
from tests.builders import FixedModel, customer, question
from tests.rulebook.builders import action, book

GREEDY = {"arbitration": {"exploration": {"policy": "greedy"}}}


def now() -> int:
    return time.time_ns() // 1_000


def capped(**caps: Any) -> RuleBook:
    """A book with one action under caps."""
    return book(policies=GREEDY, actions=[action("a", caps=caps | {"when_scarce": "first_come"})])


async def until(holds: Callable[[], bool]) -> None:
    """Waits for something to become so."""
    async with asyncio.timeout(60):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


class Desk:
    """One server that decides at once whenever it is asked."""

    def __init__(self, caps: SharedCaps, rules: RuleBook, seed: int) -> None:
        self.caps = caps
        self.decider = Decider(rules, FixedModel(rules, ()), lambda: 0.0, [caps.in_force])
        self.seed = seed

    def decide(self, **asked: Any) -> Decision:
        self.seed += 1
        at = now()
        given = Circumstances(
            decision_id(at, self.seed), customer(), at, self.seed, Budget(1.0, lambda: 0.0)
        )
        decision = self.decider.decide(question(**asked), given)
        self.decider.commit(decision)
        return decision

    def offers(self) -> bool:
        """Whether one more offer was made."""
        placed = self.decide().placements[0]
        return bool(placed.offers) and not placed.fallback


@asynccontextmanager
async def desk(
    url: str, rules: RuleBook, seed: int = 0, log: Mapping[int, int] | None = None
) -> AsyncIterator[Desk]:
    """A server over the Redis at `url`; `log` says where the partitions of the log end."""
    ends = {0: 0} if log is None else log

    async def told() -> dict[int, int]:
        return dict(ends)

    connection = await Connection.open(RedisAddress.parse(url))
    try:
        recount = Recount(told)
        clocks = Clocks(now, time.monotonic)
        async with SharedCaps.open(connection, rules, recount, clocks) as caps:
            yield Desk(caps, rules, seed << 32)
    finally:
        await connection.close()
