"""Triggers in the fold over a real Redis: decided by what is about to be written, once, and scored behind it."""

from collections.abc import AsyncIterator, Sequence

import pytest

from engine.edges.kafka.messages import Place, Taught
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.customers import RedisCustomers
from engine.edges.redis.keys import scores_key
from engine.edges.redis.scores import LastScores
from engine.edges.stream.fold import Placed, RedisFold
from engine.edges.stream.triggering import Triggering
from engine.errors import Overloaded, StorageError
from engine.model import CustomerId, Event, EventId, Interaction
from engine.triggers.lookout import Lookout
from engine.triggers.outreach import Outreach
from tests.builders import NOW
from tests.rulebook.builders import book
from tests.triggers.test_outreach import Desk
from tools.brokers.redis import Redis

ADA = CustomerId("ada")
DROPS = {"events.drops_1d": {"type": "int", "default": 0, "from": {"event": "drop", "count": "1d"}}}
THIRD = {"on": "drop", "when": "events.drops_1d >= 3", "placements": ["web.hero"]}


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[Connection]:
    opened = await Connection.open(RedisAddress.parse(redis.url), patience=20)
    await opened.ask("FLUSHALL")
    yield opened
    await opened.close()


class Worker:
    """The fold of a worker with a rule book, over a desk that writes down what it is asked to do."""

    def __init__(self, connection: Connection, desk: Desk) -> None:
        self.customers = RedisCustomers(connection, lambda: NOW)
        self.scores = LastScores(Aside(connection))
        lookout = Lookout(
            book(attributes=DROPS, policies={"triggers": {"third": THIRD}}), lambda: NOW
        )
        triggering = Triggering(lookout, Outreach(desk, desk), desk, self.scores)
        self.fold = RedisFold(self.customers, _taught, triggering)
        self.desk = desk

    def noted(self) -> list[str]:
        """What was noted as done."""
        return [name for step, names in self.desk.done if step == "note" for name in names]


async def _taught(_: Sequence[Taught]) -> None:
    raise AssertionError("there are no lessons in this")


def drops(first: int, last: int) -> list[Placed]:
    return [
        Placed(Place(0, n), Event(EventId(f"e{n}"), ADA, NOW - 9 + n, Interaction("drop", "app")))
        for n in range(first, last + 1)
    ]


async def test_the_third_sets_it_off_in_whatever_batches_they_come(connection: Connection) -> None:
    worker = Worker(connection, Desk())
    for first, last in ((1, 2), (3, 5), (6, 6)):
        await worker.fold.apply(drops(first, last))
    assert worker.noted() == ["trigger:third:e3"]
    (at_hand,) = worker.desk.at_hand
    assert [past.event_id for past in at_hand.interactions] == ["e1", "e2", "e3", "e4", "e5"]


@pytest.mark.parametrize("fails", ["decide", "publish", "note"])
async def test_a_batch_cut_off_sets_off_the_same_once_more(
    connection: Connection, fails: str
) -> None:
    worker = Worker(connection, Desk(fails=[fails]))
    with pytest.raises(StorageError):
        await worker.fold.apply(drops(1, 4))
    assert (await worker.customers.load(ADA)).interactions == []
    applied = await worker.fold.apply(drops(1, 4))
    assert len(applied.new) == 4
    assert worker.noted() == ["trigger:third:e3"]


async def test_a_full_spool_is_waited_for(connection: Connection) -> None:
    worker = Worker(connection, Desk(Overloaded("the spool is full", 1.0)))
    with pytest.raises(StorageError, match="the spool is full"):
        await worker.fold.apply(drops(1, 3))


async def test_what_comes_again_or_is_made_up_sets_nothing_off(connection: Connection) -> None:
    worker = Worker(connection, Desk())
    await worker.fold.apply(drops(1, 4))
    await worker.fold.apply(drops(1, 4))
    await connection.ask("FLUSHALL")
    await worker.fold.apply(drops(1, 4), is_made_up=True)
    assert worker.noted() == ["trigger:third:e3"]
    assert len((await worker.customers.load(ADA)).interactions) == 4


async def test_who_did_something_is_scored_and_every_server_is_told(connection: Connection) -> None:
    worker = Worker(connection, Desk())
    await worker.fold.apply(drops(1, 1))
    server = LastScores(Aside(connection))
    server.take(ADA, await connection.ask("GET", scores_key(ADA)))
    scored = server.of(ADA)
    assert scored is not None
    assert (scored.channel, scored.model_version) == ("app", "m")
    assert server.of(CustomerId("bob")) is None
