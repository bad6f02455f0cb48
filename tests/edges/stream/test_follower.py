"""A server follows the weights on a real Kafka, over restarts and late writers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from engine.edges.kafka.messages import Record
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.topics import Size, Topics, ensure
from engine.edges.stream.follower import Follower
from engine.edges.stream.inbox import MODEL
from engine.edges.stream.weights import Weights, encode_weights
from tools.brokers.kafka import Kafka

PATIENCE = 60


class Board:
    """A topic of weights, and what a follower has taken from it."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.topics = Topics(f"t{uuid4().hex[:8]}")
        self.publisher = Publisher(kafka.bootstrap, patience=PATIENCE)
        self.taken: asyncio.Queue[Weights] = asyncio.Queue()

    async def publish(self, *values: bytes, key: bytes = MODEL) -> None:
        await self.publisher.publish([Record(self.topics.weights, key, v) for v in values])

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[Follower]:
        follower = Follower(self.kafka.bootstrap, self.topics, self.taken.put_nowait)
        following = asyncio.create_task(follower.run())
        async with asyncio.timeout(PATIENCE):
            await follower.current()
            yield follower
        following.cancel()
        await asyncio.wait([following])


def weights(number: int) -> Weights:
    return Weights(number, {0: number}, (), b"snapshot %d" % number)


@pytest.fixture
async def board(kafka: Kafka) -> AsyncIterator[Board]:
    made = Board(kafka)
    await ensure(kafka.bootstrap, made.topics, Size(1))
    yield made
    await made.publisher.close()


async def test_a_server_is_current_at_once_where_nothing_has_been_learned(board: Board) -> None:
    async with board.followed() as follower:
        assert follower.next == 0
        assert board.taken.empty()


async def test_the_newest_are_taken_before_a_server_is_current_and_then_each_that_comes(
    board: Board,
) -> None:
    await board.publish(*(encode_weights(weights(n)) for n in range(1, 5)))
    async with board.followed() as follower:
        assert follower.next == 4
        while (first := await board.taken.get()).next < 4:
            pass
        assert first == weights(4)._replace(written=first.written)
        await board.publish(encode_weights(weights(9)))
        second = await board.taken.get()
        assert second == weights(9)._replace(written=second.written)
        assert 0.0 < first.written <= second.written


async def test_late_strange_and_damaged_ones_are_passed_over(board: Board) -> None:
    async with board.followed() as follower:
        await board.publish(encode_weights(weights(5)))
        assert (await board.taken.get())._replace(written=0.0) == weights(5)
        await board.publish(
            encode_weights(weights(3)), b"nonsense", encode_weights(weights(8))[:-4]
        )
        await board.publish(encode_weights(weights(99)), key=b"another model")
        await board.publish(encode_weights(weights(6)))
        assert (await board.taken.get())._replace(written=0.0) == weights(6)
        assert follower.next == 6


async def test_a_kafka_that_restarts_is_followed_again(board: Board) -> None:
    async with board.followed():
        await asyncio.to_thread(board.kafka.stop)
        await asyncio.to_thread(board.kafka.start)
        await board.publish(encode_weights(weights(7)))
        assert (await board.taken.get())._replace(written=0.0) == weights(7)
