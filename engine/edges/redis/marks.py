"""How far the log has been applied to what Redis holds, noted in Redis itself behind every batch.

A Redis that comes back with less than it had comes back with an older mark, or with none; the log from
there on is then applied again. What is written before the mark is in Redis if the mark is.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import mark_key
from engine.edges.redis.scripts import ADVANCE
from engine.errors import DamagedData, StorageError

BEGINNING: Final = 0
"""The mark of a partition of which nothing has been applied."""


class Marks:
    """The marks of one topic: for each partition the offset to go on from.

    Attributes:
        highest: the highest mark that was ever read here, by partition.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self.highest: dict[int, int] = {}

    async def read(self, partition: int) -> int:
        """The offset behind what has been applied.

        Raises:
            DamagedData: it is no number.
            StorageError: Redis cannot be reached.
        """
        mark = await self._connection.ask("GET", mark_key(self._topic, partition))
        try:
            offset = BEGINNING if mark is None else int(mark)
        except ValueError as error:
            raise DamagedData(f"the mark of {self._topic}/{partition} is damaged") from error
        self.highest[partition] = max(offset, self.highest.get(partition, BEGINNING))
        return offset

    async def read_all(self, partitions: Iterable[int]) -> dict[int, int]:
        """The marks of several partitions, asked for together. Raises as `read` does."""
        wanted = list(partitions)
        found = await asyncio.gather(*[self.read(partition) for partition in wanted])
        return dict(zip(wanted, found, strict=True))

    @property
    def epoch(self) -> int:
        """The same as before if Redis was not lost in between, so that it cannot have lost anything."""
        return self._connection.epoch

    async def move(self, partition: int, mark: int, to: int) -> None:
        """Notes that everything before `to` is applied, where everything before `mark` was.

        Raises:
            StorageError: Redis cannot be reached, or its mark is another by now, because it lost
                something or another worker was here; what lies behind that mark is to be applied again.
        """
        if not await ADVANCE.run(self._connection, [mark_key(self._topic, partition)], mark, to):
            raise StorageError(f"the mark of {self._topic}/{partition} is not where it was")
