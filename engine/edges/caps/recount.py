"""After a loss of accounts: whether what was shown is counted again, from the log, by the workers."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from engine.edges.redis.caps_run import CapsRun
from engine.edges.redis.marks import Marks

Ends: TypeAlias = Callable[[], Awaitable[dict[int, int]]]
"""By partition of the log of events the offset behind its last; raises StorageError."""


class Recount:
    """Compares how far the log went when accounts were lost with how far it is applied now."""

    def __init__(self, marks: Marks, ends: Ends) -> None:
        self._marks = marks
        self._ends = ends

    async def has_begun(self) -> bool:
        """Whether there is anything in the log. Raises StorageError."""
        return any((await self._ends()).values())

    async def is_done(self, run: CapsRun) -> bool:
        """Whether everything before the loss is applied; noted once it is.

        Raises:
            StorageError: Kafka or Redis cannot be reached.
        """
        ends = await run.ends()
        if ends is None:
            ends = await self._ends()
            await run.note_ends(ends)
        for partition, end in ends.items():
            if await self._marks.read(partition) < end:
                return False
        await run.note_counted()
        return True
