"""The fellows of a worker: which rule book each has, told through Redis, so that a mixture is noticed.

A trigger is heard by the worker that has the customer's partition. Where workers have different rule books, or
some have none, it depends on the partition what a customer is sent.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import worker_key, workers_key
from engine.errors import StorageError

log = logging.getLogger(__name__)

EVERY: Final = 2.0
"""Seconds between two looks."""

GONE_AFTER: Final = 30
"""Seconds after which a worker that says nothing is taken to have gone."""

NONE: Final = ""
"""The version of the rule book of a worker without one."""


def own_name() -> str:
    """What this process is called among workers."""
    return f"{socket.gethostname()}/{os.getpid()}"


class Fellows:
    """Says in `run` which rule book a worker of a group has, and looks at what the others say.

    Attributes:
        books: the version of each worker's rule book by the worker's name, its own among them; `NONE` for
            no book. What was seen last, while Redis is away.
    """

    def __init__(
        self, connection: Connection, group: str, name: str, version: Callable[[], str]
    ) -> None:
        self._connection = connection
        self._group = group
        self._name = name
        self._version = version
        self._warned = False
        self.books: Mapping[str, str] = {name: version()}

    @property
    def different(self) -> int:
        """How many different rule books there are, none counted as one."""
        return len(set(self.books.values()))

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            try:
                await self.look()
            except StorageError as error:
                log.debug("%s", error)
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Says and looks once; warns when a mixture begins, and says when it has ended.

        Raises:
            StorageError: Redis cannot be asked.
        """
        ask, everybody = self._connection.ask, workers_key(self._group)
        await ask("SADD", everybody, self._name)
        own = worker_key(self._group, self._name)
        await ask("SET", own, self._version(), "EX", GONE_AFTER)
        names = sorted(name.decode() for name in await ask("SMEMBERS", everybody))
        said = await ask("MGET", *[worker_key(self._group, name) for name in names])
        found = dict(zip(names, said, strict=True))
        if gone := [name for name, version in found.items() if version is None]:
            await ask("SREM", everybody, *gone)
        self.books = {n: version.decode() for n, version in found.items() if version is not None}
        self._tell()

    async def leave(self) -> None:
        """Has the others know at once that this worker has gone, if Redis can be asked."""
        try:
            await self._connection.ask("DEL", worker_key(self._group, self._name))
        except StorageError as error:
            log.debug("%s", error)

    def _tell(self) -> None:
        mixed = self.different > 1
        if mixed and not self._warned:
            log.warning(
                "the workers of %s have different rule books, so that it depends on the customer's partition"
                " which triggers are heard: %s. Give all the same --rules; while a new book is being"
                " rolled out this passes",
                self._group,
                ", ".join(f"{name} has {v[:8] or 'none'}" for name, v in self.books.items()),
            )
        elif self._warned and not mixed:
            log.warning("the workers of %s have the same rule book again", self._group)
        self._warned = mixed
