"""The log of an embedded installation, put into the topic of events: each entry once, in its order.

Every record bears in a header which installation it is of, and its place in that one's log. So a
migration that was broken off goes on from what Kafka has: the last record of a partition says how far
it came there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from engine.codec import Damage
from engine.edges.journal.entries import Numbered
from engine.edges.kafka.address import Bootstrap, client
from engine.edges.kafka.messages import customer_key, encode_message
from engine.edges.kafka.partitions import partition_of
from engine.edges.kafka.producer import LARGEST, started
from engine.edges.kafka.topics import Topics
from engine.errors import StorageError
from engine.model import Event, ProfileUpdate

HEADER: Final = "attune.migrated"
"""The header by which a record says `ORIGIN/SEQ`: the installation it is of, and its place there."""


class Sent(NamedTuple):
    """How much of a log was put into the topic, and what of it nobody could read."""

    entries: int
    damaged: int


def movable(batch: Sequence[Numbered]) -> Sent:
    """How much of a stretch of the log moves, and what of it nobody can read.

    What tells of customers moves. The schemas of features are the model's, and move with that.
    """
    return Sent(
        sum(isinstance(entry, Event | ProfileUpdate) for _, entry in batch),
        sum(isinstance(entry, Damage) for _, entry in batch),
    )


def mark(origin: str, seq: int) -> bytes:
    """What the header says.

    >>> mark("c0ffee", 7), told(b"c0ffee/7")
    (b'c0ffee/7', ('c0ffee', 7))
    """
    return f"{origin}/{seq}".encode()


def told(header: bytes) -> tuple[str, int]:
    """The origin and the place in a header."""
    origin, _, seq = header.decode().rpartition("/")
    return origin, int(seq)


class Topic:
    """The topic of events, as a migration fills it. Made by `open`, ended by `close`.

    Attributes:
        done: of each partition the place in the origin's log up to which all of its entries are there.
        ends: of each partition the offset behind its last record.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        name: str,
        origin: str,
        done: dict[int, int],
        ends: dict[int, int],
    ) -> None:
        self._producer = producer
        self._name = name
        self._origin = origin
        self._partitions = sorted(ends)
        self._counted = dict.fromkeys(ends, 0)
        self.done = done
        self.ends = ends

    @classmethod
    async def open(cls, bootstrap: Bootstrap, topics: Topics, origin: str) -> "Topic":
        """The topic as it is now.

        Raises:
            StorageError: Kafka is away, or the topic holds what is not of this installation.
        """
        try:
            producer = await started(bootstrap)
            try:
                partitions = sorted(await producer.partitions_for(topics.events))
                done, ends = await _found(bootstrap, topics.events, partitions, origin)
            except BaseException:
                await producer.stop()
                raise
        except (KafkaError, OSError) as error:
            raise StorageError(
                f"{topics.events} cannot be read from Kafka at {bootstrap}: {error}"
            ) from error
        return cls(producer, topics.events, origin, done, ends)

    async def send(self, batch: Sequence[Numbered]) -> Sent:
        """Puts the next stretch of the log behind what is there; what is there already is passed over.

        All of the log is to be given, from its beginning, also where a migration goes on.

        Raises:
            StorageError: Kafka is away, or refuses; run it again to go on.
        """
        sending = []
        try:
            for seq, entry in batch:
                if not isinstance(entry, Event | ProfileUpdate):
                    continue
                key = customer_key(entry.customer_id)
                partition = partition_of(key, self._partitions, self._partitions)
                self._counted[partition] += 1
                if seq <= self.done[partition]:
                    continue
                sending.append(
                    await self._producer.send(
                        self._name,
                        encode_message(entry),
                        key,
                        partition=partition,
                        headers=[(HEADER, mark(self._origin, seq))],
                    )
                )
            for record in await asyncio.gather(*sending):
                self.ends[record.partition] = record.offset + 1
        except (KafkaError, OSError) as error:
            raise StorageError(f"Kafka takes no more of the log: {error}") from error
        return Sent(len(sending), movable(batch).damaged)

    def verify(self) -> None:
        """Makes sure that what is there is the whole log that was given, and nothing among it.

        Raises:
            StorageError: somebody else wrote to the topic meanwhile.
        """
        if self._counted != self.ends:
            raise _foreign(self._name)

    async def close(self) -> None:
        """Lets go."""
        await self._producer.stop()


async def _found(
    bootstrap: Bootstrap, topic: str, partitions: Sequence[int], origin: str
) -> tuple[dict[int, int], dict[int, int]]:
    """How far a migration came in each partition, and the offset behind its last record."""
    places = [TopicPartition(topic, partition) for partition in partitions]
    consumer = AIOKafkaConsumer(**client(bootstrap), max_partition_fetch_bytes=LARGEST)
    try:
        await consumer.start()
        consumer.assign(places)
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        done = dict.fromkeys(partitions, 0)
        for place in places:
            if ends[place] > begins[place]:
                consumer.seek(place, ends[place] - 1)
                last = await consumer.getone(place)
                done[place.partition] = _place(dict(last.headers), topic, origin)
        return done, {place.partition: ends[place] for place in places}
    finally:
        await consumer.stop()


def _place(headers: Mapping[str, bytes], topic: str, origin: str) -> int:
    """The place in the log of `origin` that a record is of. Raises StorageError if it is of another."""
    if HEADER in headers:
        whose, seq = told(headers[HEADER])
        if whose == origin:
            return seq
    raise _foreign(topic)


def _foreign(topic: str) -> StorageError:
    return StorageError(
        f"{topic} holds what does not come from this installation: move it to a cluster that nobody"
        " uses yet, or name another installation with --name"
    )
