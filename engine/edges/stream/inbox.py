"""The inbox: what one worker has taken out of the log and not yet applied, applied batch by batch."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter
from typing import Final, TypeAlias

from engine.codec import Entry
from engine.edges.kafka.messages import Place, Record, Taught, decode_message, encode_taught
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import Read
from engine.edges.kafka.topics import Topics
from engine.edges.redis.customers import RedisCustomers
from engine.edges.redis.marks import Marks
from engine.edges.stream.fold import Placed, RedisFold
from engine.edges.stream.letters import Letter, set_aside
from engine.edges.stream.triggering import Triggering
from engine.errors import StorageError

log = logging.getLogger(__name__)

AGAIN: Final = 0.25
"""Seconds between two attempts while Redis or Kafka is away."""

MODEL: Final = b"default"
"""The key of the one model there is."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at whether Redis still has what was applied, while nothing comes."""

_ROOM: Final = 2_000
_ROOM_BYTES: Final = 64 << 20
_PART: Final = 4 << 20
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Progress:
    """How many entries came to what, since the worker began; in how many batches, and seconds."""

    new: int = 0
    repeated: int = 0
    dead: int = 0
    lessons: int = 0
    retried: int = 0
    batches: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        """In a sentence's words."""
        return f"{self.new} entries applied, {self.repeated} known already, {self.dead} set aside"

    @property
    def moved(self) -> int:
        """Entries something became of."""
        return self.new + self.repeated + self.dead


Reread: TypeAlias = Callable[[int, int, int], AsyncGenerator[Read, None]]
"""Reads the log of events again: of this partition, from this offset to before that one."""


Count: TypeAlias = Callable[[Sequence[Entry]], Awaitable[None]]
"""Counts what entries say of offers that were shown, however often they come; raises StorageError."""


