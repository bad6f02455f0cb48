"""Counting again after a loss: every partition, up to where the log went, before caps are open."""

from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from engine.edges.caps.recount import Recount, Recounting
from engine.edges.kafka.messages import encode_message
from engine.edges.kafka.reading import Read
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.caps_run import CapsRun
from engine.edges.redis.connection import Connection
from engine.errors import StorageError
from engine.model import HOUR, MINUTE
from engine.rulebook.cap import Period
from tests.edges.caps.test_counting import Desk, desk
from tools.brokers.redis import Redis

__all__ = ["desk"]

CAP = "a/offers/day"


class Log:
    """Two partitions with responses of offers 1 to 3 and 4 to 5, among what nobody can read."""

    def __init__(self, desk: Desk) -> None:
        readable = [encode_message(desk.response(number)) for number in range(1, 6)]
        self.partitions = {0: [*readable[:3], b"?"], 1: readable[3:], 2: []}
        self.read: list[tuple[int, int, int]] = []

    async def ends(self) -> dict[int, int]:
        return {partition: len(values) for partition, values in self.partitions.items()}

    async def reread(self, partition: int, start: int, end: int) -> AsyncGenerator[Read, None]:
        self.read.append((partition, start, end))
        for offset, value in enumerate(self.partitions[partition][start:end], start):
            yield Read(offset, b"", value)


@pytest.fixture
def log(desk: Desk) -> Log:
    return Log(desk)


@pytest.fixture
def run(desk: Desk) -> CapsRun:
    return CapsRun(desk.connection)


@pytest.fixture
async def other(redis: Redis, desk: Desk) -> AsyncIterator[Connection]:
    connection = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    yield connection
    await connection.close()


async def test_what_was_shown_is_counted_again_before_the_count_is_said_to_be_whole(
    desk: Desk, log: Log, run: CapsRun
) -> None:
    recount, recounting = Recount(log.ends), Recounting(run, desk.counting, log.reread)
    assert await recount.has_begun()
    assert (await run.begin("one", MINUTE)).is_counted is False
    assert not await recount.is_done(run)
    log.partitions[0].append(encode_message(desk.response(9)))  # since the loss: not this count's
    await recounting.count_all()
    assert await desk.shown(CAP, Period.DAY) == 5
    assert log.read == [(0, 0, 4), (1, 0, 2)]
    assert await recount.is_done(run)
    ran = await run.look()
    assert ran is not None
    assert ran.is_counted


async def test_nothing_is_read_where_nothing_was_lost(desk: Desk, log: Log, run: CapsRun) -> None:
    recounting = Recounting(run, desk.counting, log.reread)
    await recounting.count_all()
    assert (await run.begin("one", 0)) == ("one", 0, True)
    await recounting.count_all()
    assert log.read == []


async def test_a_partition_is_counted_by_one_worker_at_a_time(
    desk: Desk, log: Log, run: CapsRun, other: Connection
) -> None:
    await run.begin("one", MINUTE)
    await Recount(log.ends).is_done(run)
    assert await CapsRun(other).take(0)
    await Recounting(run, desk.counting, log.reread).count_all()
    assert log.read == [(1, 0, 2)]
    assert not await Recount(log.ends).is_done(run)


async def test_what_was_counted_before_another_loss_is_counted_once_more(
    desk: Desk, log: Log, run: CapsRun
) -> None:
    await run.begin("one", MINUTE)
    await Recount(log.ends).is_done(run)
    assert (await run.lost("one", "two", MINUTE)).run == "two"
    assert (await run.lost("one", "three", MINUTE)).run == "two"  # another server noticed the same
    await run.note_done("one", 0)
    assert await run.done() == set()
    assert await run.ends() is None


async def test_while_kafka_is_away_the_count_is_not_whole(desk: Desk, run: CapsRun) -> None:
    async def away() -> dict[int, int]:
        raise StorageError("Kafka is away")

    await run.begin("one", MINUTE)
    with pytest.raises(StorageError, match="Kafka is away"):
        await Recount(away).is_done(run)


async def test_a_cap_is_closed_for_as_long_as_anybody_asks(desk: Desk, run: CapsRun) -> None:
    await run.begin("one", MINUTE)
    assert not await run.close("another", {"a": HOUR})
    first = await run.close("one", {"a": MINUTE, "b": 5 * MINUTE})
    assert 0 < first["a"] <= MINUTE < first["b"] <= 5 * MINUTE
    second = await run.close("one", {"a": HOUR, "b": MINUTE})
    assert MINUTE < second["b"] <= 5 * MINUTE < second["a"] <= HOUR
    ran = await run.look()
    assert ran is not None
    assert second["a"] >= ran.closed_for > 5 * MINUTE


async def test_a_loss_closes_for_the_time_that_is_left_of_it(desk: Desk, run: CapsRun) -> None:
    began = await run.begin("one", MINUTE)
    assert 0 < began.closed_for <= MINUTE
    later = await run.begin("two", 5 * MINUTE)  # another server began at the same time
    assert later.run == "one"
    assert later.closed_for <= began.closed_for
