"""The dead letters of an installation: read, and brought back once what was wrong has been put right."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, NamedTuple

from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.messages import Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Topics
from engine.edges.stream.letters import DeadLetter, decode_dead_letter
from engine.errors import DamagedData

_ONLY: Final = 0


class Dead(NamedTuple):
    """A dead letter at its offset in the topic of dead letters, with the key it came by."""

    offset: int
    key: bytes
    letter: DeadLetter


async def dead_letters(bootstrap: Bootstrap, topics: Topics, start: int = 0) -> AsyncIterator[Dead]:
    """The dead letters from this offset on, the oldest first.

    Raises:
        StorageError: Kafka is away, or refuses.
    """
    async with aclosing(stretch(bootstrap, topics.dead_letters, _ONLY, start)) as records:
        async for offset, key, value in records:
            try:
                letter = decode_dead_letter(value)
            except DamagedData:
                continue
            yield Dead(offset, key, letter)


async def replay(
    bootstrap: Bootstrap, topics: Topics, publisher: Publisher, wanted: Callable[[Dead], bool]
) -> int:
    """Puts the wanted ones back into the log of events; how many these were.

    They come to their customers as if they had just been accepted. An event that was applied meanwhile
    is recognised by its id; one that still cannot be read is set aside again. Lessons are not brought
    back: the model has gone on without them.

    Raises:
        StorageError: Kafka is away, or refuses; those before may be back.
    """
    count = 0
    async for dead in dead_letters(bootstrap, topics):
        if dead.letter.topic == topics.events and wanted(dead):
            await publisher.publish([Record(topics.events, dead.key, dead.letter.value)])
            count += 1
    return count
