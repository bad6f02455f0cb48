"""A pupil before its topic, on a real Kafka: each lesson once, also when another had it meanwhile."""

import random
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from engine.codec import SchemaNote
from engine.edges.kafka.messages import (
    Place,
    Record,
    Taught,
    encode_message,
    encode_taught,
)
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Size, Topics, ensure
from engine.edges.stream.inbox import MODEL
from engine.edges.stream.learning import Learning, Pupil
from engine.edges.stream.letters import Letter, decode_dead_letter
from engine.edges.stream.weights import Weights, encode_inheritance, newest
from engine.errors import StorageError
from engine.learning.mind import Mind
from engine.model import ActionId, DecisionId, TrainingExample
from tests.lessons import GROUPS, SCHEMA, raw_features
from tools.brokers.kafka import Kafka

NOTE = encode_message(SchemaNote(SCHEMA.digest, SCHEMA.to_dict()))


def example(number: int) -> TrainingExample:
    chance = random.Random(number)
    action = chance.choice(list(GROUPS))
    return TrainingExample(
        DecisionId(f"d{number}"), ActionId(action), GROUPS[action], "web", SCHEMA.digest,
        list(raw_features(chance)), float(number % 3 == 0), None,
    )  # fmt: skip


def lesson(number: int, partition: int = 0) -> bytes:
    return encode_taught(Taught(Place(partition, number), (example(number),)))


def taught(numbers: list[int]) -> str:
    """The digest of a mind that learned these, once each."""
    mind = Mind()
    mind.register(SCHEMA.to_dict())
    for number in numbers:
        mind.teach(example(number))
    return mind.learner.weights_digest()


def test_a_lesson_that_comes_twice_counts_once_whatever_came_between() -> None:
    pupil = Pupil()
    values = [NOTE, lesson(0), lesson(4), lesson(0), lesson(4), lesson(1, partition=1), lesson(5)]
    for offset, value in enumerate(values):
        pupil.take(offset, value)
    assert pupil.mind.learner.weights_digest() == taught([0, 4, 1, 5])
    assert pupil.next == len(values)


def test_a_pupil_begins_with_the_model_that_was_brought_along() -> None:
    elder, pupil = Pupil(), Pupil()
    for offset, value in enumerate([NOTE, *(lesson(n) for n in range(10))]):
        elder.take(offset, value)
    inheritance = encode_inheritance("c0ffee", 10, elder.weights())
    for offset, value in enumerate([inheritance, lesson(9), lesson(10), lesson(11)]):
        pupil.take(offset, value)
    assert pupil.next == 4
    assert pupil.mind.learner.weights_digest() == taught(list(range(12)))


def test_schemas_that_were_noted_before_the_model_stay_known() -> None:
    pupil = Pupil()
    inheritance = encode_inheritance("c0ffee", 0, Pupil().weights())
    for offset, value in enumerate([NOTE, inheritance, lesson(0)]):
        pupil.take(offset, value)
    assert pupil.mind.learner.weights_digest() == taught([0])


def test_a_model_that_comes_after_the_first_lesson_changes_nothing() -> None:
    pupil = Pupil()
    inheritance = encode_inheritance("c0ffee", 0, Pupil().weights())
    for offset, value in enumerate([NOTE, lesson(0), inheritance, lesson(1)]):
        pupil.take(offset, value)
    assert pupil.mind.learner.weights_digest() == taught([0, 1])


def test_what_one_pupil_knows_another_takes_up() -> None:
    first, second = Pupil(), Pupil()
    values = [NOTE, *(lesson(n) for n in range(20))]
    for offset, value in enumerate(values[:11]):
        first.take(offset, value)
    second.take_up(first.weights())
    for offset, value in enumerate(values[8:], start=11):
        second.take(offset, value)
    assert second.mind.learner.weights_digest() == taught(list(range(20)))


@pytest.mark.parametrize("value", [b"", b"\x40[1]", lesson(3)])
def test_what_cannot_be_learned_is_passed_over(value: bytes) -> None:
    pupil = Pupil()
    with pytest.raises((StorageError, KeyError)):
        pupil.take(0, value)
    assert pupil.next == 1


class Desk:
    """A topic of lessons, and letters out of it; `done` has the offsets that are done."""

    def __init__(self, kafka: Kafka) -> None:
        self.bootstrap = kafka.bootstrap
        self.topics = Topics(f"t{uuid4().hex[:8]}")
        self.publisher = Publisher(kafka.bootstrap, patience=20)
        self.values: list[bytes] = []
        self.done: list[int] = []

    async def write(self, *values: bytes) -> None:
        self.values += values
        await self.publisher.publish([Record(self.topics.lessons, MODEL, v) for v in values])

    def learning(self) -> Learning:
        return Learning(self.bootstrap, self.publisher, self.topics)

    def letter(self, offset: int) -> Letter:
        place = Place(0, offset)
        return Letter(
            self.topics.lessons, place, MODEL, self.values[offset], lambda: self.done.append(offset)
        )

    async def weights(self) -> Weights | None:
        return await newest(stretch(self.bootstrap, self.topics.weights, 0, 0), MODEL)


@pytest.fixture
async def desk(kafka: Kafka) -> AsyncIterator[Desk]:
    made = Desk(kafka)
    await ensure(kafka.bootstrap, made.topics, Size(1))
    yield made
    await made.publisher.close()


def digest_of(weights: Weights | None) -> str:
    assert weights is not None
    mind = Mind()
    mind.restore(weights.snapshot)
    return mind.learner.weights_digest()


async def test_a_letter_is_done_once_its_weights_are_published(desk: Desk) -> None:
    await desk.write(NOTE, lesson(0), lesson(1))
    learning = desk.learning()
    for offset in range(3):
        await learning.put(desk.letter(offset))
    assert desk.done == []
    await learning.publish()
    assert desk.done == [0, 1, 2]
    assert digest_of(await desk.weights()) == taught([0, 1])


async def test_who_takes_over_goes_on_from_the_weights_and_what_came_since(desk: Desk) -> None:
    await desk.write(NOTE, *(lesson(n) for n in range(9)))
    first = desk.learning()
    for offset in range(5):
        await first.put(desk.letter(offset))
    await first.publish()
    second = desk.learning()
    await second.put(desk.letter(8))
    await second.put(desk.letter(4))
    await second.put(desk.letter(9))
    await second.publish()
    assert digest_of(await desk.weights()) == taught(list(range(9)))
    assert sorted(desk.done) == [0, 1, 2, 3, 4, 4, 8, 9]


async def test_a_lesson_nobody_can_learn_is_among_the_dead_letters(desk: Desk) -> None:
    await desk.write(NOTE, b"\x40nonsense", lesson(0))
    learning = desk.learning()
    for offset in range(3):
        await learning.put(desk.letter(offset))
    await learning.publish()
    assert digest_of(await desk.weights()) == taught([0])
    (dead,) = [
        decode_dead_letter(value)
        async for _, _, value in stretch(desk.bootstrap, desk.topics.dead_letters, 0, 0)
    ]
    assert (dead.value, dead.place.offset) == (b"\x40nonsense", 1)
