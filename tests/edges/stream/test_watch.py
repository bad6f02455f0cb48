"""What a watch has done about what it sees of its group."""

from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition

from engine.edges.stream.group import Share, Standing
from engine.edges.stream.stalls import END_AFTER, REJOIN_AFTER, Doing
from engine.edges.stream.watch import Watch
from engine.errors import StorageError

HERE = TopicPartition("t.events", 0)
THERE = TopicPartition("t.events", 1)
STUCK = Standing({HERE: Share(9, 5, "me"), THERE: Share(7, 7, "another")})


class Desk:
    """A group that stands as it is told, and who is asked to join it anew."""

    member = "me"

    def __init__(self) -> None:
        self.standing: Standing | None = STUCK
        self.now = 100.0
        self.rejoined: list[float] = []
        self.looked_after: Mapping[TopicPartition, Share] = {}
        doing = Doing("me", waiting=False, catching_up=False, moved=0)
        self.watch = Watch(self, self, lambda _: doing, self.look_after, lambda: self.now)

    async def look(self) -> Standing:
        if self.standing is None:
            raise StorageError("Kafka is away")
        return self.standing

    async def close(self) -> None:
        """There is nothing to end."""

    def rejoin(self) -> None:
        self.rejoined.append(self.now)

    def look_after(self, owned: Mapping[TopicPartition, Share]) -> None:
        self.looked_after = owned

    async def at(self, now: float) -> None:
        self.now = now
        await self.watch.look()


async def test_what_is_the_workers_is_told_to_those_who_look_after_it() -> None:
    desk = Desk()
    await desk.at(101.0)
    assert desk.looked_after == desk.watch.seen.owned == {HERE: Share(9, 5, "me")}
    assert desk.watch.seen.standing is STUCK
    assert desk.watch.seen.looked == 101.0


async def test_a_stall_is_told_of_then_joined_against_and_in_the_end_given_up() -> None:
    desk = Desk()
    await desk.at(100.0)
    await desk.at(103.0)
    assert desk.watch.seen.stalled == 3.0
    assert not desk.rejoined
    await desk.at(100.0 + REJOIN_AFTER)
    assert desk.rejoined == [100.0 + REJOIN_AFTER]
    assert desk.watch.seen.rejoined == 1
    with pytest.raises(StorageError, match="has stood still for 60 s"):
        await desk.at(100.0 + END_AFTER)


async def test_while_kafka_is_away_nothing_is_known_and_nobody_to_blame() -> None:
    desk = Desk()
    await desk.at(100.0)
    desk.standing = None
    await desk.at(130.0)
    assert desk.watch.seen.standing is None
    assert not desk.watch.seen.owned
    assert desk.watch.seen.looked == 130.0
    desk.standing = STUCK
    await desk.at(100.0 + END_AFTER)
    assert desk.watch.seen.stalled == 0.0
    assert not desk.rejoined
