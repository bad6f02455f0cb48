"""Triggers at a worker: what a batch of the log sets off is done before its customers are written.

As with lessons, a batch that is cut off comes again: the same interactions are applied to the same
customers, so they set off the same triggers. The decision is known by its request id to all servers for a
while (`engine.elsewhere`); a message that was published before bears the same id.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.edges.redis.scores import LastScores
from engine.errors import Overloaded, StorageError
from engine.model import Customer, CustomerId
from engine.triggers.lookout import Lookout
from engine.triggers.outreach import Answering, Outreach

_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Triggering:
    """What a worker with a rule book has: it sees what sets triggers off, does what they ask for, and scores."""

    lookout: Lookout
    outreach: Outreach
    engine: Answering
    scores: LastScores

    async def reach(self, customers: Mapping[CustomerId, Customer]) -> None:
        """Does all that is due, by these customers, as they will be written.

        Raises:
            StorageError: not all is done, and doing it again is safe.
        """
        due = [one.set_off for one in self.lookout.due]
        self.lookout.due.clear()
        try:
            await self.outreach.reach(due, customers)
        except Overloaded as error:
            raise StorageError(str(error)) from error

    async def score(self, customers: Mapping[CustomerId, Customer]) -> None:
        """Has all servers know what the model says of those who did something, as they are written."""
        for count, (customer_id, channel) in enumerate(self.lookout.stirred.items()):
            if customer_id in customers:
                self.scores.note(customer_id, self.engine.score(customers[customer_id], channel))
            if count % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        self.lookout.clear()
