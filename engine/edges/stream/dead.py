"""The dead letters of an installation: read, brought back once what was wrong is put right, or discarded."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.messages import Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Topics
from engine.edges.stream.docket import Docket, Fate, Outcome, note
from engine.edges.stream.letters import DeadLetter, decode_dead_letter
from engine.errors import DamagedData

_ONLY: Final = 0
_AT_ONCE: Final = 500


class Dead(NamedTuple):
    """A dead letter at its offset in the topic of dead letters, with the key it came by.

    `fate` is what became of it; None while it is open.
    """

    offset: int
    key: bytes
    letter: DeadLetter
    fate: Fate | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters are meant.

    Attributes:
        offsets: these; empty for any.
        start: none before this offset.
        customer: only those that came by this customer's key; empty for any.
        reason: only those with this in their reason, in capitals or not; empty for any.
        closed: also those somebody has dealt with.
    """

    offsets: frozenset[int] = frozenset()
    start: int = 0
    customer: str = ""
    reason: str = ""
    closed: bool = False

    def has(self, dead: Dead) -> bool:
        """Whether this one is meant.

        >>> from engine.edges.kafka.messages import Place
        >>> letter = DeadLetter("attune.events", Place(0, 7), "It cannot be read", b"?")
        >>> Wanted(customer="ada", reason="cannot be READ").has(Dead(3, b"ada", letter))
        True
        """
        return (
            dead.offset >= self.start
            and (self.closed or dead.fate is None)
            and (not self.offsets or dead.offset in self.offsets)
            and (not self.customer or dead.key == self.customer.encode())
            and self.reason.casefold() in dead.letter.reason.casefold()
        )


EVERY_ONE: Final = Wanted()


class Replayed(NamedTuple):
    """What a replay has done.

    Attributes:
        events: those that are back in the log.
        lessons: those left out, as the model has gone on without them.
        closed: those left out, as somebody has dealt with them before.
    """

    events: int
    lessons: int
    closed: int


async def dead_letters(
    bootstrap: Bootstrap, topics: Topics, wanted: Wanted = EVERY_ONE
) -> AsyncIterator[Dead]:
    """Those that are wanted, the oldest first.

    Raises:
        StorageError: Kafka is away, or refuses.
    """
    fates = await _fates(bootstrap, topics)
    async with aclosing(stretch(bootstrap, topics.dead_letters, _ONLY, wanted.start)) as records:
        async for offset, key, value in records:
            try:
                letter = decode_dead_letter(value)
            except DamagedData:
                continue
            dead = Dead(offset, key, letter, fates.get(offset))
            if wanted.has(dead):
                yield dead


async def replay(
    bootstrap: Bootstrap, topics: Topics, publisher: Publisher, wanted: Wanted = EVERY_ONE
) -> Replayed:
    """Puts the wanted ones back into the log of events, and notes that they are dealt with.

    They come to their customers as if they had just been accepted. An event that was applied meanwhile
    is recognised by its id; one that still cannot be read is set aside again. Lessons are not brought
    back: the model has gone on without them. They stay open. One that was dealt with before is brought
    back only where it is named by its offset.

    Raises:
        StorageError: Kafka is away, or refuses; those before may be back.
    """
    events = lessons = closed = 0
    some: list[Dead] = []
    async for dead in dead_letters(bootstrap, topics, replace(wanted, closed=True)):
        if dead.fate is not None and not wanted.offsets:
            closed += 1
        elif dead.letter.topic != topics.events:
            lessons += 1
        else:
            some.append(dead)
            events += 1
        if len(some) == _AT_ONCE:
            await _bring_back(topics, publisher, some)
            some = []
    await _bring_back(topics, publisher, some)
    return Replayed(events, lessons, closed)


async def discard(topics: Topics, publisher: Publisher, offsets: Sequence[int]) -> None:
    """Notes that the letters at these offsets are dealt with. Their bytes stay as long as Kafka keeps them.

    Raises:
        StorageError: Kafka is away, or refuses; some may be discarded.
    """
    for at in range(0, len(offsets), _AT_ONCE):
        await _close(topics, publisher, offsets[at : at + _AT_ONCE], Outcome.DISCARDED)


async def _bring_back(topics: Topics, publisher: Publisher, some: Sequence[Dead]) -> None:
    """Into the log first: what dies in between leaves them open, and an event is known by its id."""
    if some:
        await publisher.publish([Record(topics.events, d.key, d.letter.value) for d in some])
        await _close(topics, publisher, [dead.offset for dead in some], Outcome.REPLAYED)


async def _close(
    topics: Topics, publisher: Publisher, offsets: Sequence[int], outcome: Outcome
) -> None:
    fate = Fate(outcome, time.time_ns() // 1_000)
    await publisher.publish([note(offsets, fate, topics.dead_letters)])


async def _fates(bootstrap: Bootstrap, topics: Topics) -> dict[int, Fate]:
    docket = Docket()
    async with aclosing(stretch(bootstrap, topics.dead_letters, _ONLY, 0)) as records:
        async for offset, _, value in records:
            docket.take(offset, value)
    return docket.fates