class Inbox:
    """Takes letters by `put` while there is room, and applies them in their order in `run`.

    A letter is done once its customer is written, its lesson is in Kafka, or it is among the dead
    letters. While Redis or Kafka is away nothing is done and nothing is lost: the batch is tried again.
    Where Redis has less of the log than lies before a letter, because it came back without its last
    changes or without any, what is missing is read again and applied first.

    Attributes:
        progress: what it has done.
        waiting: whether it holds a batch that Redis or Kafka do not take just now.
        catching_up: whether it makes up what Redis lacks.
    """

    def __init__(
        self,
        customers: RedisCustomers,
        marks: Marks,
        publisher: Publisher,
        topics: Topics,
        reread: Reread,
        count: Count,
        triggering: Triggering | None = None,
    ) -> None:
        self._count = count
        self._marks = marks
        self._reread = reread
        self._next: dict[int, int] = {}
        self._owned: frozenset[int] | None = None
        self._epoch = 0
        self._before: dict[int, int] = {}
        self._closing = False
        self._publisher = publisher
        self._topics = topics
        self._fold = RedisFold(customers, self._teach, triggering)
        self._letters: deque[Letter] = deque()
        self._held = 0
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._empty = asyncio.Event()
        self._room.set()
        self._empty.set()
        self.progress = Progress()
        self.waiting = False
        self.catching_up = False

    def own(self, applied: Mapping[int, int]) -> None:
        """Says which partitions are this worker's to look after, and up to where each has been applied.

        What Redis lacks of that is made up although nothing more may come in the partition.
        """
        self._owned = frozenset(applied)
        self._next = {
            partition: max(offset, self._next.get(partition, 0))
            for partition, offset in applied.items()
        }

    async def put(self, letter: Letter) -> None:
        """Takes a letter once there is room."""
        await self._room.wait()
        self._letters.append(letter)
        self._held += len(letter.value)
        self._came.set()
        self._empty.clear()
        if len(self._letters) >= _ROOM or self._held >= _ROOM_BYTES:
            self._room.clear()

    async def finish(self) -> None:
        """Takes nothing any more, and returns once everything taken is done."""
        self._closing = True
        self._room.clear()
        await self._empty.wait()

    async def run(self) -> None:
        """Applies what comes, until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._came.wait()
            except TimeoutError:
                await self._until_done(())
                continue
            batch = [self._letters[n] for n in range(min(_AT_ONCE, len(self._letters)))]
            began = perf_counter()
            await self._until_done(batch)
            self.progress.batches += 1
            self.progress.seconds += perf_counter() - began
            for letter in batch:
                self._letters.popleft()
                self._held -= len(letter.value)
                letter.done()
            if not self._closing:
                self._room.set()
            if not self._letters:
                self._came.clear()
                self._empty.set()

    async def _until_done(self, batch: Sequence[Letter]) -> None:
        while True:
            try:
                await self._apply(batch)
            except StorageError as error:
                if not self.waiting:
                    self.waiting = True
                    log.warning("%s; the batch is tried again until it is done", error)
                self.progress.retried += 1
                await asyncio.sleep(AGAIN)
            else:
                self.waiting = False
                return

    async def _apply(self, batch: Sequence[Letter]) -> None:
        """Applies a batch behind everything that lies before it, also what Redis has lost of that."""
        self._epoch = self._marks.epoch
        wanted = dict(self._next)
        for letter in reversed(batch):
            wanted[letter.place.partition] = letter.place.offset
        marks = await self._marks.read_all(wanted)
        for partition, offset in wanted.items():
            if marks[partition] < offset:
                self.catching_up = True
                try:
                    marks[partition] = await self._make_up(partition, marks[partition], offset)
                finally:
                    self.catching_up = False
        await self._take(batch, marks)

    async def _make_up(self, partition: int, mark: int, end: int) -> int:
        """Applies a stretch of the log again, or for the first time; the mark then."""
        log.warning("Redis lacks %d to %d of partition %d", mark, end - 1, partition)
        topic = self._topics.events
        marks = {partition: mark}
        some: list[Letter] = []
        async with aclosing(self._reread(partition, mark, end)) as records:
            async for offset, key, value in records:
                some.append(Letter(topic, Place(partition, offset), key, value, _nobody))
                if len(some) == _AT_ONCE:
                    await self._take(some, marks, is_made_up=True)
                    some = []
        await self._take(some, marks, is_made_up=True)
        if marks[partition] < end:
            await self._marks.move(partition, marks[partition], end)
        return end

    async def _take(
        self, batch: Sequence[Letter], marks: dict[int, int], *, is_made_up: bool = False
    ) -> None:
        """Applies the letters of a batch, sets aside the others, and moves the marks on."""
        readable: dict[tuple[int, int], Letter] = {}
        placed: list[Placed] = []
        dead: list[Record] = []
        for letter in batch:
            try:
                entry = decode_message(letter.value)
            except StorageError as error:
                dead.append(set_aside(letter, str(error), self._topics.dead_letters))
            else:
                placed.append(Placed(letter.place, entry))
                readable[letter.place] = letter
        self._before = {place.partition: marks[place.partition] for place, _ in placed}
        applied = await self._fold.apply(placed, is_made_up=is_made_up)
        await self._count([one.entry for one in placed])
        dead += [
            set_aside(readable[place], reason, self._topics.dead_letters)
            for place, reason in applied.refused
        ]
        for some in parts(dead):
            await self._publisher.publish(some)
        ends = {letter.place.partition: letter.place.offset + 1 for letter in batch}
        for partition, end in ends.items():
            if end > marks[partition]:
                await self._marks.move(partition, marks[partition], end)
                marks[partition] = end
        self._next |= {
            partition: end
            for partition, end in ends.items()
            if self._owned is None or partition in self._owned
        }
        self.progress.new += len(applied.new)
        self.progress.repeated += len(applied.repeated)
        self.progress.dead += len(dead)

    async def _teach(self, taught: Sequence[Taught]) -> None:
        topic = self._topics.lessons
        if self._marks.epoch != self._epoch or await self._has_lost():
            raise StorageError("Redis was lost while a batch was read: its lessons may be others")
        await self._publisher.publish([Record(topic, MODEL, encode_taught(one)) for one in taught])
        self.progress.lessons += len(taught)

    async def _has_lost(self) -> bool:
        """Whether Redis notes less than when the batch began: it was emptied, and its customers with it."""
        marks = await self._marks.read_all(self._before)
        return any(marks[partition] < mark for partition, mark in self._before.items())


def parts(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The records in their order, a few at once: so many as Kafka takes in the time it is given.

    >>> [len(part) for part in parts([Record("dead", b"", bytes(3 << 20))] * 5)]
    [2, 2, 1]
    """
    part: list[Record] = []
    size = 0
    for record in records:
        part.append(record)
        size += len(record.value)
        if size >= _PART:
            yield part
            part, size = [], 0
    if part:
        yield part


def _nobody() -> None:
    """Nobody waits for what is applied again."""
