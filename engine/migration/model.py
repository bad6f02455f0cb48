"""What an embedded installation has learned, put before all lessons of the cluster, and into its weights."""

from contextlib import aclosing
from typing import NamedTuple

from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.messages import Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Topics
from engine.edges.stream.inbox import MODEL
from engine.edges.stream.weights import (
    Weights,
    decode_inheritance,
    encode_inheritance,
    encode_weights,
    is_inheritance,
)
from engine.learning.mind import Mind

_ONLY = 0


class Inherited(NamedTuple):
    """What an installation brought with it.

    Attributes:
        origin: the installation.
        last_seq: the place in its log up to which it moved.
        offset: where this stands in the topic of lessons.
        weights: what it had learned.
    """

    origin: str
    last_seq: int
    offset: int
    weights: Weights


async def inherited(bootstrap: Bootstrap, topics: Topics) -> Inherited | None:
    """What a migration that came to its end has put into the topic of lessons; None if none did.

    Raises:
        StorageError: Kafka is away, or it cannot be read.
    """
    async with aclosing(stretch(bootstrap, topics.lessons, _ONLY, 0)) as records:
        async for offset, _, value in records:
            if is_inheritance(value):
                origin, last_seq, weights = decode_inheritance(value)
                return Inherited(origin, last_seq, offset, weights)
    return None


def weights_of(mind: Mind, ends: dict[int, int]) -> Weights:
    """What a mind knows, once it has learned from everything before these ends of the log."""
    latest = {partition: end - 1 for partition, end in ends.items() if end}
    schemas = tuple([curriculum.to_dict() for curriculum in mind.curricula])
    return Weights(0, latest, schemas, mind.snapshot())


async def hand_on(
    publisher: Publisher, topics: Topics, origin: str, last_seq: int, weights: Weights
) -> None:
    """Puts what was learned into the topic of lessons; a pupil of the topic goes on from there.

    Raises:
        StorageError: Kafka is away, or refuses.
    """
    value = encode_inheritance(origin, last_seq, weights)
    await publisher.publish([Record(topics.lessons, MODEL, value)])


async def publish(publisher: Publisher, topics: Topics, found: Inherited) -> None:
    """Publishes the weights, so that servers have them before any worker has begun.

    Raises:
        StorageError: Kafka is away, or refuses.
    """
    weights = found.weights._replace(next=found.offset + 1)
    await publisher.publish([Record(topics.weights, MODEL, encode_weights(weights))])
