"""Spools of servers that are no more, on a real Kafka."""

from pathlib import Path

from engine.edges.kafka.messages import Record
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.spool import Spool
from engine.edges.kafka.topics import Size, Topics, ensure
from engine.edges.state.names import SPOOL
from engine.edges.stream.left_behind import left_behind, send_left_behind
from tools.brokers.kafka import Kafka

TOPICS = Topics("left")


async def spooled(folder: Path, *values: bytes) -> None:
    spool = Spool(folder / SPOOL)
    await spool.put([Record(TOPICS.events, b"ada", value) for value in values])
    await spool.close()


async def test_only_folders_of_servers_that_are_no_more_are_found(tmp_path: Path) -> None:
    one, three = tmp_path / "server-1", tmp_path / "server-3"
    for folder in (one, three):
        folder.mkdir()
    for folder in (tmp_path, one, three):
        await spooled(folder, b"1")
    (tmp_path / "server-4").mkdir()
    assert left_behind(tmp_path, {one}) == [tmp_path, three]
    assert left_behind(tmp_path, {tmp_path}) == [one, three]


async def test_what_they_accepted_is_sent_in_order_and_one_that_cannot_be_read_holds_up_nobody(
    tmp_path: Path, kafka: Kafka
) -> None:
    await ensure(kafka.bootstrap, TOPICS, Size(1))
    damaged, sound = tmp_path / "server-3", tmp_path / "server-4"
    damaged.mkdir()
    sound.mkdir()
    (damaged / SPOOL).write_bytes(b"no database" * 1_000)
    await spooled(sound, b"1", b"2")
    await send_left_behind([damaged, sound], kafka.bootstrap)
    found = [value async for _, _, value in stretch(kafka.bootstrap, TOPICS.events, 0, 0)]
    assert found == [b"1", b"2"]
    spool = Spool(sound / SPOOL)
    assert len(spool) == 0
    await spool.close()
