import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from engine.edges.kafka.messages import Record
from engine.edges.kafka.spool import Spool
from engine.errors import Overloaded, StorageError


def record(number: int) -> Record:
    return Record("events", b"ada", b"%05d" % number)


async def drained(spool: Spool, at_once: int = 7) -> list[bytes]:
    values = []
    while oldest := await spool.oldest(at_once):
        values += [record.value for _, record in oldest]
        await spool.forget(oldest)
    return values


async def test_what_was_put_comes_out_in_order_and_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    await asyncio.gather(*(spool.put([record(2 * n), record(2 * n + 1)]) for n in range(50)))
    assert len(spool) == 100
    assert await drained(spool) == [b"%05d" % n for n in range(100)]
    assert len(spool) == 0
    await spool.close()


async def test_it_is_there_after_a_restart_behind_what_was_sent(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    await spool.put([record(n) for n in range(10)])
    await spool.forget(await spool.oldest(4))
    await spool.close()
    spool = Spool(tmp_path / "spool.db")
    assert len(spool) == 6
    await spool.put([record(10)])
    assert await drained(spool) == [b"%05d" % n for n in range(4, 11)]
    await spool.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from engine.edges.kafka.spool import Spool
from tests.edges.kafka.test_spool import record

async def main(path):
    spool = Spool(path)
    for number in range(1_000_000):
        await spool.put([record(number)])
        print(number, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


def written_until_killed(spool: Path) -> list[int]:
    """Runs the writer, kills it, and returns what it was told to be accepted."""
    command = [sys.executable, "-c", WRITER, str(spool)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(20)]
        child.kill()
        said += child.stdout.readlines()
    return [int(line) for line in said if line.endswith("\n")]


async def test_a_killed_process_has_kept_what_it_was_told_to_be_accepted(tmp_path: Path) -> None:
    told = await asyncio.to_thread(written_until_killed, tmp_path / "spool.db")
    spool = Spool(tmp_path / "spool.db")
    kept = await drained(spool)
    assert kept[: len(told)] == [b"%05d" % n for n in told]
    assert len(kept) - len(told) in {0, 1}
    await spool.close()


async def test_a_full_spool_says_so_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", limit=16)
    await spool.put([record(0), record(1)])
    with pytest.raises(Overloaded, match=r"Kafka is away and the spool .*spool.db is full"):
        await spool.put([record(2)])
    await spool.forget(await spool.oldest(1))
    await spool.put([record(3)])
    assert await drained(spool) == [b"00001", b"00003"]
    await spool.close()


async def test_a_disk_that_takes_nothing_refuses_the_caller(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    await spool.put([record(0)])
    spool._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StorageError, match=r"spool.db cannot be read or written"):
        await spool.put([record(1)])
    spool._connection.execute("PRAGMA query_only = 0")
    assert len(spool) == 1
    await spool.put([record(2)])
    assert await drained(spool) == [b"00000", b"00002"]
    await spool.close()
