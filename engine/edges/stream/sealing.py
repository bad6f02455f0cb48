"""One key for all servers of an installation: each opens the tokens that another has sealed."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from engine.capsule import KEY_FILE, Capsules, fresh_key, keys_in, text_of, write_key_file
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import token_key
from engine.edges.redis.scripts import Script
from engine.errors import StorageError

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the keys in Redis."""

_REPLACE: Final = Script("""
-- KEYS: where the token keys lie. ARGV: what was there ('' if nothing), what is to be there.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""")


class SharedKey:
    """The keys that seal an installation's tokens: in Redis, and in each server's data directory.

    The first server puts a fresh key into Redis; it is also in every `token.key`, by which a server seals
    while Redis is away, and which is put back if Redis came back empty. Keys that are only in one of the
    two are added to the other behind what is there, so that whatever was sealed by anybody can be opened
    by all within `LOOK_EVERY` seconds. To rotate, write a text with a new line first into Redis.
    """

    def __init__(self, connection: Connection, directory: Path) -> None:
        self._connection = connection
        self._path = directory / KEY_FILE
        self._keys: tuple[bytes, ...] = ()

    async def open(self) -> Capsules:
        """The capsules, by the installation's key. Waits for Redis only if there is no key on disk.

        Raises:
            StorageError: the file cannot be read, written or understood.
        """
        if await asyncio.to_thread(self._path.exists):
            text = await asyncio.to_thread(self._path.read_text, "ascii", "replace")
            self._keys = keys_in(text, str(self._path))
        if not self._keys and not self._connection.is_up:
            log.warning("there is no key to seal tokens by yet: this waits for Redis, which has it")
        while not self._keys or self._connection.is_up:
            try:
                await self._connection.up()
                await self.look()
                break
            except StorageError as error:
                log.warning("the token key cannot be agreed on: %s", error)
                if self._keys:
                    break
                await asyncio.sleep(LOOK_EVERY)
        return Capsules(*self._keys)

    async def follow(self, capsules: Capsules) -> None:
        """Has the capsules use what the servers agree on, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._connection.up()
            before = self._keys
            try:
                await self.look()
            except StorageError as error:
                log.warning("the token key cannot be agreed on: %s", error)
            if self._keys != before:
                capsules.use(*self._keys)

    async def look(self) -> None:
        """Agrees with Redis on the keys, and keeps them on disk.

        Raises:
            StorageError: Redis cannot be reached, what is there makes no sense, or the disk takes nothing.
        """
        found = await self._connection.ask("GET", token_key()) or b""
        text = found.decode("ascii", errors="replace")
        theirs = keys_in(text, f"{token_key()} in Redis") if found else ()
        keys = (*theirs, *(key for key in self._keys if key not in theirs))
        if not keys:
            keys = keys_in(fresh_key(), "a fresh key")
        if keys != self._keys:
            await asyncio.to_thread(write_key_file, self._path, keys)
        if keys != theirs:
            replaced = await _REPLACE.run(self._connection, [token_key()], found, text_of(keys))
            if not replaced:
                return await self.look()
        self._keys = keys
        return None
