"""What a model has learned, as it travels: the learner's snapshot, and which lessons are in it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

import orjson
import zstandard

from engine.edges.kafka.reading import Read
from engine.errors import DamagedData, StorageError
from engine.learning.mind import Mind

_FORMAT: Final = b"attune.weights/1\n"
_INHERITANCE: Final = b"attune.inheritance/1\n"
_LARGEST: Final = 1 << 30
_LEVEL: Final = 1


class Weights(NamedTuple):
    """A model after the lessons before the place `next` in the topic of lessons.

    `latest` has, for each partition of the events, the place of the last entry that taught something;
    `schemas` what the model reads, to be made known to it again once `snapshot` is restored. `written` is
    when they were put into the topic, in seconds since 1970; 0 for those that were not.
    """

    next: int
    latest: dict[int, int]
    schemas: tuple[Mapping[str, Any], ...]
    snapshot: bytes
    written: float = 0.0


def mind_of(weights: Weights) -> Mind:
    """The mind whose state these weights are.

    Raises:
        StorageError: the snapshot cannot be read.
    """
    mind = Mind()
    mind.restore(weights.snapshot)
    for document in weights.schemas:
        mind.register(document)
    return mind


def encode_weights(weights: Weights) -> bytes:
    """What is put into the topic of weights."""
    head = orjson.dumps([weights.next, sorted(weights.latest.items()), weights.schemas])
    packed = zstandard.ZstdCompressor(_LEVEL, write_checksum=True).compress(weights.snapshot)
    return _FORMAT + head + b"\n" + packed


def decode_weights(value: bytes) -> Weights:
    """The weights that `encode_weights` wrote.

    Raises:
        DamagedData: these bytes are none, or not all of them.
        StorageError: they are of a version that this one cannot read.
    """
    if not value.startswith(_FORMAT):
        raise StorageError("these are no weights that this version can read")
    head, _, packed = value[len(_FORMAT) :].partition(b"\n")
    try:
        next_, latest, schemas = orjson.loads(head)
        snapshot = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_LARGEST)
        return Weights(next_, dict(latest), tuple(schemas), snapshot)
    except (ValueError, TypeError, zstandard.ZstdError) as error:
        raise DamagedData(f"the weights are damaged: {error}") from error


def encode_inheritance(origin: str, last_seq: int, weights: Weights) -> bytes:
    """What is put into the topic of lessons where an installation brings a model along.

    `origin` is the installation, `last_seq` the place in its own log up to which it learned.
    """
    return _INHERITANCE + orjson.dumps([origin, last_seq]) + b"\n" + encode_weights(weights)


def is_inheritance(value: bytes) -> bool:
    """Whether a record of the topic of lessons is such a model."""
    return value.startswith(_INHERITANCE)


def decode_inheritance(value: bytes) -> tuple[str, int, Weights]:
    """What `encode_inheritance` wrote.

    Raises:
        DamagedData: these bytes are not all of it.
        StorageError: the weights are of a version that this one cannot read.
    """
    head, _, rest = value.removeprefix(_INHERITANCE).partition(b"\n")
    try:
        origin, last_seq = orjson.loads(head)
    except (ValueError, TypeError) as error:
        raise DamagedData(f"the model that was brought along is damaged: {error}") from error
    return str(origin), int(last_seq), decode_weights(rest)


async def newest(records: AsyncIterator[Read], model: bytes) -> Weights | None:
    """Those of `model` that have learned most, which need not be those written last.

    A worker that has lost its model and not yet noticed may write after the one that has it now.
    What cannot be read is passed over.
    """
    found: Weights | None = None
    async for _, key, value in records:
        if key == model:
            try:
                weights = decode_weights(value)
            except StorageError:
                continue
            if found is None or weights.next > found.next:
                found = weights
    return found
