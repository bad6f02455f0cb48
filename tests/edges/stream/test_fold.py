"""The fold over a real Redis: whatever dies in between, each event and each lesson counts once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest

from engine.edges.kafka.messages import Place, Taught
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Change, RedisCustomers, Sent
from engine.edges.redis.keys import customer_key
from engine.edges.stream.fold import Placed, RedisFold
from engine.errors import StorageError
from engine.model import Customer, CustomerId, Event, Lesson, ProfileUpdate
from engine.topology import take_in
from tests.happenings import exposure, interaction, response, update
from tools.brokers.redis import Redis

WHO = [CustomerId(f"c{n}") for n in range(4)]


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


class Cut(StorageError):
    """The power is cut."""


class Fragile(RedisCustomers):
    """Fails at moments of chance: before it writes, or after it has written and before it says so."""

    chance = Random(0)

    def send_swap(self, change: Change) -> Sent:
        if self.chance.random() < 0.05:
            raise Cut
        return super().send_swap(change)

    async def swapped(self, sent: Sent) -> bool:
        written = await super().swapped(sent)
        if self.chance.random() < 0.1:
            raise Cut
        return written


class Topic:
    """The lessons as a topic has them, and what a learner takes of them."""

    def __init__(self, chance: Random) -> None:
        self.lessons: list[Taught] = []
        self._chance = chance

    async def teach(self, lessons: Sequence[Taught]) -> None:
        """All arrive, or the first few and then the power is cut."""
        some = len(lessons)
        if self._chance.random() < 0.2:
            some = self._chance.randrange(some + 1)
        self.lessons += lessons[:some]
        if some < len(lessons):
            raise Cut

    def learned(self) -> list[Lesson]:
        """Those that lie behind the last place learned from."""
        latest, learned = Place(0, -1), list[Lesson]()
        for place, lessons in self.lessons:
            if place > latest:
                latest = place
                learned += lessons
        return learned


def happenings(count: int, chance: Random) -> list[Event | ProfileUpdate]:
    """A stretch of the log, with duplicates."""
    log: list[Event | ProfileUpdate] = []
    for n in range(count):
        who = chance.choice(WHO)
        match chance.randrange(5):
            case 0:
                log.append(update(who, at=n // 20, age=n))
            case 1:
                log.append(interaction(f"e{n}", who, at=n))
            case 2 if log:
                log.append(chance.choice(log))
            case _:
                outcome, reward = chance.choice(
                    [("impression", 0.0), ("click", 0.2), ("accept", 1.0)]
                )
                offer = exposure(f"d{n // 8}.{who}", at=n // 8)
                log.append(response(f"e{n}", who, outcome=outcome, reward=reward, at=n, to=offer))
    return log


def folded(
    log: Sequence[Event | ProfileUpdate],
) -> tuple[dict[CustomerId, Customer], list[Lesson]]:
    """What one process makes of it."""
    customers, lessons = {who: Customer(who) for who in WHO}, list[Lesson]()
    for entry in log:
        lessons += take_in(customers[entry.customer_id], entry)
    return customers, lessons


@pytest.mark.parametrize("seed", range(5))
async def test_cuts_anywhere_lead_to_what_one_process_makes_of_the_log(
    connection: Connection, seed: int
) -> None:
    chance = Random(seed)
    log = happenings(150, chance)
    topic = Topic(chance)
    customers = Fragile(connection, lambda: 0)
    customers.chance = chance
    fold = RedisFold(customers, topic.teach)
    committed = 0
    while committed < len(log):
        end = min(len(log), committed + chance.randrange(1, 15))
        batch = [Placed(Place(0, n), log[n]) for n in range(committed, end)]
        try:
            await fold.apply(batch)
        except Cut:
            continue
        committed = end
    expected, lessons = folded(log)
    assert {who: await customers.load(who) for who in WHO} == expected
    assert topic.learned() == lessons


@pytest.mark.parametrize("seed", range(3))
async def test_a_worker_that_lost_its_partition_and_goes_on_does_no_harm(
    connection: Connection, seed: int
) -> None:
    chance = Random(seed)
    log = happenings(120, chance)
    topic = Topic(Random(0))
    topic._chance = _Never()

    async def work() -> None:
        fold = RedisFold(RedisCustomers(connection, lambda: 0), topic.teach)
        at = 0
        while at < len(log):
            end = min(len(log), at + chance.randrange(1, 9))
            await fold.apply([Placed(Place(0, n), log[n]) for n in range(at, end)])
            at = end

    await asyncio.gather(work(), work())
    expected, lessons = folded(log)
    customers = RedisCustomers(connection, lambda: 0)
    assert {who: await customers.load(who) for who in WHO} == expected
    assert topic.learned() == lessons


class _Never(Random):
    """No chance ever comes up."""

    def random(self) -> float:
        return 1.0


async def test_what_cannot_be_applied_is_refused_and_holds_up_nobody(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    topic = Topic(_Never())
    customers = RedisCustomers(connection, lambda: 0)
    fold = RedisFold(customers, topic.teach)
    odd = update("c1", at="yesterday")  # type: ignore[arg-type]
    batch = [
        Placed(Place(0, n), e)
        for n, e in enumerate([update("c0", age=1), odd, update("c1", age=2)])
    ]
    applied = await fold.apply(batch)
    assert [(place.offset, "TypeError" in reason) for place, reason in applied.refused] == [
        (1, True)
    ]
    assert [place.offset for place in applied.new] == [0, 2]
    assert (await customers.load(CustomerId("c1"))).attributes == {"age": 2}


async def test_of_a_damaged_customer_everything_is_refused(connection: Connection) -> None:
    await connection.ask("SET", customer_key(WHO[0]), "nonsense")
    topic = Topic(_Never())
    fold = RedisFold(RedisCustomers(connection, lambda: 0), topic.teach)
    batch = [interaction("e1", "c0"), interaction("e2", "c1"), interaction("e3", "c0")]
    applied = await fold.apply([Placed(Place(0, n), entry) for n, entry in enumerate(batch)])
    assert [place.offset for place, _ in applied.refused] == [0, 2]
    assert [place.offset for place in applied.new] == [1]
    assert await connection.ask("GET", customer_key(WHO[0])) == b"nonsense"
