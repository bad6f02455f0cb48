"""Whether workers have applied what a server accepted, so that it can be read back."""

import asyncio
from collections.abc import Iterable
from typing import Final

from engine.edges.kafka.messages import Place
from engine.edges.redis.marks import Marks
from engine.errors import StorageError

PATIENCE: Final = 1.0
"""Seconds workers are given at most."""

LOOK_AGAIN: Final = 0.01


class Applied:
    """Waits for workers, within reason.

    Once they have been too slow nobody waits any more until what was waited for then is applied.
    """

    def __init__(self, marks: Marks, patience: float = PATIENCE) -> None:
        self._marks = marks
        self._patience = patience
        self._wanted: dict[int, int] = {}
        self._missed: dict[int, int] = {}

    def note(self, places: Iterable[Place]) -> None:
        """These entries were accepted here."""
        for partition, offset in places:
            self._wanted[partition] = max(self._wanted.get(partition, 0), offset + 1)

    async def wait(self) -> bool:
        """Returns once all noted so far is applied, or that takes too long: whether it is."""
        wanted = dict(self._wanted)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        try:
            self._missed = await self._behind(self._missed)
            while wanted and not self._missed:
                wanted = await self._behind(wanted)
                if wanted and loop.time() >= until:
                    self._missed = wanted
                elif wanted:
                    await asyncio.sleep(LOOK_AGAIN)
        except StorageError:
            return False
        return not wanted

    async def _behind(self, wanted: dict[int, int]) -> dict[int, int]:
        """Those of the places that are not applied yet; what is, is not asked about again."""
        left = {}
        for partition, offset in wanted.items():
            mark = await self._marks.read(partition)
            if mark < offset:
                left[partition] = offset
            elif self._wanted.get(partition, 0) <= mark:
                self._wanted.pop(partition, None)
        return left
