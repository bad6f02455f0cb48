"""The rounds of workers over a real Redis: each has its own customers' turn, and goes on for another."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import Change, RedisCustomers
from engine.edges.redis.keys import customer_key, round_key
from engine.edges.redis.record import NO_MARK
from engine.edges.redis.scores import LastScores
from engine.edges.stream.rounds import Portion, Rounds, encode_walked, is_in
from engine.edges.stream.triggering import Triggering
from engine.errors import StorageError
from engine.model import HOUR, SECOND, Customer, CustomerId, Value
from engine.topology import take_in
from engine.triggers.daily import Walked, round_at
from engine.triggers.lookout import Lookout
from engine.triggers.outreach import Outreach
from engine.triggers.triggers import Triggers, note_of
from tests.builders import ADULT
from tests.rulebook.builders import book
from tests.triggers.test_outreach import Desk
from tools.brokers.redis import Redis

TOPIC = "attune.events"
NINE = {
    "every": "day",
    "at": "09:00",
    "timezone": "UTC",
    "when": "telco.data_used_pct >= 80.0",
    "placements": ["web.hero"],
}
TODAY, YESTERDAY = date(2026, 11, 21), date(2026, 11, 20)
NINE_O_CLOCK = round(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp()) * SECOND
PARTITIONS = 4
ALL = Portion(frozenset(range(PARTITIONS)), PARTITIONS)
MANY = [CustomerId(f"c{n:04}") for n in range(1_500)]
USED: dict[str, Value] = {"telco.data_used_pct": 90.0}
UNUSED: dict[str, Value] = {"telco.data_used_pct": 10.0}


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


class Worker:
    """The rounds of a worker with a rule book, over a desk that writes down what it is asked to do."""

    def __init__(
        self, connection: Connection, portion: Portion = ALL, fails: Iterable[str] = ()
    ) -> None:
        self.desk = Desk(fails=fails)
        self.now = NINE_O_CLOCK - HOUR
        lookout = Lookout(book(policies={"triggers": {"hello": NINE}}), lambda: self.now)
        outreach = Outreach(self.desk, self.desk)
        scores = LastScores(Aside(connection))
        self.rounds = Rounds(
            Triggering(lookout, outreach, self.desk, scores),
            connection,
            TOPIC,
            lambda: portion,
            lambda: self.now,
        )

    async def at_nine(self, *, most: int = 1_000) -> None:
        """What it does at nine o'clock, in so many goes."""
        self.now = NINE_O_CLOCK
        for _ in range(most):
            if not await self.rounds.go_on():
                return

    def decided(self) -> list[str]:
        """For whom, by the request ids."""
        return [name for step, name in self.desk.done if step == "decide"]


def named(*who: CustomerId) -> list[str]:
    return [f"trigger:hello:{TODAY}:{one}" for one in who]


async def keep(connection: Connection, *customers: Customer) -> None:
    store = RedisCustomers(connection, lambda: NINE_O_CLOCK)
    for customer in customers:
        assert await store.swap(Change(NO_MARK, customer, []))


def used(*who: CustomerId) -> list[Customer]:
    return [Customer(one, ADULT | USED, updated_at=NINE_O_CLOCK) for one in who]


async def heard_yesterday(connection: Connection) -> None:
    for partition in range(PARTITIONS):
        key = round_key(TOPIC, partition, "hello")
        await connection.ask("SET", key, encode_walked(Walked(YESTERDAY, None)))


async def test_at_its_time_all_whom_it_concerns_are_decided_for_once(connection):
    worker = Worker(connection)
    await keep(connection, *used(*MANY), Customer(CustomerId("d"), ADULT | UNUSED))
    assert not await worker.rounds.go_on()
    await worker.at_nine()
    assert sorted(worker.decided()) == named(*MANY)
    assert {step for step, _ in worker.desk.done} == {"decide", "publish", "note"}
    assert not await worker.rounds.go_on()


async def test_each_has_its_own_part_of_them_and_together_all(connection):
    await heard_yesterday(connection)
    await keep(connection, *used(*MANY[:200]))
    parts = [Portion(frozenset(some), PARTITIONS) for some in ({0, 2}, {1}, {3})]
    found = []
    for part in parts:
        worker = Worker(connection, part)
        await worker.at_nine()
        assert worker.decided()
        assert all(is_in(part, CustomerId(name.rsplit(":", 1)[1])) for name in worker.decided())
        found += worker.decided()
    assert sorted(found) == named(*MANY[:200])


async def test_another_goes_on_where_one_was_killed(connection):
    await heard_yesterday(connection)
    await keep(connection, *used(*MANY))
    killed, other = Worker(connection), Worker(connection)
    await killed.at_nine(most=1)
    await other.at_nine()
    assert 0 < len(killed.decided()) < len(MANY)
    assert {*killed.decided(), *other.decided()} == set(named(*MANY))
    assert len(other.decided()) < len(MANY)


async def test_a_place_in_another_redis_counts_for_nothing(connection):
    await keep(connection, *used(*MANY[:20]))
    for partition in range(PARTITIONS):
        written = encode_walked(Walked(TODAY, "1234@run_id:another"))
        await connection.ask("SET", round_key(TOPIC, partition, "hello"), written)
    worker = Worker(connection)
    await worker.at_nine()
    assert sorted(worker.decided()) == named(*MANY[:20])


async def test_who_had_their_offer_is_passed_over(connection):
    await heard_yesterday(connection)
    anna, bert = used(CustomerId("anna"), CustomerId("bert"))
    worker = Worker(connection)
    of: Triggers = worker.rounds._triggering.lookout.triggers
    trigger = of.book.triggers[0]
    assert trigger.daily is not None
    due = round_at(trigger, trigger.daily, NINE_O_CLOCK)
    assert due is not None
    set_off = of.on_day(trigger, due.day_for(anna.customer_id), anna, NINE_O_CLOCK)
    assert set_off is not None
    take_in(anna, note_of(set_off, NINE_O_CLOCK))
    await keep(connection, anna, bert)
    await worker.at_nine()
    assert worker.decided() == named(bert.customer_id)


@pytest.mark.parametrize("step", ["decide", "publish", "note"])
async def test_what_failed_is_done_again(connection, step):
    await heard_yesterday(connection)
    await keep(connection, *used(*MANY[:3]))
    worker = Worker(connection, fails=[step])
    with pytest.raises(StorageError):
        await worker.at_nine()
    await worker.at_nine()
    noted = [name for done, names in worker.desk.done if done == "note" for name in names]
    assert sorted(noted) == named(*MANY[:3])


async def test_a_damaged_customer_holds_up_nobody(connection):
    await heard_yesterday(connection)
    await keep(connection, *used(*MANY[:3]))
    await connection.ask("SET", customer_key(MANY[1]), b"nonsense")
    worker = Worker(connection)
    await worker.at_nine()
    assert sorted(worker.decided()) == named(MANY[0], MANY[2])


async def test_who_has_no_partitions_does_nothing(connection):
    await heard_yesterday(connection)
    await keep(connection, *used(*MANY[:3]))
    worker = Worker(connection, Portion(frozenset(), 0))
    await worker.at_nine()
    assert worker.desk.done == []
