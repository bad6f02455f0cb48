"""What was decided lately, made known to all servers of a cluster: by its id, and as offers just made."""

from collections.abc import Callable, Iterable
from typing import Final

from engine.capsule import Capsules
from engine.codec import DecisionRecord
from engine.contact.pending import Returned
from engine.edges.redis.answers import RedisAnswers
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.offers import RecentOffers
from engine.errors import StorageError
from engine.model import DAY, Decision, Micros

JUST_OFFERED: Final[Micros] = DAY
"""How far back an offer is told that nobody has reported on."""

_AT_ONCE: Final = 1_000


def is_wanted(decision: Decision, keep: Micros, now: Micros) -> bool:
    """Whether a response may still name this decision: it is younger than `keep` and offered something."""
    young = decision.decided_at + keep > now
    return young and any(not placed.fallback for placed in decision.placements)


class Decided:
    """Tells Redis of decisions; `now` is the time of day by which they are kept."""

    def __init__(self, connection: Connection, capsules: Capsules, now: Micros) -> None:
        self._connection = connection
        self._capsules = capsules
        self._now = now
        self._aside = Aside(connection)
        self._answers = RedisAnswers(connection, self._aside, 0)
        self._offers = RecentOffers(connection, self._aside)

    async def write(
        self, records: Iterable[DecisionRecord], keep: Micros, tell: Callable[[int], object]
    ) -> int:
        """Has decisions found by their ids until they are `keep` old; how many these are.

        Raises:
            StorageError: Redis is away.
        """
        count = 0
        for number, (_, decision) in enumerate(records, 1):
            if is_wanted(decision, keep, self._now):
                left = decision.decided_at + keep - self._now
                self._answers.decided(decision, self._capsules.seal(decision), left)
                count += 1
            if number % _AT_ONCE == 0:
                await self._done()
                tell(_AT_ONCE)
        await self._done()
        return count

    async def write_offers(self, offers: Iterable[Returned]) -> None:
        """Has offers that were just made count as shown until somebody reports on them.

        Raises:
            StorageError: Redis is away.
        """
        for number, returned in enumerate(offers, 1):
            self._offers.note(returned, JUST_OFFERED)
            if number % _AT_ONCE == 0:
                await self._done()
        await self._done()

    async def _done(self) -> None:
        """Waits until Redis has done all it was told."""
        await self._connection.ask("PING")
        if self._aside.lost:
            raise StorageError("Redis was lost meanwhile: run it again")
