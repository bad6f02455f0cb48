"""The log of a cluster, as a server writes it: accepted is in Kafka, or in the spool until it is."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from engine.edges.kafka.messages import Place, Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.spool import Spool
from engine.errors import StorageError

log = logging.getLogger(__name__)

AGAIN: Final = 0.5
"""Seconds between two attempts to send what is spooled."""

_AT_ONCE: Final = 500


class KafkaLog:
    """Made with `open`, ended by `close`.

    While anything is spooled, everything goes through the spool, so that what one caller sends after
    another is also after it in the log. What was spooled although Kafka had it (its answer was lost)
    is there twice; readers apply it once.
    """

    def __init__(self, publisher: Publisher, spool: Spool) -> None:
        self._publisher = publisher
        self._spool = spool
        self._sending: asyncio.Task[None] | None = None
        self._closing = False
        self._send_soon()

    @property
    def backlog(self) -> int:
        """Records accepted here that Kafka does not have yet."""
        return len(self._spool)

    @property
    def backlog_bytes(self) -> int:
        """Bytes of these."""
        return self._spool.bytes

    async def append(self, records: Sequence[Record]) -> Sequence[Place]:
        """Accepts records, in this order: they are in Kafka, or in the spool, when it returns.

        Returns where each of them is in its topic; () if they are in the spool.

        Raises:
            StorageError: neither Kafka nor the disk takes them; sending them again is safe.
            Overloaded: Kafka is away and the spool is full.
        """
        if not len(self._spool):
            try:
                return await self._publisher.publish(records)
            except StorageError as error:
                log.warning("%s; accepted events are spooled", error)
        await self._spool.put(records)
        self._send_soon()
        return ()

    async def sent(self) -> None:
        """Waits until Kafka has everything accepted so far."""
        while self._sending is not None:
            await asyncio.wait([self._sending])

    async def close(self) -> None:
        """Lets go; what is in the spool is sent by the next start over the same file."""
        self._closing = True
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
        await self._publisher.close()
        await self._spool.close()

    def _send_soon(self) -> None:
        if len(self._spool) and self._sending is None and not self._closing:
            self._sending = asyncio.create_task(self._send())
            self._sending.add_done_callback(self._ended)

    def _ended(self, sending: "asyncio.Task[None]") -> None:
        self._sending = None
        if not sending.cancelled() and (error := sending.exception()) is not None:
            log.error("the spool cannot be sent, it is tried again", exc_info=error)
        self._send_soon()

    async def _send(self) -> None:
        """Sends the oldest first until nothing is left."""
        while len(self._spool):
            try:
                oldest = await self._spool.oldest(_AT_ONCE)
                if oldest:
                    await self._publisher.publish([record for _, record in oldest])
                    await self._spool.forget(oldest)
            except StorageError as error:
                log.debug("%s", error)
                await asyncio.sleep(AGAIN)
        log.info("Kafka has everything that was spooled")
