"""After a loss of accounts: what was shown is counted again from the log, before anything is given out.

A server notes how far the log goes, workers count each partition up to there (`Recounting`), and servers
look whether they have (`Recount`). Where nothing was lost both do nothing but look, once a second.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, TypeAlias

from engine.codec import Entry
from engine.edges.caps.counting import Counting
from engine.edges.kafka.messages import decode_message
from engine.edges.kafka.reading import Read
from engine.edges.redis.caps_run import CapsRun
from engine.errors import StorageError

log = logging.getLogger(__name__)

Ends: TypeAlias = Callable[[], Awaitable[dict[int, int]]]
"""By partition of the log of events the offset behind its last; raises StorageError."""

Reread: TypeAlias = Callable[[int, int, int], AsyncGenerator[Read, None]]
"""Reads the log of events again: of this partition, from this offset to before that one."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether there is anything to count."""

_AT_ONCE: Final = 500


class Recount:
    """A server's part."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._is_told = False

    async def has_begun(self) -> bool:
        """Whether there is anything in the log. Raises StorageError."""
        return any((await self._ends()).values())

    async def is_done(self, run: CapsRun) -> bool:
        """Whether everything before the loss is counted; noted once it is.

        While an installation moves here it is not: more of its log is to come.

        Raises:
            StorageError: Kafka or Redis cannot be reached.
        """
        if await run.is_moving():
            if not self._is_told:
                log.error(
                    "caps stay closed until `attune migrate` has come to its end: run it again if it has not"
                )
            self._is_told = True
            return False
        ends = await run.ends()
        if ends is None:
            ends = await self._ends()
            await run.note_ends(ends)
        done = await run.done()
        if any(end and partition not in done for partition, end in ends.items()):
            return False
        await run.note_counted()
        return True


class Recounting:
    """A worker's part: takes partitions that nobody has counted, one after the other."""

    def __init__(self, run: CapsRun, counting: Counting, reread: Reread) -> None:
        self._run = run
        self._counting = counting
        self._reread = reread

    async def keep(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                await self.count_all()
            except StorageError as error:
                log.debug("%s; caps are counted again later", error)
            await asyncio.sleep(LOOK_EVERY)

    async def count_all(self) -> None:
        """Counts every partition that is to be counted and that no other worker is counting.

        Raises:
            StorageError: Kafka or Redis cannot be reached; what was begun is begun anew.
        """
        ran = await self._run.look()
        ends = None if ran is None or ran.is_counted else await self._run.ends()
        if ran is None or not ends:
            return
        done = await self._run.done()
        for partition, end in ends.items():
            if end and partition not in done and await self._run.take(partition):
                log.warning("what was shown is counted again: partition %d to %d", partition, end)
                await self._count(partition, end)
                await self._run.note_done(ran.run, partition)

    async def _count(self, partition: int, end: int) -> None:
        some: list[Entry] = []
        async with aclosing(self._reread(partition, 0, end)) as records:
            async for _, _, value in records:
                try:
                    some.append(decode_message(value))
                except StorageError:
                    continue  # it is among the dead letters
                if len(some) == _AT_ONCE:
                    await self._counting.count(some)
                    await self._run.keep_taken(partition)
                    some = []
        await self._counting.count(some)
