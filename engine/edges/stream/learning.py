"""Learn from the topic of lessons: one writer for a model, each lesson once, in the topic's order."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from engine.codec import SchemaNote
from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.messages import Place, Record, Taught, decode_taught
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Topics
from engine.edges.stream.inbox import AGAIN, MODEL
from engine.edges.stream.letters import Letter, set_aside
from engine.edges.stream.weights import (
    Weights,
    decode_inheritance,
    encode_weights,
    is_inheritance,
    mind_of,
    newest,
)
from engine.errors import StorageError
from engine.learning.mind import Mind

log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds from one publication of the weights to the next at least; after a pause there is no wait."""

_ONLY: Final = 0


class Pupil:
    """A mind and how far it has come. What it knows follows from the topic of lessons alone.

    A model that an installation brought along (see `engine.migration`) is what it begins with: that
    counts only before the first lesson.

    A lesson whose entry does not lie behind the last one learned from, of the same partition of the
    events, came twice and is passed over: lessons of a partition are written in the order of its
    entries (see `engine.edges.stream.fold`).
    """

    def __init__(self) -> None:
        self.mind = Mind()
        self.next = 0
        self.latest: dict[int, int] = {}

    def take(self, offset: int, value: bytes) -> None:
        """Learns from the record at `next`.

        Raises:
            StorageError: it cannot be read, and is passed over.
            KeyError, ValueError: it cannot be learned, and is passed over.
        """
        self.next = offset + 1
        if is_inheritance(value):
            self._inherit(value)
            return
        read = decode_taught(value)
        if isinstance(read, SchemaNote):
            self.mind.register(read.document)
        elif isinstance(read, Taught) and read.place.offset > self.latest.get(
            read.place.partition, -1
        ):
            self.latest[read.place.partition] = read.place.offset
            for lesson in read.lessons:
                self.mind.teach(lesson)

    def _inherit(self, value: bytes) -> None:
        """Begins with a model that was brought along, and with the schemas noted here before it."""
        _, _, weights = decode_inheritance(value)
        if not self.latest:
            noted = self.mind.curricula
            self.take_up(weights._replace(next=self.next))
            for curriculum in noted:
                self.mind.register(curriculum.to_dict())

    def weights(self) -> Weights:
        """All it knows, to be taken up by another."""
        schemas = tuple([curriculum.to_dict() for curriculum in self.mind.curricula])
        return Weights(self.next, dict(self.latest), schemas, self.mind.snapshot())

    def take_up(self, weights: Weights) -> None:
        """Goes on from there.

        Raises:
            StorageError: the snapshot cannot be read; nothing has changed.
        """
        self.mind = mind_of(weights)
        self.next = weights.next
        self.latest = dict(weights.latest)


class Learning:
    """A pupil before its topic: takes letters by `put`, and publishes its weights in `run`.

    A letter is done once the weights it went into are published, so whoever takes over finds either
    these weights or the letter.

    Attributes:
        waiting: whether it holds what Kafka does not take just now, or lacks what Kafka does not give.
        catching_up: whether it learns what lies before the letter it holds.
    """

    def __init__(self, bootstrap: Bootstrap, publisher: Publisher, topics: Topics) -> None:
        self._bootstrap = bootstrap
        self._publisher = publisher
        self._topics = topics
        self._pupil = Pupil()
        self._learned: list[Callable[[], object]] = []
        self._came = asyncio.Event()
        self._published = 0
        self._open = asyncio.Event()
        self._open.set()
        self.waiting = False
        self.catching_up = False

    @property
    def next(self) -> int:
        """The place in the topic up to which it has learned."""
        return self._pupil.next

    async def put(self, letter: Letter) -> None:
        """Learns from a letter; from those before it first, where another had them meanwhile."""
        await self._open.wait()
        while letter.place.offset > self._pupil.next:
            self.catching_up = True
            try:
                await self._catch_up(letter.place.offset)
            except StorageError as error:
                self.waiting = True
                log.warning("%s; tried again", error)
                await asyncio.sleep(AGAIN)
            else:
                self.waiting = False
            finally:
                self.catching_up = False
        if letter.place.offset == self._pupil.next:
            await self._take(letter)
        self._learned.append(letter.done)
        self._came.set()

    async def finish(self) -> None:
        """Learns nothing any more, and publishes what was learned.

        Raises:
            StorageError: Kafka is away, or refuses.
        """
        self._open.clear()
        await self.publish()

    async def run(self) -> None:
        """Publishes the weights once something is learned, then each `EVERY`, until it is cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            try:
                await self.publish()
            except StorageError as error:
                self._came.set()
                log.warning("%s; the weights are published later", error)
            await asyncio.sleep(EVERY)

    async def publish(self) -> None:
        """Publishes the weights if they know more than those published last.

        Raises:
            StorageError: Kafka is away, or refuses.
        """
        learned, self._learned = self._learned, []
        try:
            if self._pupil.next > self._published:
                weights = self._pupil.weights()
                await self._publisher.publish(
                    [Record(self._topics.weights, MODEL, encode_weights(weights))]
                )
                self._published = weights.next
        except StorageError:
            self._learned = learned + self._learned
            self.waiting = True
            raise
        self.waiting = False
        for done in learned:
            done()

    async def _catch_up(self, to: int) -> None:
        """Takes up the newest weights, then learns what lies between them and `to`."""
        weights = await newest(stretch(self._bootstrap, self._topics.weights, _ONLY, 0), MODEL)
        if weights is not None and weights.next > self._pupil.next:
            self._pupil.take_up(weights)
            self._published = weights.next
        if self._pupil.next < to:
            log.info("learning %d lessons again, up to %d", to - self._pupil.next, to)
        topic = self._topics.lessons
        async with aclosing(
            stretch(self._bootstrap, topic, _ONLY, self._pupil.next, to)
        ) as records:
            async for offset, key, value in records:
                await self._take(Letter(topic, Place(_ONLY, offset), key, value, _nobody))
        self._pupil.next = max(self._pupil.next, to)

    async def _take(self, letter: Letter) -> None:
        try:
            self._pupil.take(letter.place.offset, letter.value)
        except (StorageError, KeyError, ValueError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            log.error("lesson %d is passed over: %s", letter.place.offset, reason)  # noqa: TRY400
            dead = set_aside(letter, reason, self._topics.dead_letters)
            await self._set_aside(dead)

    async def _set_aside(self, dead: Record) -> None:
        while True:
            try:
                await self._publisher.publish([dead])
            except StorageError:
                await asyncio.sleep(AGAIN)
            else:
                return


def _nobody() -> None:
    """Nobody waits for what is learned again."""
