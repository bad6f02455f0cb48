"""The dead letters of an installation: read, and brought back once what was wrong has been put right."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.messages import Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Topics
from engine.edges.stream.letters import DeadLetter, decode_dead_letter
from engine.errors import DamagedData

_ONLY: Final = 0
_AT_ONCE: Final = 500


class Dead(NamedTuple):
    """A dead letter at its offset in the topic of dead letters, with the key it came by."""

    offset: int
    key: bytes
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters are meant.

    Attributes:
        offsets: these; empty for any.
        start: none before this offset.
        customer: only those that came by this customer's key; empty for any.
        reason: only those with this in their reason, in capitals or not; empty for any.
    """

    offsets: frozenset[int] = frozenset()
    start: int = 0
    customer: str = ""
    reason: str = ""

    def has(self, dead: Dead) -> bool:
        """Whether this one is meant.

        >>> from engine.edges.kafka.messages import Place
        >>> letter = DeadLetter("attune.events", Place(0, 7), "It cannot be read", b"?")
        >>> Wanted(customer="ada", reason="cannot be READ").has(Dead(3, b"ada", letter))
        True
        """
        return (
            dead.offset >= self.start
            and (not self.offsets or dead.offset in self.offsets)
            and (not self.customer or dead.key == self.customer.encode())
            and self.reason.casefold() in dead.letter.reason.casefold()
        )


EVERY_ONE: Final = Wanted()


async def dead_letters(
    bootstrap: Bootstrap, topics: Topics, wanted: Wanted = EVERY_ONE
) -> AsyncIterator[Dead]:
    """Those that are wanted, the oldest first.

    Raises:
        StorageError: Kafka is away, or refuses.
    """
    async with aclosing(stretch(bootstrap, topics.dead_letters, _ONLY, wanted.start)) as records:
        async for offset, key, value in records:
            try:
                letter = decode_dead_letter(value)
            except DamagedData:
                continue
            dead = Dead(offset, key, letter)
            if wanted.has(dead):
                yield dead


async def replay(
    bootstrap: Bootstrap, topics: Topics, publisher: Publisher, wanted: Wanted = EVERY_ONE
) -> int:
    """Puts the wanted ones back into the log of events; how many these were.

    They come to their customers as if they had just been accepted. An event that was applied meanwhile
    is recognised by its id; one that still cannot be read is set aside again. Lessons are not brought
    back: the model has gone on without them.

    Raises:
        StorageError: Kafka is away, or refuses; those before may be back.
    """
    count = 0
    some: list[Record] = []
    async for dead in dead_letters(bootstrap, topics, wanted):
        if dead.letter.topic == topics.events:
            some.append(Record(topics.events, dead.key, dead.letter.value))
            count += 1
        if len(some) == _AT_ONCE:
            await publisher.publish(some)
            some = []
    await publisher.publish(some)
    return count
