"""One connection to Redis that all callers of an event loop share, made again whenever it is lost.

Shared, a read costs a quarter of what a pooled connection costs: commands of one turn of the event loop
leave in one write, and nobody waits for a connection to come free.
"""

import asyncio
import logging
from functools import partial
from typing import Any, Final

import hiredis

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.installation import claim
from engine.edges.redis.wire import Told, Wire, Word, settle
from engine.errors import InvalidInput, StorageError

log = logging.getLogger(__name__)

PATIENCE: Final = 1.0
"""Seconds of silence after which a server that was asked is taken for gone."""

AGAIN: Final = 0.25
"""Seconds between two attempts to reach it."""


class Connection:
    """Made by `open`, ended by `close`; all calls come from one event loop.

    While Redis is away every call fails at once; it is tried again every `AGAIN` seconds. With the name
    of an `installation`, a Redis that is another's counts as away: see `engine.edges.redis.installation`.

    Attributes:
        epoch: how often it has been made; while that stays the same, Redis has not been restarted.
    """

    def __init__(
        self, address: RedisAddress, patience: float = PATIENCE, installation: str | None = None
    ) -> None:
        self.address = address
        self._patience = patience
        self._installation = installation
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self.epoch = 0
        self._closed = False

    @classmethod
    async def open(
        cls, address: RedisAddress, patience: float = PATIENCE, installation: str | None = None
    ) -> "Connection":
        """A connection, made unless Redis is away just now.

        Raises:
            InvalidInput: Redis is there, and another installation's.
        """
        connection = cls(address, patience, installation)
        try:
            await connection._connect()
        except StorageError as error:
            log.warning("%s; it is tried again until it is there", error)
            connection._lost()
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def is_up(self) -> bool:
        """Whether calls are sent; otherwise they fail at once."""
        return self._wire is not None

    async def up(self) -> None:
        """Waits until calls are sent."""
        await self._up.wait()

    async def down(self) -> None:
        """Waits until calls fail."""
        await self._down.wait()

    def call(self, *words: Word) -> "asyncio.Future[Any]":
        """Sends one command. The future tells the reply: bytes, int, a list of these, or None.

        An error Redis answers with is a `hiredis.ReplyError` as the result, for `checked`. The future
        fails with StorageError where there is no answer; the command may have been carried out then.
        """
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.send(words, partial(settle, told))
        return told

    def send(self, words: tuple[Word, ...], told: Told) -> None:
        """Sends one command; `told` its reply in the turn in which it comes, at once if Redis is away."""
        if self._wire is None:
            told(StorageError(f"{self.address} cannot be reached"))
        else:
            self._wire.send(words, told)

    def send_aside(self, words: tuple[Word, ...], told: Told) -> None:
        """Sends one command nobody waits for, behind the answers of this turn; `told` as by `send`."""
        if self._wire is None:
            told(StorageError(f"{self.address} cannot be reached"))
        else:
            self._wire.send_aside(words, told)

    def flush(self) -> None:
        """Has what was sent leave now, and not at the end of the turn with all that is sent until then."""
        if self._wire is not None:
            self._wire.flush()

    async def ask(self, *words: Word) -> Any:
        """The reply to one command.

        Raises:
            StorageError: there is no answer, or it is an error.
        """
        return checked(await self.call(*words))

    async def close(self) -> None:
        """Ends it for good."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._wire is not None:
            self._wire.close()
        await asyncio.sleep(0)  # the transport lets go of its socket in the next turn of the loop

    async def _connect(self) -> None:
        address = self.address
        tls = None if address.tls is None else address.tls.context()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                _, wire = await loop.create_connection(
                    lambda: Wire(str(address), self._patience, self._lost),
                    address.host,
                    address.port,
                    ssl=tls,
                )
        except (OSError, TimeoutError) as error:
            raise StorageError(
                f"{address} cannot be reached: {str(error) or 'no answer'}"
            ) from error
        try:
            for words in (*address.greeting(), ("PING",)):
                checked(await wire.call(words))
            if self._installation is not None:
                await claim(partial(_asked, wire), str(address), self._installation)
        except BaseException:
            wire.close()
            raise
        self._wire = wire
        self.epoch += 1
        self._down.clear()
        self._up.set()

    def _lost(self) -> None:
        self._wire = None
        self._up.clear()
        self._down.set()
        if self._connecting is None and not self._closed:
            self._connecting = asyncio.get_running_loop().create_task(self._connect_again())
            self._connecting.add_done_callback(self._connected)

    async def _connect_again(self) -> None:
        said = ""
        while True:
            try:
                await self._connect()
            except InvalidInput as error:
                if said != (said := str(error)):
                    log.error("%s; it is left alone until it is not", error)  # noqa: TRY400
                await asyncio.sleep(AGAIN)
            except StorageError:
                await asyncio.sleep(AGAIN)
            else:
                log.info("%s is reached again", self.address)
                return

    def _connected(self, _: "asyncio.Task[None]") -> None:
        self._connecting = None
        if self._wire is None:
            self._lost()


async def _asked(wire: Wire, *words: Word) -> Any:
    return checked(await wire.call(words))


def checked(reply: Any) -> Any:
    """The reply, if it is none of an error.

    Raises:
        StorageError: it is; its text is Redis's own, where Redis said something.
    """
    if isinstance(reply, hiredis.ReplyError):
        raise StorageError(f"Redis refuses: {reply}")
    if isinstance(reply, StorageError):
        raise reply
    return reply
