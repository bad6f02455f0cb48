"""A server follows what a model learns: the newest weights at the start, and each that come after."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from engine.edges.kafka.address import Bootstrap, client
from engine.edges.kafka.producer import LARGEST
from engine.edges.kafka.topics import Topics
from engine.edges.stream.inbox import AGAIN, MODEL
from engine.edges.stream.weights import Weights, decode_weights
from engine.errors import StorageError

log = logging.getLogger(__name__)

_ONLY: Final = 0


class Follower:
    """Hands weights on to `take`, never those that know less than the ones before.

    `take` is called on the event loop and is to be short: swap, and let go. Weights that cannot be read are
    passed over, and the ones before stay. While Kafka is away the server goes on with what it has.
    """

    def __init__(
        self, bootstrap: Bootstrap, topics: Topics, take: Callable[[Weights], None]
    ) -> None:
        self._bootstrap = bootstrap
        self._place = TopicPartition(topics.weights, _ONLY)
        self._take = take
        self._current = asyncio.Event()
        self.next = 0

    async def current(self) -> None:
        """Waits until the weights that were the newest at the start are taken, if there were any."""
        await self._current.wait()

    async def run(self) -> None:
        """Follows until it is cancelled."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as error:
                log.warning("the weights cannot be followed, it is tried again: %s", error)
                await asyncio.sleep(AGAIN)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **client(self._bootstrap),
            max_partition_fetch_bytes=LARGEST,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            check_crcs=False,
        )
        try:
            await consumer.start()
            consumer.assign([self._place])
            end = (await consumer.end_offsets([self._place]))[self._place]
            consumer.seek(
                self._place, (await consumer.beginning_offsets([self._place]))[self._place]
            )
            while True:
                newest: Weights | None = None
                if await consumer.position(self._place) >= end:
                    self._current.set()
                for messages in (await consumer.getmany(timeout_ms=1_000)).values():
                    for message in messages:
                        newest = await self._newer(message, newest)
                if newest is not None:
                    self.next = newest.next
                    self._take(newest)
        finally:
            await consumer.stop()

    async def _newer(self, message: ConsumerRecord, than: Weights | None) -> Weights | None:
        """The weights in a record, if they know more than those and than what was taken before."""
        if message.key != MODEL or message.value is None:
            return than
        try:
            weights = await asyncio.to_thread(decode_weights, message.value)
        except StorageError as error:
            log.error("weights are passed over: %s", error)  # noqa: TRY400 - no trace is needed
            return than
        known = self.next if than is None else than.next
        if weights.next <= known:
            return than
        return weights._replace(written=message.timestamp / 1_000)
