import random
import resource
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from engine.codec import decode_entry
from engine.edges.state.names import JOURNAL
from engine.edges.state.rebuild import digest
from engine.model import Event, EventStatus
from tests.edges.state.tally import Tally, rebuilt, recovered, store_at

ROUNDS = 6
AGAIN = 200


def killed_after(data: Path, first: int, lines: int) -> dict[int, EventStatus]:
    """Runs the writer, kills it after so many lines, and returns all it had acknowledged till then."""
    command = [sys.executable, "-m", "tests.edges.state.writer", str(data), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.readlines()
    pairs = [line.split() for line in said if line.endswith("\n")]
    return {int(number): EventStatus(int(status)) for number, status in pairs}


def logged(data: Path) -> Counter[str]:
    with closing(sqlite3.connect(data / JOURNAL)) as database:
        rows = database.execute("SELECT kind, body FROM entries").fetchall()
    read = [decode_entry(kind, body) for kind, body in rows]
    return Counter(entry.event_id for entry in read if isinstance(entry, Event))


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_killed_process_has_kept_every_acknowledged_event_once(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    first, acknowledged = 0, set[int]()
    for _ in range(ROUNDS):
        told = killed_after(tmp_path, first, chance.randrange(1, 1_500))
        for number, status in told.items():
            if number in acknowledged:
                assert status is EventStatus.DUPLICATE
        acknowledged |= set(told)
        first = max(0, max(acknowledged) - AGAIN)

        in_log = logged(tmp_path)
        assert set(in_log.values()) == {1}
        assert {f"e{number}" for number in acknowledged} <= set(in_log)
        from_log, learned = rebuilt(tmp_path)
        from_checkpoint, learned_since = recovered(tmp_path)
        assert from_checkpoint == from_log
        assert learned_since == learned

    from_log, learned = rebuilt(tmp_path)
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        assert tally.snapshot() == learned
        customers = [await store.load(customer_id) for customer_id in from_log.customers]
        assert digest(customers) == digest(from_log.customers.values())


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from engine.errors import StorageError
from tests.edges.state.tally import Tally, recovered, rebuilt, store_at
from tests.happenings import interaction

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main(data):
    async with store_at(data, Tally()) as store:
        accepted, number = set(), 0
        await store.append([interaction("first")])
        limit(300_000)
        refused = 0
        while refused < 3:
            number += 1
            try:
                await store.append([interaction(f"e{number}", what="x" * 20_000)])
            except StorageError:
                refused += 1
            else:
                accepted.add(f"e{number}")
        try:
            await store.checkpoint()
        except StorageError:
            print("no checkpoint")
        limit(resource.RLIM_INFINITY)
        await store.append([interaction("bob", "bob")])
        await store.settled()
        await store.checkpoint()
        assert recovered(data) == rebuilt(data)
        for n in range(1, number + 1):
            await store.append([interaction(f"e{n}", what="x" * 20_000)])
        await store.settled()
        known = [past.event_id for past in store.known("ada").interactions]
        assert sorted(known) == sorted(["first", *(f"e{n}" for n in range(1, number + 1))]), known
    assert recovered(data) == rebuilt(data)
    print(len(accepted), number)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_full_disk_refuses_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    failed, numbers = ran.stdout.splitlines()
    assert failed == "no checkpoint"
    accepted, number = map(int, numbers.split())
    assert 0 < accepted == number - 3
