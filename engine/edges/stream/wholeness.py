"""Whether Redis has everything workers had written: after it was lost, nothing is read before that is known.

A Redis that comes back with less would give customers without their history, and whoever asks may have
been offered something they do not know of. What workers have applied is noted in Redis itself
(`engine.edges.redis.marks`); while it says less than was seen there before, or than the workers have
committed to Kafka, customers are not read from it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from engine.edges.redis.connection import Connection
from engine.edges.redis.marks import Marks
from engine.errors import StorageError

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the marks."""


class Wholeness:
    """Follows the marks in `run`; `holds` says whether what is read from Redis now may be believed.

    `marks.highest` is what Redis is to have at least: what was ever read there, and what workers had
    committed before. `back` is called each time Redis has been lost and holds again.
    """

    def __init__(
        self,
        connection: Connection,
        marks: Marks,
        back: Callable[[], object] = lambda: None,
    ) -> None:
        self._connection = connection
        self._marks = marks
        self._back = back
        self._checked = -1
        self._reported = False

    @property
    def holds(self) -> bool:
        """Whether Redis is the one that was looked at, and has everything."""
        return self._checked == self._connection.epoch

    async def run(self) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            await self._connection.up()
            try:
                await self.look()
            except StorageError as error:
                log.debug("%s", error)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Looks once.

        Raises:
            StorageError: Redis cannot be reached.
        """
        epoch = self._connection.epoch
        wanted = dict(self._marks.highest)
        lacking = [n for n, offset in wanted.items() if await self._marks.read(n) < offset]
        if not lacking:
            if not self.holds:
                self._checked, self._reported = epoch, False
                self._back()
            return
        self._checked = -1
        if not self._reported:
            self._reported = True
            log.warning(
                "Redis lacks what was applied of %d partitions: customers are read again once workers"
                " have made up for it",
                len(lacking),
            )
