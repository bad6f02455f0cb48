"""Hands records to Kafka; what has been published survives the death of any process and of a broker."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.messages import Place, Record
from engine.edges.kafka.producer import started
from engine.errors import StorageError

log = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds Kafka may take before it counts as away."""


class Publisher:
    """Publishes with `acks=all` and an idempotent producer; ended by `close`.

    A producer that has failed is left behind for a new one. It may still deliver what it was given, so
    what was said not to be published may be there all the same, also a while later: whoever reads
    recognises events by their ids and lessons by their places.
    """

    def __init__(self, bootstrap: Bootstrap, patience: float = PATIENCE) -> None:
        self._bootstrap = bootstrap
        self._patience = patience
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._leaving: dict[AIOKafkaProducer, asyncio.Task[None]] = {}

    async def publish(self, records: Sequence[Record]) -> list[Place]:
        """Returns once Kafka has all records: those of one key in this order, after those before.

        Returns where each of them is in its topic.

        Raises:
            StorageError: Kafka is away or refuses; any of the records may be there all the same.
        """
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._patience):
                producer = await self._started()
                sent = [await producer.send(topic, value, key) for topic, key, value in records]
                there = await asyncio.gather(*sent)
        except (KafkaError, OSError, TimeoutError) as error:
            if producer is not None:
                self._leave(producer)
            told = str(error) or f"no answer within {self._patience:g} s"
            raise StorageError(f"Kafka at {self._bootstrap} takes nothing: {told}") from error
        return [Place(record.partition, record.offset) for record in there]

    async def close(self) -> None:
        """Ends it; what is still on its way is given as long as a record may take."""
        if self._producer is not None:
            self._leave(self._producer)
        if self._leaving:
            await asyncio.wait(self._leaving.values(), timeout=self._patience)
        for producer, leaving in list(self._leaving.items()):
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await leaving
            await producer.client.close()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                self._producer = await started(self._bootstrap)
            return self._producer

    def _leave(self, producer: AIOKafkaProducer) -> None:
        """Lets the producer deliver what it has, if it ever can, and takes another from now on."""
        if producer is self._producer:
            self._producer = None
        if producer not in self._leaving:
            leaving = asyncio.get_running_loop().create_task(producer.stop())
            self._leaving[producer] = leaving
            leaving.add_done_callback(lambda _: self._leaving.pop(producer, None))
