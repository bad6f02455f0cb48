"""What Redis does in one step, in Lua. A script's keys all have one hash tag."""

import asyncio
from hashlib import sha1
from typing import Any, Final

import hiredis

from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.wire import Word


class Script:
    """A script Redis keeps under its hash; sent whole once Redis does not know it (any more)."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._hash = sha1(source.encode(), usedforsecurity=False).hexdigest()

    def send(
        self, connection: Connection, keys: list[str], *arguments: Word
    ) -> "asyncio.Future[Any]":
        """Has Redis run it; `told` has the reply."""
        return connection.call("EVALSHA", self._hash, len(keys), *keys, *arguments)

    async def run(self, connection: Connection, keys: list[str], *arguments: Word) -> Any:
        """What the script returns. Raises StorageError as `told` does."""
        return await self.told(
            self.send(connection, keys, *arguments), connection, keys, *arguments
        )

    async def told(
        self, sent: "asyncio.Future[Any]", connection: Connection, keys: list[str], *arguments: Word
    ) -> Any:
        """What the script that was sent returns.

        Raises:
            StorageError: there is no answer (it may have run then), or it is an error.
        """
        reply = await sent
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
            reply = await connection.call("EVAL", self._source, len(keys), *keys, *arguments)
        return checked(reply)


SWAPPED: Final = 1
"""`SWAP` has written the record, and the events count as applied."""

CHANGED: Final = 0
"""The record is not the one that was read; nothing was written."""

REPEATED: Final = -1
"""One of the events was applied before; nothing was written."""

SWAP: Final = Script("""
-- KEYS: the customer's record, the ids of their events.
-- ARGV: the mark of the record that was read ('' if there was none), the new record, how long it is
-- kept in ms (0 for ever), up to which time ids are forgotten, how long ids are kept in ms, and the
-- time and the mark of each event that was applied.
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
for at = 7, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[2], ARGV[at]) then return -1 end
end
if ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
for at = 6, #ARGV, 2 do
  redis.call('ZADD', KEYS[2], ARGV[at], ARGV[at + 1])
end
if #ARGV > 5 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
return 1
""")
"""Writes a customer's record in place of the one that was read, unless somebody else was quicker."""


ADVANCE: Final = Script("""
-- KEYS: the mark of a partition. ARGV: what it was when it was read, what it is to be.
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""")
"""Moves a partition's mark on, unless it is no longer where it was."""
