"""Writes to Redis that nobody waits for: sent in order, bounded while it is slow, counted when lost."""

from typing import Any, Final

import hiredis

from engine.edges.redis.connection import Connection
from engine.edges.redis.wire import Word
from engine.errors import StorageError

ROOM: Final = 20_000
"""Writes on their way at once; while there are so many, others are lost."""


class Aside:
    """Writes beside a connection's questions.

    Attributes:
        lost: how many Redis has not said to have done; it may have done them.
    """

    def __init__(self, connection: Connection, room: int = ROOM) -> None:
        self._connection = connection
        self._room = room
        self._under_way = 0
        self.lost = 0

    def write(self, *words: Word) -> None:
        """Sends one command; returns at once."""
        if self._under_way >= self._room or not self._connection.is_up:
            self.lost += 1
            return
        self._under_way += 1
        self._connection.send_aside(words, self._ended)

    def _ended(self, reply: Any) -> None:
        self._under_way -= 1
        if isinstance(reply, hiredis.ReplyError | StorageError):
            self.lost += 1
